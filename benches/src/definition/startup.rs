//! Starting on a data directory with many closed streams. What must hold: the streams are there afterwards.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{Bench, Definition};
use crate::http::Connection;
use crate::process::Process;
use crate::result::{Metric, OURS, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Startup {
    /// Closed streams in the data directory.
    #[arg(long, default_value_t = 100_000)]
    streams: u64,
    /// How often the server is started on them.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Connections that make streams at the same time.
const CONNECTIONS: u64 = 16;

const LISTENS: Metric = Metric::less("until it listens", "ms");

impl Definition for Startup {
    const NAME: &'static str = "startup";
    const HOLDS: &'static str = "the streams are there after kill -9";

    fn workload(&self) -> String {
        format!("{} starts on {} closed streams, each after kill -9", self.rounds, self.streams)
    }

    fn smoke() -> Self {
        Self { streams: 2_000, rounds: 2 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let directory = tempfile::tempdir()?;
        let mut process = start(&bench.server, directory.path())?;
        report.point("an empty directory", 0.0, OURS).add(LISTENS, process.started_in.as_secs_f64() * 1e3);
        make(process.address, self.streams).await?;
        for _ in 0..self.rounds {
            process.kill()?;
            process = start(&bench.server, directory.path())?;
            let mut connection = Connection::open(process.address).await?;
            let path = format!("/v1/stream/closed/{}?view=state", self.streams - 1);
            connection.call("GET", &path, "Accept: application/json\r\n", b"").await?;
            report
                .point(format!("{} closed streams", self.streams), self.streams as f64, OURS)
                .add(LISTENS, process.started_in.as_secs_f64() * 1e3);
        }
        Ok(report)
    }
}

fn start(server: &Path, data_dir: &Path) -> Result<Process> {
    let data_dir = data_dir.to_str().context("an odd path")?;
    Process::start(server, &["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir])
}

/// Makes closed streams, on many connections at once.
async fn make(address: SocketAddr, streams: u64) -> Result<()> {
    let mut makers = JoinSet::new();
    for maker in 0..CONNECTIONS {
        makers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            for number in (maker..streams).step_by(CONNECTIONS as usize) {
                let headers = "Content-Type: text/event-stream\r\nStream-Closed: true\r\n";
                connection.call("PUT", &format!("/v1/stream/closed/{number}"), headers, b"data: all of it\n\n").await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(made) = makers.join_next().await {
        made??;
    }
    Ok(())
}

//! Starting on a data directory with many closed streams. What must hold: the streams are there afterwards.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use tokio::task::JoinSet;

use crate::http::Connection;
use crate::process::Process;

#[derive(Debug, Clone, Args)]
pub(crate) struct Workload {
    /// Closed streams in the data directory.
    #[arg(long, default_value_t = 100_000)]
    streams: u64,
    /// How often the server is started on them.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Connections that make streams at the same time.
const CONNECTIONS: u64 = 16;

pub(crate) async fn run(server: &Path, workload: Workload) -> Result<()> {
    println!("startup: {} closed streams, {} starts after kill -9", workload.streams, workload.rounds);
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().to_str().context("an odd path")?;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let mut process = Process::start(server, &arguments).await?;
    println!("{:>20}: {:7.1} ms until it listens", "empty directory", process.started_in.as_secs_f64() * 1e3);
    let mut makers = JoinSet::new();
    for maker in 0..CONNECTIONS {
        let (address, streams) = (process.address.clone(), workload.streams);
        makers.spawn(async move {
            let mut connection = Connection::open(&address).await?;
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
    for _ in 0..workload.rounds {
        process.kill().await?;
        process = Process::start(server, &arguments).await?;
        let mut connection = Connection::open(&process.address).await?;
        let path = format!("/v1/stream/closed/{}?view=state", workload.streams - 1);
        connection.call("GET", &path, "Accept: application/json\r\n", b"").await?;
        println!("{:>20}: {:7.1} ms until it listens", workload.streams, process.started_in.as_secs_f64() * 1e3);
    }
    Ok(())
}

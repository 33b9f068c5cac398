//! Starting on a data directory with many closed streams. What must hold: the streams are there afterwards.
//!
//! A start leaves less to do for the next one. So each is on a copy of the directory as `kill -9` left it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::{Bench, Definition};
use crate::generator::load::{Asker, Load};
use crate::generator::wire::Answer;
use crate::http::Connection;
use crate::process::Process;
use crate::result::{Metric, OURS, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Startup {
    /// Closed streams in the data directory, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    streams: Vec<u64>,
    /// How often the server is started on them, each time on a copy of its own.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// Connections that make streams at the same time.
const CONNECTIONS: usize = 64;
/// What every stream holds.
const BODY: &str = "data: all of it\n\n";

const ANSWERS: Metric = Metric::less("until the first answer", "ms");
const LISTENS: Metric = Metric::less("until it listens", "ms");
const RESIDENT: Metric = Metric::less("resident then", "MiB");

impl Definition for Startup {
    const NAME: &'static str = "startup";
    const HOLDS: &'static str = "the streams are there after kill -9";

    fn workload(&self) -> String {
        format!(
            "{} starts on each of {:?} closed streams, each on a copy of the directory as kill -9 left it",
            self.rounds, self.streams
        )
    }

    fn smoke() -> Self {
        Self { streams: vec![500, 2_000], rounds: 2 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let directory = tempfile::tempdir()?;
        let process = start(&bench.server, directory.path())?;
        report.point("an empty directory", 0.0, OURS).add(LISTENS, process.started_in.as_secs_f64() * 1e3);
        process.kill()?;
        let mut made = 0;
        for &streams in &self.streams {
            let process = start(&bench.server, directory.path())?;
            let mut maker = Maker { next: made, until: streams };
            Load::open(process.address, CONNECTIONS)?.closed_loop(&mut maker)?;
            made = streams;
            process.kill()?;
            for _ in 0..self.rounds {
                measure_start(&bench.server, directory.path(), streams, &mut report).await?;
            }
        }
        Ok(report)
    }
}

/// Starts the server on a copy of the `directory` that holds so many streams and is nobody's at the moment.
async fn measure_start(server: &Path, directory: &Path, streams: u64, report: &mut Report) -> Result<()> {
    let copy = tempfile::tempdir()?;
    copy_into(copy.path(), directory)?;
    let began = Instant::now();
    let process = start(server, copy.path())?;
    look_at(process.address, streams - 1).await?;
    report
        .point(format!("{streams} closed streams"), streams as f64, OURS)
        .add(ANSWERS, began.elapsed().as_secs_f64() * 1e3)
        .add(LISTENS, process.started_in.as_secs_f64() * 1e3)
        .add(RESIDENT, process.resident_kib()? as f64 / 1024.0);
    process.kill()
}

/// Copies all that is in a directory, onto the device, so that whoever starts on the copy does not wait for its writing.
fn copy_into(copy: &Path, directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let place = copy.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&place)?;
            copy_into(&place, &entry.path())?;
        } else {
            fs::copy(entry.path(), &place)?;
            fs::File::open(&place)?.sync_all()?;
        }
    }
    Ok(())
}

fn start(server: &Path, data_dir: &Path) -> Result<Process> {
    let data_dir = data_dir.to_str().context("an odd path")?;
    Process::start(server, &["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir])
}

/// The last stream that was made is closed and whole.
async fn look_at(address: SocketAddr, stream: u64) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let path = format!("/v1/stream/closed/{stream}?view=state");
    let state = connection.call("GET", &path, "Accept: application/json\r\n", b"").await?;
    let state: serde_json::Value = serde_json::from_slice(&state)?;
    ensure!(state.get("state").is_some_and(|state| state == "closed"), "stream {stream} is not closed: {state}");
    Ok(())
}

/// Makes closed streams.
struct Maker {
    next: u64,
    until: u64,
}

impl Asker for Maker {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        if self.next == self.until {
            return false;
        }
        let length = BODY.len();
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "PUT /v1/stream/closed/{} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/event-stream\r\n\
             Stream-Closed: true\r\nContent-Length: {length}\r\n\r\n{BODY}",
            self.next
        );
        self.next += 1;
        true
    }

    fn answered(&mut self, _connection: usize, answer: Answer<'_>) -> Result<()> {
        ensure!(answer.status == 201, "a creation was answered {}", answer.status);
        Ok(())
    }
}

//! Resuming at the tail of a short and of a long stream. What must hold: exactly the last record comes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use super::{Bench, Definition};
use crate::http::Connection;
use crate::process::Process;
use crate::result::{Latencies, Metric, OURS, Report};
use crate::subscriber::Subscriber;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Resume {
    /// Records of the short stream.
    #[arg(long, default_value_t = 1_000)]
    short: u64,
    /// Records of the long stream.
    #[arg(long, default_value_t = 1_000_000)]
    long: u64,
    /// How often each is resumed, in turn.
    #[arg(long, default_value_t = 500)]
    rounds: u32,
}

/// Records per append while a stream is filled.
const BATCH: u64 = 1_000;

const P50_RATIO: Metric = Metric::less("p50 / short", "");
const P99_RATIO: Metric = Metric::less("p99 / short", "");

impl Definition for Resume {
    const NAME: &'static str = "resume";
    const HOLDS: &'static str = "exactly the last record comes";

    fn workload(&self) -> String {
        let Self { short, long, rounds } = self;
        format!("resuming at the tail of {short} and of {long} records after a restart, {rounds} times each, in turn")
    }

    fn smoke() -> Self {
        Self { short: 100, long: 10_000, rounds: 20 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().to_str().context("an odd path")?;
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        let process = Process::start(&bench.server, &arguments)?;
        for (name, records) in [("short", self.short), ("long", self.long)] {
            fill(process.address, name, records).await?;
        }
        // A new process, so that nothing of the streams is in memory but what resuming brings there.
        process.kill()?;
        let process = Process::start(&bench.server, &arguments)?;
        let (mut short, mut long) = (Latencies::default(), Latencies::default());
        for _ in 0..self.rounds {
            short.add(resume(process.address, "short", self.short).await?);
            long.add(resume(process.address, "long", self.long).await?);
        }
        let mut ratio = |share| long.quantile_ms(share) / short.quantile_ms(share);
        let (p50_ratio, p99_ratio) = (ratio(0.5), ratio(0.99));
        let mut report = Report::default();
        report.point(format!("{} records", self.short), self.short as f64, OURS).add_latencies(&mut short);
        report
            .point(format!("{} records", self.long), self.long as f64, OURS)
            .add_latencies(&mut long)
            .add(P50_RATIO, p50_ratio)
            .add(P99_RATIO, p99_ratio);
        Ok(report)
    }
}

async fn fill(address: SocketAddr, name: &str, records: u64) -> Result<()> {
    let mut publisher = Connection::open(address).await?;
    let (path, json) = (format!("/v1/stream/{name}"), "Content-Type: application/json\r\n");
    publisher.call("PUT", &path, json, b"").await?;
    for start in (0..records).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<String> =
            (start..records.min(start + BATCH)).map(|n| format!(r#"{{"record":{n},"pad":"{:064}"}}"#, 0)).collect();
        publisher.call("POST", &path, json, format!("[{}]", batch.join(",")).as_bytes()).await?;
    }
    Ok(())
}

/// From the connect to the last record's arrival.
async fn resume(address: SocketAddr, name: &str, records: u64) -> Result<Duration> {
    let mut connection = Connection::open(address).await?;
    let state =
        connection.call("GET", &format!("/v1/stream/{name}?view=state"), "Accept: application/json\r\n", b"").await?;
    let state: serde_json::Value = serde_json::from_slice(&state)?;
    let next = state.get("next_event_id").and_then(serde_json::Value::as_str).context("no next_event_id")?;
    let (epoch, tail) = next.split_once('-').context("an odd event id")?;
    ensure!(tail == records.to_string(), "the stream has {tail} records");
    let last_seen = format!("{epoch}-{}", records - 1);
    let request = format!(
        "GET /v1/stream/{name} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_seen}\r\n\r\n"
    );
    let began = Instant::now();
    let mut subscriber = Subscriber::open(address, &request).await?;
    let bytes = subscriber.read_past(format!("\"record\":{}", records - 1).as_bytes()).await?;
    ensure!(bytes < 1024, "{bytes} bytes came for one record");
    Ok(began.elapsed())
}

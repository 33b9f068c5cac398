//! Resuming at the tail of a short and of a long stream. What must hold: exactly the last record comes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::http::Connection;
use crate::process::Process;
use crate::report::Latencies;
use crate::subscriber::Subscriber;

#[derive(Debug, Clone, Args)]
pub(crate) struct Workload {
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

pub(crate) async fn run(server: &Path, workload: Workload) -> Result<()> {
    println!(
        "resume at the tail: {} against {} records, {} times each",
        workload.short, workload.long, workload.rounds
    );
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().to_str().context("an odd path")?;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let process = Process::start(server, &arguments).await?;
    for (name, records) in [("short", workload.short), ("long", workload.long)] {
        fill(&process.address, name, records).await?;
    }
    // A new process, so that nothing of the streams is in memory but what resuming brings there.
    process.kill().await?;
    let process = Process::start(server, &arguments).await?;
    let (mut short, mut long) = (Latencies::default(), Latencies::default());
    for _ in 0..workload.rounds {
        short.add(resume(&process.address, "short", workload.short).await?);
        long.add(resume(&process.address, "long", workload.long).await?);
    }
    for (name, records, latencies) in [("short", workload.short, &mut short), ("long", workload.long, &mut long)] {
        println!(
            "{name:>20}: {records:>9} records, last record back after p50 {:6.3} ms p99 {:6.3} ms",
            latencies.quantile_ms(0.5),
            latencies.quantile_ms(0.99)
        );
    }
    println!(
        "long / short: p50 {:.2} p99 {:.2}",
        long.quantile_ms(0.5) / short.quantile_ms(0.5),
        long.quantile_ms(0.99) / short.quantile_ms(0.99)
    );
    Ok(())
}

async fn fill(address: &str, name: &str, records: u64) -> Result<()> {
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
async fn resume(address: &str, name: &str, records: u64) -> Result<Duration> {
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

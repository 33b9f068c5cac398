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
    /// Records of the streams; the ratios are to the second shortest.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000])]
    records: Vec<u64>,
    /// How often each is resumed, in turn.
    #[arg(long, default_value_t = 1_000)]
    rounds: u32,
}

/// Records per append while a stream is filled.
const BATCH: u64 = 10_000;

const P50_RATIO: Metric = Metric::less("p50 / short", "");
const P99_RATIO: Metric = Metric::less("p99 / short", "");

/// A stream that is there to be resumed.
struct Filled {
    name: String,
    records: u64,
    /// The id of the last event but one.
    last_seen: String,
    latencies: Latencies,
}

impl Definition for Resume {
    const NAME: &'static str = "resume";
    const HOLDS: &'static str = "exactly the last record comes";

    fn workload(&self) -> String {
        let Self { records, rounds } = self;
        format!(
            "resuming at the tail of streams of {records:?} records after a restart, {rounds} times each, in turn; from the \
             connect to the record"
        )
    }

    fn smoke() -> Self {
        Self { records: vec![10, 100, 20_000], rounds: 20 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().to_str().context("an odd path")?;
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
        let process = Process::start(&bench.server, &arguments)?;
        for records in &self.records {
            fill(process.address, &name(*records), *records).await?;
        }
        // A new process, so that nothing of the streams is in memory but what resuming brings there.
        process.kill()?;
        let process = Process::start(&bench.server, &arguments)?;
        let mut streams = Vec::new();
        for records in &self.records {
            streams.push(Filled::find(process.address, *records).await?);
        }
        for _ in 0..self.rounds {
            for stream in &mut streams {
                let took = stream.resume(process.address).await?;
                stream.latencies.add(took);
            }
        }
        let mut report = Report::along("records");
        let short = streams.get_mut(1).context("a ratio needs two streams")?;
        let (short_p50, short_p99) = (short.latencies.quantile_ms(0.5), short.latencies.quantile_ms(0.99));
        for stream in &mut streams {
            let ratios =
                [stream.latencies.quantile_ms(0.5) / short_p50, stream.latencies.quantile_ms(0.99) / short_p99];
            report
                .point(format!("{} records", stream.records), stream.records as f64, OURS)
                .add_latencies(&mut stream.latencies)
                .add(P50_RATIO, ratios[0])
                .add(P99_RATIO, ratios[1]);
        }
        Ok(report)
    }
}

fn name(records: u64) -> String {
    format!("of-{records}")
}

async fn fill(address: SocketAddr, name: &str, records: u64) -> Result<()> {
    let mut publisher = Connection::open(address).await?;
    let (path, json) = (format!("/v1/stream/{name}"), "Content-Type: application/json\r\n");
    publisher.call("PUT", &path, json, b"").await?;
    for start in (0..records).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<String> =
            (start..records.min(start + BATCH)).map(|number| format!(r#"{{"record":{number}}}"#)).collect();
        publisher.call("POST", &path, json, format!("[{}]", batch.join(",")).as_bytes()).await?;
    }
    Ok(())
}

impl Filled {
    async fn find(address: SocketAddr, records: u64) -> Result<Self> {
        let name = name(records);
        let path = format!("/v1/stream/{name}?view=state");
        let state = Connection::open(address).await?.call("GET", &path, "Accept: application/json\r\n", b"").await?;
        let state: serde_json::Value = serde_json::from_slice(&state)?;
        let next = state.get("next_event_id").and_then(serde_json::Value::as_str).context("no next_event_id")?;
        let (epoch, tail) = next.split_once('-').context("an odd event id")?;
        ensure!(tail == records.to_string(), "the stream has {tail} records");
        let last_seen = format!("{epoch}-{}", records - 1);
        Ok(Self { name, records, last_seen, latencies: Latencies::default() })
    }

    /// From the connect to the last record's arrival.
    async fn resume(&self, address: SocketAddr) -> Result<Duration> {
        let Self { name, records, last_seen, .. } = self;
        let request = format!(
            "GET /v1/stream/{name} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_seen}\r\n\r\n"
        );
        let began = Instant::now();
        let mut subscriber = Subscriber::open(address, &request).await?;
        let bytes = subscriber.read_past(format!("\"record\":{}", records - 1).as_bytes()).await?;
        let took = began.elapsed();
        ensure!(bytes < 1024, "{bytes} bytes came for one record");
        Ok(took)
    }
}

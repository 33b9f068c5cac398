//! One stream, many subscribers. What must hold: every subscriber gets every event, in order.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::{Bench, Definition};
use crate::http::Connection;
use crate::process::Process;
use crate::result::{BARE, Latencies, Metric, OURS, Report, micros_each, now_nanos};
use crate::subscriber::{Subscriber, stamped};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct FanOut {
    /// Subscribers of the one stream.
    #[arg(long, default_value_t = 1000)]
    subscribers: u64,
    /// Events per second.
    #[arg(long, default_value_t = 50)]
    rate: u64,
    /// Bytes of data in an event.
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Seconds that are measured, after as many events as one second brings.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What an acknowledgement means.
    #[arg(long, default_value = "os")]
    durability: String,
}

/// What one server did.
struct Outcome {
    cpu: Duration,
    latencies: Latencies,
    resident_kib: u64,
}

const CPU: Metric = Metric::less("CPU per delivery", "µs");

impl Definition for FanOut {
    const NAME: &'static str = "fan-out";
    const HOLDS: &'static str = "every subscriber gets every event, in order";

    fn workload(&self) -> String {
        let Self { subscribers, rate, size, seconds, durability } = self;
        format!("{subscribers} subscribers, {rate} events/s of {size} bytes, {seconds} s, durability {durability}")
    }

    fn smoke() -> Self {
        Self { subscribers: 20, rate: 50, size: 200, seconds: 1, durability: "os".to_owned() }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let deliveries = self.subscribers * self.rate * self.seconds;
        let mut report = Report::default();
        let mut outcomes = Vec::new();
        if bench.peers.wants_own(BARE) {
            outcomes.push((BARE, against_bare(self).await?));
        }
        outcomes.push((OURS, against_everstream(&bench.server, self).await?));
        for (name, mut outcome) in outcomes {
            report
                .entry(format!("{} × {}/s", self.subscribers, self.rate), name)
                .add(CPU, micros_each(outcome.cpu, deliveries))
                .add_latencies(&mut outcome.latencies)
                .add(Metric::less("resident", "MiB"), outcome.resident_kib as f64 / 1024.0);
        }
        Ok(report)
    }
}

async fn against_everstream(server: &Path, workload: &FanOut) -> Result<Outcome> {
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().to_str().context("an odd path")?;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--durability", &workload.durability];
    let process = Process::start(server, &arguments)?;
    let mut publisher = Connection::open(process.address).await?;
    publisher.call("PUT", "/v1/stream/bench", "Content-Type: application/json\r\n", b"").await?;
    let request =
        format!("GET /v1/stream/bench HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n", process.address);
    let subscribers = subscribe(process.address, &request, workload.subscribers).await?;
    measure(&process, workload, subscribers, async |number| {
        let body = stamped(number, now_nanos(), workload.size);
        publisher.call("POST", "/v1/stream/bench", "Content-Type: application/json\r\n", body.as_bytes()).await?;
        Ok(())
    })
    .await
}

async fn against_bare(workload: &FanOut) -> Result<Outcome> {
    let process = Process::start_own("bare")?;
    let request = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
    let subscribers = subscribe(process.address, request, workload.subscribers).await?;
    let mut publisher = tokio::net::TcpStream::connect(process.address).await?;
    publisher.set_nodelay(true)?;
    publisher.write_all(b"PUBLISH / HTTP/1.1\r\n\r\n").await?;
    measure(&process, workload, subscribers, async |number| {
        let text = stamped(number, now_nanos(), workload.size);
        let length = u32::try_from(text.len())?;
        publisher.write_all(&[&length.to_be_bytes(), text.as_bytes()].concat()).await?;
        Ok(())
    })
    .await
}

async fn subscribe(address: SocketAddr, request: &str, count: u64) -> Result<Vec<Subscriber>> {
    let mut subscribers = Vec::new();
    for _ in 0..count {
        subscribers.push(Subscriber::open(address, request).await?);
    }
    Ok(subscribers)
}

/// Publishes at the workload's rate; the first second is warm-up, then CPU and latency count.
async fn measure(
    process: &Process,
    workload: &FanOut,
    subscribers: Vec<Subscriber>,
    mut publish: impl AsyncFnMut(u64) -> Result<()>,
) -> Result<Outcome> {
    let last = workload.rate * (workload.seconds + 1);
    let deadline = Instant::now() + Duration::from_secs(workload.seconds + 30);
    let mut readers = JoinSet::new();
    let warm_up = workload.rate;
    for mut subscriber in subscribers {
        readers.spawn(async move {
            subscriber.read_until(warm_up).await?;
            subscriber.latencies = Latencies::default();
            ensure!(subscriber.read_until(last).await?, "a subscriber was cut off at {}", subscriber.next);
            Ok(subscriber.latencies)
        });
    }
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(workload.rate)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut cpu_before = process.cpu()?;
    for number in 0..last {
        ticks.tick().await;
        if number == warm_up {
            cpu_before = process.cpu()?;
        }
        publish(number).await?;
    }
    let mut latencies = Latencies::default();
    while let Some(read) = timeout_at(deadline, readers.join_next()).await.context("subscribers are late")? {
        latencies.merge(read??);
    }
    Ok(Outcome { cpu: process.cpu()?.saturating_sub(cpu_before), latencies, resident_kib: process.resident_kib()? })
}

//! Many answers at once through the relay. What must hold: every caller gets every token, in order.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{Bench, Definition};
use crate::process::Process;
use crate::result::{Latencies, Metric, OURS, Report, micros_each};
use crate::subscriber::Subscriber;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Relay {
    /// Answers at the same time.
    #[arg(long, default_value_t = 500)]
    answers: u64,
    /// Tokens per second and answer.
    #[arg(long, default_value_t = 40)]
    rate: u64,
    /// Seconds each answer takes.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What an acknowledgement means.
    #[arg(long, default_value = "os")]
    durability: String,
}

/// What the tokens of one run took.
struct Outcome {
    cpu: Duration,
    latencies: Latencies,
}

const CPU: Metric = Metric::less("CPU per token", "µs");

impl Definition for Relay {
    const NAME: &'static str = "relay";
    const HOLDS: &'static str = "every caller gets every token, in order";

    fn workload(&self) -> String {
        let Self { answers, rate, seconds, durability } = self;
        format!("{answers} answers at once, {rate} tokens/s each for {seconds} s, durability {durability}")
    }

    fn smoke() -> Self {
        Self { answers: 8, rate: 40, seconds: 1, durability: "os".to_owned() }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let case = format!("{} × {}/s", self.answers, self.rate);
        let upstream = Process::start_own("upstream")?;
        let path = format!("/v1/chat/completions?rate={}&tokens={}", self.rate, self.tokens());
        // What the load generator and its upstream take alone.
        let mut direct = measure(&upstream, &path, self).await?;
        report.entry(&case, "direct").add_latencies(&mut direct.latencies);

        let directory = tempfile::tempdir()?;
        let config = directory.path().join("everstream.toml");
        fs::write(&config, format!("[upstreams.bench]\nmount = \"/bench\"\nurl = \"http://{}\"\n", upstream.address))?;
        let data_dir = directory.path().join("data");
        let (config, data_dir) = (config.to_str().context("an odd path")?, data_dir.to_str().context("an odd path")?);
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", config, "--data-dir", data_dir];
        let process = Process::start(&bench.server, &[&arguments[..], &["--durability", &self.durability]].concat())?;
        let mut relayed = measure(&process, &format!("/bench{path}"), self).await?;
        report
            .entry(&case, OURS)
            .add(CPU, micros_each(relayed.cpu, self.answers * self.tokens()))
            .add_latencies(&mut relayed.latencies)
            .add(Metric::less("resident", "MiB"), process.resident_kib()? as f64 / 1024.0);
        Ok(report)
    }
}

impl Relay {
    /// Of one answer.
    fn tokens(&self) -> u64 {
        self.rate * self.seconds
    }
}

/// Starts every answer, spread over a second, and reads each to its end.
async fn measure(process: &Process, path: &str, workload: &Relay) -> Result<Outcome> {
    let body = r#"{"model":"bench","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let (address, length): (SocketAddr, usize) = (process.address, body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let tokens = workload.tokens();
    let deadline = Instant::now() + Duration::from_secs(workload.seconds + 30);
    let cpu_before = process.cpu()?;
    let mut readers = JoinSet::new();
    for answer in 0..workload.answers {
        let request = request.clone();
        let start = Instant::now() + Duration::from_secs(1) * u32::try_from(answer)? / u32::try_from(workload.answers)?;
        readers.spawn(async move {
            tokio::time::sleep_until(start).await;
            let mut subscriber = Subscriber::open(address, &request).await?;
            ensure!(subscriber.read_until(tokens).await?, "an answer was cut off at token {}", subscriber.next);
            Ok(subscriber.latencies)
        });
    }
    let mut latencies = Latencies::default();
    while let Some(read) = timeout_at(deadline, readers.join_next()).await.context("answers are late")? {
        latencies.merge(read??);
    }
    Ok(Outcome { cpu: process.cpu()?.saturating_sub(cpu_before), latencies })
}

//! Many answers at once through the relay. What must hold: every caller gets every token, in order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::process::Process;
use crate::report::{Latencies, micros_each};
use crate::subscriber::Subscriber;

#[derive(Debug, Clone, Args)]
pub(crate) struct Workload {
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

pub(crate) async fn run(server: &Path, workload: Workload) -> Result<()> {
    let Workload { answers, rate, seconds, durability } = &workload;
    println!("relay: {answers} answers at once, {rate} tokens/s each for {seconds} s, durability {durability}");
    let upstream = Process::start(&std::env::current_exe()?, &["upstream"]).await?;
    let tokens = rate * seconds;
    let path = format!("/v1/chat/completions?rate={rate}&tokens={tokens}");
    let mut direct = measure(&upstream, &upstream.address, &path, &workload).await?;

    let directory = tempfile::tempdir()?;
    let config = directory.path().join("everstream.toml");
    fs::write(&config, format!("[upstreams.bench]\nmount = \"/bench\"\nurl = \"http://{}\"\n", upstream.address))?;
    let data_dir = directory.path().join("data");
    let (config, data_dir) = (config.to_str().context("an odd path")?, data_dir.to_str().context("an odd path")?);
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--config", config, "--data-dir", data_dir, "--durability", durability];
    let process = Process::start(server, &arguments).await?;
    let mut relayed = measure(&process, &process.address, &format!("/bench{path}"), &workload).await?;

    let count = answers * tokens;
    println!(
        "{:>20}: latency p50 {:6.2} ms p99 {:6.2} ms (the load generator and its upstream alone)",
        "direct",
        direct.latencies.quantile_ms(0.5),
        direct.latencies.quantile_ms(0.99)
    );
    println!(
        "{:>20}: {:5.2} µs CPU per token, latency p50 {:6.2} ms p99 {:6.2} ms, {} KiB resident",
        "everstream",
        micros_each(relayed.cpu, count),
        relayed.latencies.quantile_ms(0.5),
        relayed.latencies.quantile_ms(0.99),
        process.resident_kib()?
    );
    println!("{count} tokens each, all in order, none lost");
    Ok(())
}

/// Starts every answer, spread over a second, and reads each to its end.
async fn measure(process: &Process, address: &str, path: &str, workload: &Workload) -> Result<Outcome> {
    let body = r#"{"model":"bench","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let tokens = workload.rate * workload.seconds;
    let deadline = Instant::now() + Duration::from_secs(workload.seconds + 30);
    let cpu_before = process.cpu()?;
    let mut readers = JoinSet::new();
    for answer in 0..workload.answers {
        let (address, request) = (address.to_owned(), request.clone());
        let start = Instant::now() + Duration::from_secs(1) * u32::try_from(answer)? / u32::try_from(workload.answers)?;
        readers.spawn(async move {
            tokio::time::sleep_until(start).await;
            let mut subscriber = Subscriber::open(&address, &request).await?;
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

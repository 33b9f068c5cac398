//! Many answers of the built-in demo at once: its upstream is the same process, so that the figure holds its sending too.
//! What must hold: every answer comes whole, its events densely numbered.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{Bench, Definition};
use crate::process::Process;
use crate::result::{Metric, OURS, Report, micros_each};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Demo {
    /// Answers at the same time.
    #[arg(long, default_value_t = 500)]
    answers: u64,
    /// Tokens per second and answer; the text decides how many there are.
    #[arg(long, default_value_t = 40)]
    rate: u64,
    /// What an acknowledgement means.
    #[arg(long, default_value = "os")]
    durability: String,
}

/// No answer of the demo takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

const CPU: Metric = Metric::less("CPU per token, making and sending it as its own upstream included", "µs");

impl Definition for Demo {
    const NAME: &'static str = "demo";
    const HOLDS: &'static str = "every answer whole, its events densely numbered";

    fn workload(&self) -> String {
        let Self { answers, rate, durability } = self;
        format!("{answers} answers of the built-in demo at once, {rate} tokens/s each, durability {durability}")
    }

    fn smoke() -> Self {
        Self { answers: 8, rate: 400, durability: "os".to_owned() }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().to_str().context("an odd path")?;
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--durability", &self.durability];
        let process = Process::start(&bench.server, &arguments)?;
        let cpu_before = process.cpu()?;
        let count = self.ask_all(process.address).await?;
        let each = micros_each(process.cpu()?.saturating_sub(cpu_before), count);
        let mut report = Report::default();
        report
            .entry(format!("{} × {}/s", self.answers, self.rate), OURS)
            .add(CPU, each)
            .add(Metric::fact("events", ""), count as f64);
        Ok(report)
    }
}

impl Demo {
    /// Asks for all answers, spread over a second, and reads them; returns how many events they had.
    async fn ask_all(&self, address: SocketAddr) -> Result<u64> {
        let deadline = Instant::now() + PATIENCE;
        let mut readers = JoinSet::new();
        for answer in 0..self.answers {
            let rate = self.rate;
            let start = Instant::now() + Duration::from_secs(1) * u32::try_from(answer)? / u32::try_from(self.answers)?;
            readers.spawn(async move {
                tokio::time::sleep_until(start).await;
                events(&ask(address, rate).await?)
            });
        }
        let mut count = 0;
        while let Some(read) = timeout_at(deadline, readers.join_next()).await.context("answers are late")? {
            count += read??;
        }
        Ok(count)
    }
}

/// The whole response to one question.
async fn ask(address: SocketAddr, rate: u64) -> Result<String> {
    let body = r#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let length = body.len();
    let request = format!(
        "POST /demo/v1/chat/completions?rate={rate} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    socket.read_to_string(&mut response).await?;
    Ok(response)
}

/// How many events a response has, once it is seen to be whole.
fn events(response: &str) -> Result<u64> {
    ensure!(response.starts_with("HTTP/1.1 200"), "{response}");
    ensure!(response.contains("data: [DONE]"), "an answer was cut off");
    let mut count = 0;
    for id in response.lines().filter_map(|line| line.strip_prefix("id: ")) {
        count += 1;
        let number: u64 = id.split_once('-').context("an odd event id")?.1.parse()?;
        ensure!(number == count, "event {number} came where {count} was due");
    }
    Ok(count)
}

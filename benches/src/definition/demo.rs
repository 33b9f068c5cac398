//! Many answers of the built-in demo at once: its upstream is the same process, so that the figure holds its sending too.
//! What must hold: every answer comes whole, its events densely numbered.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use memchr::memmem;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
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

/// From one question to the next.
const APART: Duration = Duration::from_millis(2);

/// How an event's first line begins.
const ID: &[u8] = b"\nid: ";
/// The last chunk of a response.
const END: &[u8] = b"\r\n0\r\n\r\n";

const CPU: Metric = Metric::less("CPU per token, making and sending it as its own upstream included", "µs");

impl Definition for Demo {
    const NAME: &'static str = "demo";
    const HOLDS: &'static str = "every answer whole, its events densely numbered";

    fn workload(&self) -> String {
        let Self { answers, rate, durability } = self;
        format!(
            "{answers} answers of the built-in demo at once, {rate} tokens/s each, durability {durability}, counted while all of \
             them flow"
        )
    }

    fn smoke() -> Self {
        Self { answers: 8, rate: 400, durability: "os".to_owned() }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().to_str().context("an odd path")?;
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--durability", &self.durability];
        let process = Process::start(&bench.server, &arguments)?;
        let (progress, mut seen) = watch::channel(Progress::default());
        let asking = self.ask_all(process.address, progress);
        let measuring = async {
            seen.wait_for(|progress| progress.begun == self.answers).await?;
            let (cpu, before) = (process.cpu()?, seen.borrow().events);
            let ended = seen.wait_for(|progress| progress.ended > 0).await?.events;
            Ok((process.cpu()?.saturating_sub(cpu), ended - before))
        };
        let ((), (cpu, count)) = tokio::try_join!(asking, measuring)?;
        ensure!(count > 0, "an answer ended before all had begun: ask for fewer, or for slower ones");
        let mut report = Report::default();
        report
            .entry(format!("{} × {}/s", self.answers, self.rate), OURS)
            .add(CPU, micros_each(cpu, count))
            .add(Metric::fact("events", ""), count as f64);
        Ok(report)
    }
}

/// Of all answers together.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// Answers with an event.
    begun: u64,
    /// Answers that are whole.
    ended: u64,
    events: u64,
}

impl Demo {
    /// Asks for all answers, one after the other, and reads them.
    async fn ask_all(&self, address: SocketAddr, progress: watch::Sender<Progress>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut readers = JoinSet::new();
        for answer in 0..self.answers {
            let (rate, progress) = (self.rate, progress.clone());
            let start = Instant::now() + APART * u32::try_from(answer)?;
            readers.spawn(async move {
                tokio::time::sleep_until(start).await;
                check(&ask(address, rate, &progress).await?)
            });
        }
        while let Some(read) = timeout_at(deadline, readers.join_next()).await.context("answers are late")? {
            read??;
        }
        Ok(())
    }
}

/// The whole response to one question, over a connection that could be used again.
async fn ask(address: SocketAddr, rate: u64, progress: &watch::Sender<Progress>) -> Result<Vec<u8>> {
    let body = r#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let length = body.len();
    let request = format!(
        "POST /demo/v1/chat/completions?rate={rate} HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    let (mut response, mut counted) = (Vec::new(), 0);
    while !response.ends_with(END) {
        ensure!(socket.read_buf(&mut response).await? > 0, "an answer was cut off");
        let arrived = response.get(counted..).unwrap_or_default();
        let events = memmem::find_iter(arrived, ID).count() as u64;
        progress.send_modify(|all| {
            all.begun += u64::from(counted == 0 && events > 0);
            all.events += events;
        });
        if events > 0 {
            // What has not arrived whole is looked at again.
            counted += memmem::rfind(arrived, ID).unwrap_or_default() + ID.len();
        }
    }
    progress.send_modify(|all| all.ended += 1);
    Ok(response)
}

/// Fails unless a response is whole and its events follow each other.
fn check(response: &[u8]) -> Result<()> {
    let response = std::str::from_utf8(response)?;
    ensure!(response.starts_with("HTTP/1.1 200"), "{response}");
    ensure!(response.contains("data: [DONE]"), "an answer was cut off");
    let ids = response.lines().filter_map(|line| line.strip_prefix("id: "));
    for (id, due) in ids.zip(1_u64..) {
        let number: u64 = id.split_once('-').context("an odd event id")?.1.parse()?;
        ensure!(number == due, "event {number} came where {due} was due");
    }
    Ok(())
}

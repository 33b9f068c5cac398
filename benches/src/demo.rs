//! Many answers of the built-in demo at once: its upstream is the same process, so that the figure holds its sending too.
//! What must hold: every answer comes whole, its events densely numbered.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::process::Process;
use crate::report::micros_each;

#[derive(Debug, Clone, Args)]
pub(crate) struct Workload {
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

pub(crate) async fn run(server: &Path, workload: Workload) -> Result<()> {
    let Workload { answers, rate, durability } = &workload;
    println!("demo: {answers} answers at once, {rate} tokens/s each, durability {durability}");
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().to_str().context("an odd path")?;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--durability", durability];
    let process = Process::start(server, &arguments).await?;
    let deadline = Instant::now() + PATIENCE;
    let cpu_before = process.cpu()?;
    let mut readers = JoinSet::new();
    for answer in 0..*answers {
        let (address, rate) = (process.address.clone(), *rate);
        let start = Instant::now() + Duration::from_secs(1) * u32::try_from(answer)? / u32::try_from(*answers)?;
        readers.spawn(async move {
            tokio::time::sleep_until(start).await;
            events(&ask(&address, rate).await?)
        });
    }
    let mut count = 0;
    while let Some(read) = timeout_at(deadline, readers.join_next()).await.context("answers are late")? {
        count += read??;
    }
    let each = micros_each(process.cpu()?.saturating_sub(cpu_before), count);
    println!("{:>20}: {each:5.2} µs CPU per token, making and sending it as its own upstream included", "everstream");
    println!("{count} events, all in order, none lost, every answer whole");
    Ok(())
}

/// The whole response to one question.
async fn ask(address: &str, rate: u64) -> Result<String> {
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

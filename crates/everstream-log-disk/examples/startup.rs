//! How long a boot takes with many closed streams behind it: `cargo run --release --example startup [STREAMS]`.
//!
//! Makes the streams as answers are made (created open, ten records, a close; a few are left open as relays), then opens
//! the directory: as a killed process leaves it, after an orderly end, and once more.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, Create, Entry, Epoch, Expiry, Log, NewRecord, Offset, Origin, Settings, StreamName, Timestamp,
};
use everstream_log_disk::{DiskConfig, DiskLog};

const OPEN_RELAYS: usize = 10;
const TOKENS: u64 = 10;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// The first argument of the process that makes the streams and is killed then.
const MAKE: &str = "make";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [MAKE, directory, streams] = arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        return make(Path::new(directory), streams.parse()?).await;
    }
    let streams = arguments.first().map_or("100000", String::as_str);
    let directory = tempfile::tempdir()?;
    kill_once_made(directory.path(), streams)?;
    boot("after a kill", directory.path()).await?;
    boot("after an orderly end", directory.path()).await?;
    boot("once more", directory.path()).await
}

/// Has another process make the streams and kills it when it says that it has.
fn kill_once_made(directory: &Path, streams: &str) -> Result<(), Box<dyn Error>> {
    let mut maker = Command::new(std::env::current_exe()?);
    maker.arg(MAKE).arg(directory).arg(streams).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut maker = maker.spawn()?;
    let mut made = String::new();
    BufReader::new(maker.stdout.take().ok_or("no output")?).read_line(&mut made)?;
    maker.kill()?;
    maker.wait()?;
    print!("{made}");
    Ok(())
}

async fn make(directory: &Path, streams: usize) -> Result<(), Box<dyn Error>> {
    let log = DiskLog::open(&DiskConfig::new(directory))?;
    let start = Instant::now();
    for number in 0..streams + OPEN_RELAYS {
        let stream = log.create(answer(number)?).await?.key;
        log.commit(vec![Entry { stream, first: Offset::ZERO, records: tokens(), closure: None, sequencing: None }])
            .await?;
        if number < streams {
            let closure = Closure { reason: CloseReason::Completed, at: NOW, detail: Bytes::new() };
            let end =
                Entry { stream, first: Offset(TOKENS), records: Vec::new(), closure: Some(closure), sequencing: None };
            log.commit(vec![end]).await?;
        }
    }
    let made = start.elapsed();
    println!("made {streams} closed streams in {made:.2?}, {:.1} us each", per(made, streams));
    // Ends by being killed.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn tokens() -> Vec<NewRecord> {
    let token = |n: u64| NewRecord { time: Timestamp(NOW.0 + n), data: Bytes::from_static(&[b'x'; 200]) };
    (0..TOKENS).map(token).collect()
}

fn answer(number: usize) -> Result<Create, Box<dyn Error>> {
    let name = StreamName::parse(&format!("asks/{number:08}")).map_err(|invalid| invalid.to_string())?;
    let kept = Duration::from_secs(3_600);
    let settings = Settings {
        expiry: Expiry::Idle(kept),
        origin: Origin::Relayed,
        annotation: Bytes::from_static(b"{\"dialect\":\"openai-chat\"}"),
        ..Settings::new("text/event-stream")
    };
    Ok(Create { expires_at: Some(NOW.plus(kept)), ..Create::new(name, Epoch::random(), settings, NOW) })
}

async fn boot(when: &str, directory: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let log = DiskLog::open(&DiskConfig::new(directory))?;
    let opened = start.elapsed();
    let relays = log.open_relays().await?.len();
    let swept = start.elapsed();
    println!("{when}: open {opened:.2?}, with the {relays} open relays of {} streams {swept:.2?}", log.stream_count());
    log.close().await?;
    Ok(())
}

fn per(total: Duration, count: usize) -> f64 {
    total.as_secs_f64() * 1e6 / count.max(1) as f64
}

//! How long a boot takes with many closed streams behind it: `cargo run --release --example startup [STREAMS]`.
//!
//! Makes the streams as answers are made (created open, ten records, a close; a few are left open as relays), then opens
//! the directory: as a killed process leaves it, after an orderly end, and once more.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, Create, Entry, Epoch, Expiry, Log, NewRecord, Offset, Origin, Settings, StreamName, Timestamp,
};
use everstream_log_disk::{DiskConfig, DiskLog};

const OPEN_RELAYS: usize = 10;
const TOKENS: u64 = 10;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let streams = std::env::args().nth(1).map_or(Ok(100_000), |number| number.parse())?;
    let directory = tempfile::tempdir()?;
    let log = DiskLog::open(&DiskConfig::new(directory.path()))?;
    let start = Instant::now();
    for number in 0..streams + OPEN_RELAYS {
        let stream = log.create(answer(number)?).await?.key;
        log.commit(vec![Entry { stream, first: Offset::ZERO, records: tokens(), closure: None }]).await?;
        if number < streams {
            let closure = Closure { reason: CloseReason::Completed, at: NOW, detail: Bytes::new() };
            let end = Entry { stream, first: Offset(TOKENS), records: Vec::new(), closure: Some(closure) };
            log.commit(vec![end]).await?;
        }
    }
    let made = start.elapsed();
    println!("made {streams} closed streams in {made:.2?}, {:.1} us each", per(made, streams));

    // What a kill would leave now.
    let killed = tempfile::tempdir()?;
    copy_into(directory.path(), killed.path())?;
    boot("after a kill", killed.path()).await?;
    log.close().await?;
    boot("after an orderly end", directory.path()).await?;
    boot("once more", directory.path()).await
}

fn tokens() -> Vec<NewRecord> {
    let token = |n: u64| NewRecord { time: Timestamp(NOW.0 + n), data: Bytes::from_static(&[b'x'; 200]) };
    (0..TOKENS).map(token).collect()
}

fn answer(number: usize) -> Result<Create, Box<dyn Error>> {
    Ok(Create {
        name: StreamName::parse(&format!("asks/{number:08}")).map_err(|invalid| invalid.to_string())?,
        epoch: Epoch::random(),
        settings: Settings {
            content_type: "text/event-stream".to_owned(),
            expiry: Expiry::Idle(Duration::from_secs(3_600)),
            origin: Origin::Relayed,
            alias: None,
            annotation: Bytes::from_static(b"{\"dialect\":\"openai-chat\"}"),
        },
        at: NOW,
        expires_at: Some(NOW.plus(Duration::from_secs(3_600))),
        records: Vec::new(),
        closure: None,
    })
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

fn copy_into(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_into(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

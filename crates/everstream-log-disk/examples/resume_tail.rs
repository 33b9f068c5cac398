//! What resuming near the tail costs in a short and in a long stream: `cargo run --release --example resume_tail`.
//!
//! Both streams stand in one directory; reads of the two alternate, so that noise hits both. Prints the ratio.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everstream_log::{
    Create, Entry, Epoch, Log, NewRecord, Offset, ReadLimit, Settings, StreamKey, StreamName, Timestamp,
};
use everstream_log_disk::{DiskConfig, DiskLog};

const SHORT: u64 = 1_000;
const LONG: u64 = 1_000_000;
const RECORDS_PER_COMMIT: u64 = 10;
const ROUNDS: usize = 5_000;
const RECORDS_MISSED: u64 = 5;
const LIMIT: ReadLimit = ReadLimit { records_max: 64, bytes_max: 32 * 1024 };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let log = DiskLog::open(&DiskConfig::new(directory.path()))?;
    let (short, _) = fill(&log, "short", SHORT).await?;
    let (long, took) = fill(&log, "long", LONG).await?;
    let each = took.as_secs_f64() * 1e6 / LONG as f64;
    println!("appended {LONG} records of 200 bytes in {took:.2?}: {each:.2} us each, {RECORDS_PER_COMMIT} a commit");
    log.close().await?;

    let log = DiskLog::open(&DiskConfig::new(directory.path()))?;
    let (mut short_times, mut long_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        short_times.push(resume(&log, "short", short, SHORT).await?);
        long_times.push(resume(&log, "long", long, LONG).await?);
    }
    let ratios =
        [50, 99].map(|percent| (percent, percentile(&mut short_times, percent), percentile(&mut long_times, percent)));
    for (percent, short, long) in ratios {
        let ratio = long.as_secs_f64() / short.as_secs_f64();
        println!("resume p{percent}: {short:.1?} at {SHORT} records, {long:.1?} at {LONG}, ratio {ratio:.2}");
    }
    log.close().await?;
    Ok(())
}

async fn fill(log: &DiskLog, called: &str, records: u64) -> Result<(StreamKey, Duration), Box<dyn Error>> {
    let create = Create::new(name(called)?, Epoch::random(), Settings::new("text/event-stream"), Timestamp(0));
    let stream = log.create(create).await?.key;
    let start = Instant::now();
    for first in (0..records).step_by(RECORDS_PER_COMMIT as usize) {
        let record = NewRecord { time: Timestamp(first), data: Bytes::from_static(&[b'x'; 200]) };
        let records = vec![record; RECORDS_PER_COMMIT as usize];
        log.commit(vec![Entry { stream, first: Offset(first), records, closure: None, sequencing: None }]).await?;
    }
    Ok((stream, start.elapsed()))
}

/// What a resuming subscriber asks: the stream's head, then the records it missed.
async fn resume(log: &DiskLog, called: &str, stream: StreamKey, tail: u64) -> Result<Duration, Box<dyn Error>> {
    let name = name(called)?;
    let start = Instant::now();
    let head = log.open(&name).await?.ok_or("the stream is gone")?;
    let missed = log.read(stream, Offset(tail - RECORDS_MISSED), LIMIT).await?;
    let took = start.elapsed();
    if head.tail != Offset(tail) || missed.len() as u64 != RECORDS_MISSED {
        return Err("the resume is not what was appended".into());
    }
    Ok(took)
}

fn name(text: &str) -> Result<StreamName, String> {
    StreamName::parse(text).map_err(|invalid| invalid.to_string())
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

//! What an acknowledged append costs at each durability: `cargo run --release --example append`.
//!
//! 500 open streams, records of 200 bytes; one round commits one record to each of so many streams.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::error::Error;
use std::time::Instant;

use bytes::Bytes;
use everstream_log::{Create, Durability, Entry, Epoch, Log, NewRecord, Settings, StreamHead, StreamName, Timestamp};
use everstream_log_disk::{DiskConfig, DiskLog};

const STREAMS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    for (durability, records) in [(Durability::Memory, 200_000), (Durability::Os, 200_000), (Durability::Fsync, 20_000)]
    {
        for streams_a_round in [1, 10, 100] {
            let directory = tempfile::tempdir()?;
            let log = DiskLog::open(&DiskConfig { durability, ..DiskConfig::new(directory.path()) })?;
            let each = append(&log, records, streams_a_round).await?;
            let level = durability.as_str();
            println!("{level}: {streams_a_round} streams a round, {each:.2} us a record");
            log.close().await?;
        }
    }
    Ok(())
}

/// Appends so many records in rounds; microseconds for each.
async fn append(log: &DiskLog, records: usize, streams_a_round: usize) -> Result<f64, Box<dyn Error>> {
    let mut heads = Vec::new();
    for number in 0..STREAMS {
        heads.push(log.create(stream(number)?).await?);
    }
    let rounds = if log.durability() == Durability::Fsync { 200 } else { records / streams_a_round };
    let start = Instant::now();
    for round in 0..rounds {
        let at = (round * streams_a_round) % STREAMS;
        let chosen = heads.iter_mut().skip(at).take(streams_a_round);
        log.commit(chosen.map(next_entry).collect()).await?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / (rounds * streams_a_round) as f64)
}

fn next_entry(head: &mut StreamHead) -> Entry {
    let first = head.tail;
    head.tail = first.plus(1);
    let record = NewRecord { time: Timestamp(first.0), data: Bytes::from_static(&[b'x'; 200]) };
    Entry { stream: head.key, first, records: vec![record], closure: None, sequencing: None }
}

fn stream(number: usize) -> Result<Create, Box<dyn Error>> {
    Ok(Create::new(
        StreamName::parse(&format!("s/{number}")).map_err(|invalid| invalid.to_string())?,
        Epoch::random(),
        Settings::new("text/event-stream"),
        Timestamp(0),
    ))
}

//! Streams and records the tests are written with.

use std::path::Path;

use bytes::Bytes;
use everstream_log::{
    Create, Durability, Entry, Epoch, Log, NewRecord, Offset, ReadLimit, Settings, StreamKey, StreamName, Timestamp,
};
use everstream_log_disk::{DiskConfig, DiskLog};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn open(directory: &Path) -> DiskLog {
    open_at(directory, Durability::Os)
}

pub(crate) fn open_at(directory: &Path, durability: Durability) -> DiskLog {
    DiskLog::open(&DiskConfig { durability, ..DiskConfig::new(directory) }).unwrap()
}

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

pub(crate) fn stream(text: &str) -> Create {
    Create::new(name(text), Epoch::random(), Settings::new("text/event-stream"), NOW)
}

pub(crate) fn entry(stream: StreamKey, first: u64, text: &str) -> Entry {
    let record = NewRecord { time: NOW, data: Bytes::copy_from_slice(text.as_bytes()) };
    Entry { stream, first: Offset(first), records: vec![record], closure: None, sequencing: None }
}

/// The data of each record of a stream, as text.
pub(crate) async fn texts(log: &dyn Log, stream: StreamKey) -> Vec<String> {
    let unbounded = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };
    let records = log.read(stream, Offset::ZERO, unbounded).await.unwrap();
    records.iter().map(|record| String::from_utf8_lossy(&record.data).into_owned()).collect()
}

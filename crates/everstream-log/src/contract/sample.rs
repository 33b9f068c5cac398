//! Small values the behaviours are written with.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;

use crate::{
    Alias, CloseReason, Closure, Create, Entry, Epoch, Error, ErrorKind, Expiry, Fork, ForkPoint, Log, NewRecord,
    Offset, Origin, ProducerId, ProducerMark, ReadLimit, Record, Settings, StreamHead, StreamKey, StreamName,
    StreamSeq, Timestamp,
};

pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(super) const UNBOUNDED: ReadLimit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };

/// The value, or a failed test that names the error.
#[track_caller]
pub(super) fn ok<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{:?}: {error} ({error:?})", error.kind()),
    }
}

/// The value, or a failed test.
#[track_caller]
pub(super) fn some<T>(option: Option<T>) -> T {
    match option {
        Some(value) => value,
        None => panic!("nothing there"),
    }
}

/// A failed test unless the call was refused for this reason.
#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T, Error>, kind: ErrorKind) {
    match result {
        Ok(value) => panic!("{value:?} instead of {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

pub(super) fn name(text: &str) -> StreamName {
    match StreamName::parse(text) {
        Ok(name) => name,
        Err(invalid) => panic!("{text:?}: {invalid}"),
    }
}

pub(super) fn alias(text: &str) -> Alias {
    Alias(Bytes::copy_from_slice(text.as_bytes()))
}

/// An open, published, empty stream without alias or expiry; change what a test is about.
pub(super) fn stream(text: &str) -> Create {
    Create::new(name(text), Epoch::random(), Settings::new("text/event-stream"), NOW)
}

pub(super) fn with_alias(mut create: Create, text: &str) -> Create {
    create.settings.alias = Some(alias(text));
    create
}

pub(super) fn expiring(mut create: Create, after: Duration) -> Create {
    create.settings.expiry = Expiry::Idle(after);
    create.expires_at = Some(create.at.plus(after));
    create
}

pub(super) fn relayed(mut create: Create) -> Create {
    create.settings.origin = Origin::Relayed;
    create
}

/// A fork of `source` whose own records begin at `base`.
pub(super) fn forked(mut create: Create, source: StreamKey, base: u64) -> Create {
    create.fork = Some(Fork { source, base: Offset(base), cut: None, point: point(base) });
    create
}

/// The point of a fork at `base`, with a sub-offset that must come back as it is.
pub(super) fn point(base: u64) -> ForkPoint {
    ForkPoint { offset: Offset(base), sub_offset: base.wrapping_mul(3) }
}

/// One record per text, a millisecond apart.
pub(super) fn records(texts: &[&str]) -> Vec<NewRecord> {
    let spaced = texts.iter().zip(0..);
    let record = |(text, ms): (&&str, u64)| NewRecord {
        time: NOW.plus(Duration::from_millis(ms)),
        data: Bytes::copy_from_slice(text.as_bytes()),
    };
    spaced.map(record).collect()
}

pub(super) fn closure(reason: CloseReason) -> Closure {
    Closure { reason, at: NOW.plus(Duration::from_secs(5)), detail: Bytes::from_static(b"{\"why\":1}") }
}

pub(super) fn entry(stream: StreamKey, first: u64, texts: &[&str]) -> Entry {
    Entry { stream, first: Offset(first), records: records(texts), closure: None, sequencing: None }
}

pub(super) fn closing(mut entry: Entry, reason: CloseReason) -> Entry {
    entry.closure = Some(closure(reason));
    entry
}

pub(super) fn producer_id(text: &str) -> ProducerId {
    some(ProducerId::parse(text.as_bytes()).ok())
}

pub(super) fn stream_seq(text: &str) -> StreamSeq {
    some(StreamSeq::parse(text.as_bytes()).ok())
}

/// The entry as a producer's.
pub(super) fn by(mut entry: Entry, id: &str, epoch: u64, seq: u64) -> Entry {
    let mark = ProducerMark { id: producer_id(id), epoch, seq };
    entry.sequencing.get_or_insert_default().producer = Some(mark);
    entry
}

/// The entry with its publisher's own position.
pub(super) fn at_position(mut entry: Entry, text: &str) -> Entry {
    entry.sequencing.get_or_insert_default().stream_seq = Some(stream_seq(text));
    entry
}

/// Commits as a hub does: at once if the engine can.
pub(super) async fn commit(log: &dyn Log, entries: Vec<Entry>) -> Result<(), Error> {
    match log.commit_now(&entries) {
        Some(outcome) => outcome,
        None => log.commit(entries).await,
    }
}

/// The stream as it stands, which must be there.
pub(super) async fn head(log: &dyn Log, text: &str) -> StreamHead {
    some(ok(log.open(&name(text)).await))
}

/// Every record from the start.
pub(super) async fn all(log: &dyn Log, stream: StreamKey) -> Vec<Record> {
    ok(log.read(stream, Offset::ZERO, UNBOUNDED).await)
}

/// The data of each record, as text.
pub(super) fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.data).into_owned()).collect()
}

//! Reading: what each question costs the store, whichever thread asks.

use bytes::Bytes;
use everstream_log::{
    Alias, Error, ErrorKind, Offset, ProducerId, ProducerState, ReadLimit, Record, StreamHead, StreamKey, StreamName,
    Timestamp,
};

use crate::failure::unreadable;
use crate::keyspace::{alias, expiry, relay};
use crate::store::Store;
use crate::tail::gone;

/// The stream of this name: four rows and one seek.
pub(crate) fn open(store: &Store, name: &StreamName) -> Result<Option<StreamHead>, Error> {
    let Some(key) = store.find(name)? else { return Ok(None) };
    // Deleted between the two looks.
    let Some(row) = store.stream(key)? else { return Ok(None) };
    let last = store.last_run(key)?;
    Ok(Some(StreamHead {
        key,
        epoch: row.epoch,
        settings: row.settings,
        created_at: row.created_at,
        expires_at: row.expires_at,
        first: row.first,
        tail: last.as_ref().map_or(row.first, |run| run.next()),
        bytes: last.as_ref().map_or(0, |run| run.bytes_after()),
        closure: last.and_then(|run| run.closure),
        stream_seq: store.stream_seq(key)?,
        producers: store.producer_count(key)?,
    }))
}

/// The name behind an alias.
pub(crate) fn find_alias(store: &Store, alias: &Alias) -> Result<Option<StreamName>, Error> {
    let Some(row) = store.aliases.get(alias::key(alias)).map_err(unreadable)? else { return Ok(None) };
    name_of(store, alias::deser(row.into())?)
}

fn name_of(store: &Store, stream: StreamKey) -> Result<Option<StreamName>, Error> {
    Ok(store.stream(stream)?.map(|row| row.name))
}

/// Records from `from` on: one seek, then in order.
pub(crate) fn read(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
    let outcome = records(store, stream, from, limit);
    // Looked up last: while the stream was there its records were too, and those of a deleted one may be half reclaimed.
    let row = store.stream(stream)?.ok_or_else(gone)?;
    if from < row.first {
        return Err(Error::new(ErrorKind::OffsetTrimmed, format!("offset {from} is no longer held")));
    }
    outcome
}

fn records(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
    let beyond = || Error::new(ErrorKind::OffsetBeyondTail, format!("offset {from} is after the tail"));
    let Some(run) = store.run_at(stream, from)? else {
        return if from == Offset::ZERO { Ok(Vec::new()) } else { Err(beyond()) };
    };
    if from > run.next() {
        return Err(beyond());
    }
    let mut read = Vec::new();
    let mut bytes = 0_usize;
    let mut expected = from;
    let runs = std::iter::once(Ok(run)).chain(store.runs_after(stream, from));
    for run in runs {
        for record in run?.records().skip_while(|record| record.offset < from) {
            if !limit.admits(read.len(), bytes) {
                return Ok(read);
            }
            if record.offset != expected {
                let said = format!("offset {expected} of a stream is missing in the data directory");
                return Err(Error::new(ErrorKind::Storage, said));
            }
            expected = expected.plus(1);
            bytes = bytes.saturating_add(record.data.len());
            read.push(record);
        }
    }
    Ok(read)
}

/// What the stream last accepted from a producer.
pub(crate) fn producer(store: &Store, stream: StreamKey, id: &ProducerId) -> Result<Option<ProducerState>, Error> {
    let state = store.producer(stream, id);
    // Looked up last, as for records.
    store.stream(stream)?.ok_or_else(gone)?;
    state
}

/// The first streams that are due.
pub(crate) fn expired(store: &Store, now: Timestamp, limit: usize) -> Result<Vec<StreamName>, Error> {
    let mut due = Vec::new();
    for guard in store.expiry.range(..=expiry::key(now, StreamKey(u64::MAX))).take(limit) {
        let (_, stream) = expiry::deser_key(Bytes::from(guard.key().map_err(unreadable)?))?;
        due.extend(name_of(store, stream)?);
    }
    Ok(due)
}

/// The relayed streams that are open.
pub(crate) fn open_relays(store: &Store) -> Result<Vec<StreamName>, Error> {
    let mut open = Vec::new();
    for guard in store.relays.iter() {
        let stream = relay::deser_key(Bytes::from(guard.key().map_err(unreadable)?))?;
        open.extend(name_of(store, stream)?);
    }
    Ok(open)
}

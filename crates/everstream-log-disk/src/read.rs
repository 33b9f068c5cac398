//! Reading: what each question costs the store, whichever thread asks.

mod page;
mod record;

use everstream_log::{
    Alias, Closure, Error, ForkedFrom, Offset, ProducerId, ProducerState, StreamHead, StreamKey, StreamName, Timestamp,
    Tombstone,
};

use crate::failure::unreadable;
use crate::keyspace::{alias, expiry, relay};
use crate::pending::PendingHead;
use crate::store::Store;
use crate::wire;

pub(crate) use page::{Collect, Page, Stretch, Taken};
pub(crate) use record::{entry_end, read};

/// The stream of this name: four rows and one seek; one row more for a fork.
///
/// What is pending of it is asked first: it goes to the store, never back.
pub(crate) fn open(store: &Store, name: &StreamName) -> Result<Option<StreamHead>, Error> {
    let Some(key) = store.find(name)? else { return Ok(None) };
    let pending = store.pending.head(key);
    // Deleted between the two looks, or with a tombstone.
    let Some(row) = store.stream(key)?.filter(|row| !row.is_tombstone) else { return Ok(None) };
    let forked_from = match &row.line {
        None => None,
        Some(line) => {
            // As long as the fork is there its source is.
            let Some(name) = name_of(store, line.source)? else { return Ok(None) };
            Some(ForkedFrom { source: line.source, name, base: line.base, point: line.point })
        }
    };
    let (own_start, bytes_before) = row.own_start();
    let (end, seq_given) = match pending {
        Some(PendingHead { tail, closure, stream_seq }) => {
            (End { tail: tail.next, bytes: tail.bytes, closure, producers: tail.producers }, stream_seq)
        }
        None => {
            let producers = store.producer_count(key)?;
            let end = match store.last_run(key)? {
                None => End { tail: own_start, bytes: bytes_before, closure: None, producers },
                Some(run) => End { tail: run.next(), bytes: run.bytes_after(), closure: run.closure, producers },
            };
            (end, None)
        }
    };
    let stream_seq = match seq_given {
        None => store.stream_seq(key)?,
        given => given,
    };
    Ok(Some(StreamHead {
        key,
        epoch: row.epoch,
        settings: row.settings,
        created_at: row.created_at,
        expires_at: row.expires_at,
        forked_from,
        first: row.first,
        tail: end.tail,
        bytes: end.bytes,
        closure: end.closure,
        stream_seq,
        producers: end.producers,
    }))
}

/// Where a stream ends.
struct End {
    tail: Offset,
    bytes: u64,
    closure: Option<Closure>,
    producers: u64,
}

/// What is left under this name.
pub(crate) fn tombstone(store: &Store, name: &StreamName) -> Result<Option<Tombstone>, Error> {
    let Some(key) = store.find(name)? else { return Ok(None) };
    let row = store.stream(key)?.filter(|row| row.is_tombstone);
    Ok(row.map(|row| Tombstone { key, epoch: row.epoch, settings: row.settings }))
}

/// The name behind an alias.
pub(crate) fn find_alias(store: &Store, alias: &Alias) -> Result<Option<StreamName>, Error> {
    let Some(row) = store.aliases.get(alias::key(alias)).map_err(unreadable)? else { return Ok(None) };
    name_of(store, alias::deser(wire::share(row))?)
}

fn name_of(store: &Store, stream: StreamKey) -> Result<Option<StreamName>, Error> {
    Ok(store.stream(stream)?.map(|row| row.name))
}

/// What the stream last accepted from a producer.
pub(crate) fn producer(store: &Store, stream: StreamKey, id: &ProducerId) -> Result<Option<ProducerState>, Error> {
    let state = match store.pending.producer(stream, id) {
        None => store.producer(stream, id),
        pending => Ok(pending),
    };
    // Looked up last, as for records.
    store.living(stream)?;
    state
}

/// The first streams that are due.
pub(crate) fn expired(store: &Store, now: Timestamp, limit: usize) -> Result<Vec<StreamName>, Error> {
    let mut due = Vec::new();
    for guard in store.expiry.range(..=expiry::key(now, StreamKey(u64::MAX))).take(limit) {
        let (_, stream) = expiry::deser_key(wire::share(guard.key().map_err(unreadable)?))?;
        due.extend(name_of(store, stream)?);
    }
    Ok(due)
}

/// The relayed streams that are open.
pub(crate) fn open_relays(store: &Store) -> Result<Vec<StreamName>, Error> {
    let closed = store.pending.closed_relays();
    let mut open = Vec::new();
    for guard in store.relays.iter() {
        let stream = relay::deser_key(wire::share(guard.key().map_err(unreadable)?))?;
        // A fold brings a close to the store first, and then takes the stream off this list.
        let is_closed = closed.contains(&stream) || store.last_run(stream)?.is_some_and(|run| run.closure.is_some());
        if !is_closed {
            open.extend(name_of(store, stream)?);
        }
    }
    Ok(open)
}

//! Where open streams end, so that an append need not ask the store.

use everstream_log::{Entry, Error, ErrorKind, Offset, Origin, StreamKey};

use crate::store::Store;
use crate::stream_map::StreamMap;

/// What an append has to know of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) next: Offset,
    pub(crate) bytes: u64,
    pub(crate) is_closed: bool,
    pub(crate) is_relay: bool,
    /// How many producers have appended to it.
    pub(crate) producers: u64,
}

impl Tail {
    /// Of a stream with appends that are not in the store yet, from there; else from the store: two rows and a seek.
    pub(crate) fn load(store: &Store, stream: StreamKey) -> Result<Self, Error> {
        // Asked first: what is pending goes to the store, never back.
        if let Some(tail) = store.pending.tail(stream) {
            return Ok(tail);
        }
        let row = store.living(stream)?;
        let is_relay = row.settings.origin == Origin::Relayed;
        let producers = store.producer_count(stream)?;
        Ok(match store.last_run(stream)? {
            None => {
                let (next, bytes) = row.own_start();
                Self { next, bytes, is_closed: false, is_relay, producers }
            }
            Some(run) => {
                let is_closed = run.closure.is_some();
                Self { next: run.next(), bytes: run.bytes_after(), is_closed, is_relay, producers }
            }
        })
    }

    /// The tail behind an entry that begins at this one, but for its producers.
    pub(crate) fn behind(self, entry: &Entry) -> Self {
        let bytes: u64 = entry.records.iter().map(|record| record.data.len() as u64).sum();
        Self {
            next: self.next.plus(entry.records.len() as u64),
            bytes: self.bytes.saturating_add(bytes),
            is_closed: entry.closure.is_some(),
            ..self
        }
    }
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::StreamNotFound, "this incarnation of the stream is not there")
}

/// The tails of streams that were appended to lately.
#[derive(Debug, Default)]
pub(crate) struct Tails(StreamMap<Tail>);

impl Tails {
    /// About 4 MiB. Beyond it all are forgotten and read again when needed.
    const LEN_MAX: usize = 65_536;

    pub(crate) fn get(&self, stream: StreamKey) -> Option<Tail> {
        self.0.get(&stream).copied()
    }

    /// Keeps an open stream's tail; a closed one takes no more appends.
    pub(crate) fn set(&mut self, stream: StreamKey, tail: Tail) {
        if tail.is_closed {
            self.0.remove(&stream);
            return;
        }
        if self.0.len() >= Self::LEN_MAX && !self.0.contains_key(&stream) {
            self.0.clear();
        }
        self.0.insert(stream, tail);
    }

    pub(crate) fn forget(&mut self, stream: StreamKey) {
        self.0.remove(&stream);
    }
}

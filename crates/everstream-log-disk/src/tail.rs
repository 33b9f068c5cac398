//! Where open streams end, so that an append need not ask the store.

use std::collections::HashMap;

use everstream_log::{Error, ErrorKind, Offset, Origin, StreamKey};

use crate::store::Store;

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
    /// Reads it from the store: two rows and a seek.
    pub(crate) fn load(store: &Store, stream: StreamKey) -> Result<Self, Error> {
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
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::StreamNotFound, "this incarnation of the stream is not there")
}

/// The tails of streams that were appended to lately.
#[derive(Debug, Default)]
pub(crate) struct Tails(HashMap<StreamKey, Tail>);

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

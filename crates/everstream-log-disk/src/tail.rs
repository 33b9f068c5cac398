//! Where open streams end, so that an append need not ask the store.

use std::collections::hash_map;

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
    /// What its rows have behind each record.
    pub(crate) separator: Option<u8>,
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
        let separator = row.settings.separator;
        let producers = store.producer_count(stream)?;
        Ok(match store.last_run(stream)? {
            None => {
                let (next, bytes) = row.own_start();
                Self { next, bytes, is_closed: false, is_relay, producers, separator }
            }
            Some(run) => {
                let is_closed = run.closure.is_some();
                Self { next: run.next(), bytes: run.bytes_after(), is_closed, is_relay, producers, separator }
            }
        })
    }

    /// The tail behind an entry that begins at this one, but for its producers.
    pub(crate) fn behind(self, entry: &Entry) -> Self {
        Self {
            next: self.next.plus(entry.records.len() as u64),
            bytes: self.bytes.saturating_add(entry.data_bytes()),
            is_closed: entry.closure.is_some(),
            ..self
        }
    }

    /// The tail before an entry that ends at this one, but for its producers.
    pub(crate) fn before(self, entry: &Entry) -> Self {
        let bytes = self.bytes.saturating_sub(entry.data_bytes());
        Self { next: entry.first, bytes, is_closed: false, ..self }
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

    /// A stream's tail, asked of `load` when it is not kept; then it is, at least until the next commit.
    pub(crate) fn find(
        &mut self,
        stream: StreamKey,
        load: impl FnOnce() -> Result<Tail, Error>,
    ) -> Result<&mut Tail, Error> {
        Ok(match self.0.entry(stream) {
            hash_map::Entry::Occupied(kept) => kept.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(load()?),
        })
    }

    /// What is kept of these has been committed: lets go of closed streams, which take no more appends.
    pub(crate) fn settle(&mut self, entries: &[Entry], ends: &[Tail]) {
        for (entry, _) in entries.iter().zip(ends).filter(|(_, end)| end.is_closed) {
            self.forget(entry.stream);
        }
        self.keep_to_bound();
    }

    /// The same of one stream, kept or not.
    pub(crate) fn set(&mut self, stream: StreamKey, tail: Tail) {
        if tail.is_closed {
            self.forget(stream);
        } else {
            self.0.insert(stream, tail);
            self.keep_to_bound();
        }
    }

    fn keep_to_bound(&mut self) {
        if self.0.len() > Self::LEN_MAX {
            self.0.clear();
        }
    }

    pub(crate) fn forget(&mut self, stream: StreamKey) {
        self.0.remove(&stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: Tail =
        Tail { next: Offset(1), bytes: 1, is_closed: false, is_relay: false, producers: 0, separator: None };

    fn entry(stream: StreamKey) -> Entry {
        Entry { stream, first: Offset(1), records: Vec::new(), closure: None, sequencing: None }
    }

    /// In either way, of streams whose tails were all looked for before.
    #[test]
    fn no_more_tails_are_kept_than_the_bound_however_they_came() {
        let set = |tails: &mut Tails, stream| tails.set(stream, TAIL);
        let settle = |tails: &mut Tails, stream| tails.settle(&[entry(stream)], &[TAIL]);
        for commit in [set, settle] {
            let mut tails = Tails::default();
            for number in 0..=Tails::LEN_MAX as u64 {
                tails.find(StreamKey(number), || Ok(TAIL)).unwrap();
                commit(&mut tails, StreamKey(number));
                assert!(tails.0.len() <= Tails::LEN_MAX);
            }
            assert_eq!(tails.0.len(), 0);
        }
    }

    #[test]
    fn a_closed_stream_is_let_go_of_and_an_open_one_kept() {
        let (open, closed) = (StreamKey(1), StreamKey(2));
        let end = Tail { is_closed: true, ..TAIL };
        let mut tails = Tails::default();
        for stream in [open, closed] {
            tails.find(stream, || Ok(TAIL)).unwrap();
        }
        tails.settle(&[entry(open), entry(closed)], &[TAIL, end]);
        assert_eq!((tails.get(open), tails.get(closed)), (Some(TAIL), None));
        tails.set(open, end);
        assert_eq!(tails.get(open), None);
    }
}

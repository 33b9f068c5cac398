//! Forks in the memory engine: every question is a walk up the sources, one after the other.

use std::ops::Bound;

use super::state::State;
use super::stream::Stream;
use crate::{Error, ErrorKind, FORK_DEPTH_MAX, Fork, ForkedFrom, Offset, ReadLimit, Record, StreamKey};

impl State {
    /// What a stream made as `fork` says of its source, and the data bytes that it takes over.
    pub(super) fn check_fork(&self, fork: &Fork) -> Result<(ForkedFrom, u64), Error> {
        let source = self.stream(fork.source)?;
        let refused = |kind, said: &str| {
            let Offset(base) = fork.base;
            Error::new(kind, format!("a fork of {:?} at offset {base}: {said}", source.name.as_str()))
        };
        if fork.base < source.head.first {
            return Err(refused(ErrorKind::OffsetTrimmed, "the source no longer holds that offset"));
        }
        if fork.base > source.head.tail {
            return Err(refused(ErrorKind::OffsetBeyondTail, "the source ends before that"));
        }
        if self.line(source).count() > FORK_DEPTH_MAX {
            return Err(refused(ErrorKind::ForkTooDeep, "it would read through too many streams"));
        }
        let mut until = fork.base;
        let mut bytes = 0_u64;
        for holder in self.line(source) {
            let held = holder.own(Offset::ZERO, until).iter().map(|record| record.data.len() as u64);
            bytes = bytes.saturating_add(held.sum());
            until = holder.head.forked_from.as_ref().map_or(until, |from| from.base.min(until));
        }
        let name = source.name.clone();
        Ok((ForkedFrom { source: fork.source, name, base: fork.base, point: fork.point }, bytes))
    }

    /// A stream, its source, the source of that …
    fn line<'a>(&'a self, stream: &'a Stream) -> impl Iterator<Item = &'a Stream> {
        std::iter::successors(Some(stream), |stream| self.streams.get(&stream.head.forked_from.as_ref()?.source))
    }

    /// The stream whose own records hold `offset` of `stream`, and the offset from which on they do not.
    fn holder<'a>(&'a self, stream: &'a Stream, offset: Offset) -> (&'a Stream, Offset) {
        let (mut holder, mut until) = (stream, Offset(u64::MAX));
        for (source, fork) in self.line(stream).skip(1).zip(self.line(stream)) {
            match &fork.head.forked_from {
                Some(from) if offset < from.base => (holder, until) = (source, until.min(from.base)),
                _ => break,
            }
        }
        (holder, until)
    }

    pub(super) fn read(&self, key: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
        let stream = self.stream(key)?;
        check_held(stream, from)?;
        let (mut bytes, mut next) = (0_usize, from);
        let mut read = Vec::new();
        while next < stream.head.tail {
            let (holder, until) = self.holder(stream, next);
            let held = holder.own(next, until);
            if held.is_empty() {
                break;
            }
            for record in held {
                if !limit.admits(read.len(), bytes) {
                    return Ok(read);
                }
                bytes = bytes.saturating_add(record.data.len());
                next = record.offset.plus(1);
                read.push(record.clone());
            }
        }
        Ok(read)
    }

    pub(super) fn entry_end(&self, key: StreamKey, at: Offset) -> Result<Offset, Error> {
        let stream = self.stream(key)?;
        check_held(stream, at)?;
        let (holder, until) = self.holder(stream, at);
        let end = holder.own_entry_end(at).ok_or_else(|| beyond(at))?;
        Ok(end.min(until))
    }

    pub(super) fn has_forks(&self, source: StreamKey) -> bool {
        let above = (Bound::Included((source, StreamKey(0))), Bound::Included((source, StreamKey(u64::MAX))));
        self.forks.range(above).next().is_some()
    }

    /// Takes out a stream that no fork reads, and the tombstones above it that held on for its sake.
    pub(super) fn remove_line(&mut self, key: StreamKey) {
        let mut next = Some(key);
        while let Some(key) = next {
            let Some(stream) = self.streams.remove(&key) else { return };
            self.names.remove(&stream.name);
            next = stream.head.forked_from.map(|from| from.source);
            if let Some(source) = next {
                self.forks.remove(&(source, key));
            }
            next = next.filter(|source| {
                self.streams.get(source).is_some_and(|source| source.is_tombstone) && !self.has_forks(*source)
            });
        }
    }
}

fn check_held(stream: &Stream, offset: Offset) -> Result<(), Error> {
    if offset < stream.head.first {
        return Err(Error::new(ErrorKind::OffsetTrimmed, format!("offset {offset} is no longer held")));
    }
    if offset > stream.head.tail {
        return Err(beyond(offset));
    }
    Ok(())
}

fn beyond(offset: Offset) -> Error {
    Error::new(ErrorKind::OffsetBeyondTail, format!("offset {offset} is after the tail"))
}

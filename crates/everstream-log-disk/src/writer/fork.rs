//! Forks: what one needs of its source, and what goes when one goes.

use everstream_log::{Error, ErrorKind, FORK_DEPTH_MAX, Fork, ForkedFrom, Offset, StreamKey};

use super::Writer;
use crate::group::Group;
use crate::keyspace::garbage::{self, Garbage};
use crate::keyspace::line::Line;
use crate::keyspace::stream::{self, StreamRow};
use crate::keyspace::{fork, name, stream_key};

/// What a new stream takes from its source; nothing if it is no fork.
#[derive(Default)]
pub(super) struct Forking {
    pub(super) line: Option<Line>,
    pub(super) forked_from: Option<ForkedFrom>,
    /// The offset of the first record held.
    pub(super) first: Offset,
}

/// Streams that go together, and the rows of a tombstone that stays but is read less far.
pub(super) struct Removal {
    streams: Vec<(StreamKey, StreamRow)>,
    unread: Option<Garbage>,
}

impl Writer {
    /// Checks a fork against its source as the store has it.
    pub(super) fn check_fork(&self, fork: &Fork) -> Result<Forking, Error> {
        let &Fork { source, base, point, .. } = fork;
        let row = self.store.living(source)?;
        let refused =
            |kind, said: &str| Error::new(kind, format!("a fork of {:?} at offset {base}: {said}", row.name.as_str()));
        if base < row.first {
            return Err(refused(ErrorKind::OffsetTrimmed, "the source no longer holds that offset"));
        }
        if base > self.tail(source)?.next {
            return Err(refused(ErrorKind::OffsetBeyondTail, "the source ends before that"));
        }
        let mut line = Line::of(source, row.line.as_ref(), base, point);
        if line.depth > FORK_DEPTH_MAX as u64 {
            return Err(refused(ErrorKind::ForkTooDeep, "it would read through too many streams"));
        }
        line.bytes = self.bytes_before(&row, &line)?;
        let forked_from = ForkedFrom { source, name: row.name, base, point };
        Ok(Forking { line: Some(line), forked_from: Some(forked_from), first: row.first })
    }

    /// The data bytes before a fork's base: the run that holds the last of those records knows.
    fn bytes_before(&self, source: &StreamRow, line: &Line) -> Result<u64, Error> {
        let (own_start, bytes) = source.own_start();
        if line.base == own_start {
            return Ok(bytes);
        }
        let last = Offset(line.base.0.saturating_sub(1));
        let [holder] = line.holders_from(last) else { return Ok(0) };
        let run = self.store.run_at(holder.stream, last)?.ok_or_else(sourceless)?;
        Ok(run.bytes_at(line.base))
    }

    /// Keeps a deleted stream for its forks, which read its records up to `end`; what lies behind is reclaimed.
    pub(super) fn stage_tombstone(&self, group: &mut Group, stream: StreamKey, row: StreamRow, end: Offset) {
        self.stage_release(group, stream, &row);
        let mut row = StreamRow { expires_at: None, is_tombstone: true, ..row };
        row.settings.alias = None;
        group.batch.insert(&self.store.streams, &stream_key(stream), stream::ser(&row));
        group.batch.insert(&self.store.garbage, &garbage::key(Garbage::Behind(stream, end)), Vec::new());
        group.forks_deleted = true;
        group.garbage = true;
    }

    /// What goes when a stream goes that has no forks: the tombstones above it that were there for its sake, too.
    pub(super) fn removal_of(&self, stream: StreamKey, row: StreamRow) -> Result<Removal, Error> {
        let mut removal = Removal { streams: Vec::new(), unread: None };
        let mut next = Some((stream, row));
        while let Some((stream, row)) = next.take() {
            if let Some(line) = &row.line {
                let source = self.store.stream(line.source)?.ok_or_else(sourceless)?;
                match self.store.highest_base(line.source, Some(stream))? {
                    _ if !source.is_tombstone => {}
                    None => next = Some((line.source, source)),
                    Some(end) if end < line.base => removal.unread = Some(Garbage::Behind(line.source, end)),
                    Some(_) => {}
                }
            }
            removal.streams.push((stream, row));
        }
        Ok(removal)
    }

    pub(super) fn stage_removal(&mut self, group: &mut Group, removal: Removal) {
        group.counts = true;
        group.garbage = true;
        for (stream, row) in removal.streams {
            group.batch.remove(&self.store.names, name::key(&row.name));
            group.batch.remove(&self.store.streams, &stream_key(stream));
            group.batch.insert(&self.store.garbage, &garbage::key(Garbage::Stream(stream)), Vec::new());
            if let Some(line) = &row.line {
                group.batch.remove(&self.store.forks, &fork::key(line.source, line.base, stream));
                group.forks_deleted = true;
            }
            self.stage_release(group, stream, &row);
            self.counters.streams = self.counters.streams.saturating_sub(1);
        }
        if let Some(unread) = removal.unread {
            group.batch.insert(&self.store.garbage, &garbage::key(unread), Vec::new());
        }
    }
}

fn sourceless() -> Error {
    Error::new(ErrorKind::Storage, "the source of a fork is missing in the data directory")
}

//! Appending: an entry is one row, or as many as its size asks for; entries of one record share a row.

use std::collections::{HashMap, hash_map};

use everstream_log::{Closure, Entry, Error, ErrorKind, NewRecord, Offset, StreamKey};

use super::Writer;
use super::sequencing::Sequencings;
use crate::change::Changed;
use crate::group::Group;
use crate::keyspace::record::{self, Behind, SHARED_BYTES_MAX, run_len};
use crate::keyspace::stream_key;
use crate::tail::Tail;

/// A key and a row of `records`.
type RunRow = ([u8; 16], Vec<u8>);

/// A stream of a change.
struct Course<'a> {
    tail: Tail,
    shared: SharedRow<'a>,
}

/// Entries of one record each, just before the tail, that go into one row: what many publishers bring at the same moment
/// is written, found and read as one.
struct SharedRow<'a> {
    first: Offset,
    bytes_before: u64,
    records: Vec<&'a NewRecord>,
    bytes: usize,
}

impl Writer {
    pub(super) fn stage_append(&mut self, group: &mut Group, entries: &[Entry]) -> Result<Changed, Error> {
        let mut courses: HashMap<StreamKey, Course<'_>> = HashMap::with_capacity(entries.len());
        let mut rows: Vec<RunRow> = Vec::with_capacity(entries.len());
        let mut sequencings: Option<Sequencings> = None;
        for entry in entries {
            let course = match courses.entry(entry.stream) {
                hash_map::Entry::Occupied(course) => course.into_mut(),
                hash_map::Entry::Vacant(place) => place.insert(Course::from(self.tail(entry.stream)?)),
            };
            check_fits(entry, course.tail)?;
            course.take(entry, &mut rows);
            if let Some(sequencing) = &entry.sequencing {
                sequencings.get_or_insert_default().note(&self.store, entry.stream, &mut course.tail, sequencing)?;
            }
        }
        for (stream, course) in &mut courses {
            rows.extend(course.shared.finish(*stream));
        }
        for (key, row) in rows {
            group.insert(&self.store.records, &key, row);
        }
        if let Some(sequencings) = sequencings {
            sequencings.stage(&self.store, group);
        }
        for (stream, Course { tail, .. }) in courses {
            if tail.is_closed && tail.is_relay {
                group.remove(&self.store.relays, &stream_key(stream));
            }
            group.streams.insert(stream, Some(tail));
        }
        Ok(Changed::Done)
    }

    pub(super) fn tail(&self, stream: StreamKey) -> Result<Tail, Error> {
        self.tails.get(stream).map_or_else(|| Tail::load(&self.store, stream), Ok)
    }
}

impl<'a> Course<'a> {
    fn from(tail: Tail) -> Self {
        Self { tail, shared: SharedRow { first: tail.next, bytes_before: tail.bytes, records: Vec::new(), bytes: 0 } }
    }

    /// Moves the tail over `entry`; what cannot share a row with it goes to `rows`.
    fn take(&mut self, entry: &'a Entry, rows: &mut Vec<RunRow>) {
        let Self { tail, shared } = self;
        let single = match (entry.records.as_slice(), &entry.closure) {
            ([record], None) => Some(record).filter(|record| record.data.len() <= SHARED_BYTES_MAX),
            _ => None,
        };
        let is_room = |record: &&NewRecord| shared.bytes + record.data.len() <= SHARED_BYTES_MAX;
        if single.is_none_or(|record| !is_room(&record)) {
            rows.extend(shared.finish(entry.stream));
        }
        match single {
            Some(record) => shared.push(record, tail),
            None => rows.extend(runs(entry.stream, tail, &entry.records, entry.closure.as_ref())),
        }
    }
}

impl<'a> SharedRow<'a> {
    fn push(&mut self, record: &'a NewRecord, tail: &mut Tail) {
        if self.records.is_empty() {
            (self.first, self.bytes_before) = (tail.next, tail.bytes);
        }
        self.records.push(record);
        self.bytes += record.data.len();
        tail.next = tail.next.plus(1);
        tail.bytes = tail.bytes.saturating_add(record.data.len() as u64);
    }

    /// The row of what it holds, if that is anything, after which it is empty.
    fn finish(&mut self, stream: StreamKey) -> Option<RunRow> {
        let behind = match self.records.len() {
            0 => return None,
            1 => Behind::Open,
            _ => Behind::OpenShared,
        };
        let row = record::ser(self.bytes_before, self.records.iter().copied(), behind);
        self.records.clear();
        self.bytes = 0;
        Some((record::key(stream, self.first), row))
    }
}

fn check_fits(entry: &Entry, tail: Tail) -> Result<(), Error> {
    if tail.is_closed {
        return Err(Error::new(ErrorKind::StreamClosed, "the stream is closed"));
    }
    if entry.first != tail.next {
        let said = format!("an entry starts at {}, but the tail is {}", entry.first, tail.next);
        return Err(Error::new(ErrorKind::OffsetBeyondTail, said));
    }
    Ok(())
}

/// The rows of one entry, which moves `tail` on: none when it has neither records nor a close.
pub(super) fn runs(
    stream: StreamKey,
    tail: &mut Tail,
    mut records: &[NewRecord],
    closure: Option<&Closure>,
) -> Vec<RunRow> {
    let mut rows = Vec::with_capacity(1);
    while !records.is_empty() || (closure.is_some() && !tail.is_closed) {
        let (run, rest) = records.split_at(run_len(records));
        let behind = match closure {
            _ if !rest.is_empty() => Behind::Entry,
            Some(closure) => Behind::Close(closure),
            None => Behind::Open,
        };
        rows.push((record::key(stream, tail.next), record::ser(tail.bytes, run.iter(), behind)));
        let bytes: u64 = run.iter().map(|record| record.data.len() as u64).sum();
        tail.bytes = tail.bytes.saturating_add(bytes);
        tail.next = tail.next.plus(run.len() as u64);
        tail.is_closed = matches!(behind, Behind::Close(_));
        records = rest;
    }
    rows
}

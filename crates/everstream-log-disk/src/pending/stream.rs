//! One stream's appends that are not in the store yet: the rows they will be, under construction.

use std::collections::HashMap;

use bytes::Bytes;
use everstream_log::{Closure, NewRecord, Offset, ProducerId, ProducerState, Sequencing, StreamSeq};

use crate::keyspace::record::{self, Mark, RUN_BYTES_MAX, RUN_RECORDS_MAX};
use crate::read::{Collect, Page, Stretch, Taken};
use crate::tail::Tail;

/// What a stream takes in memory beside its records: its place in the map and its vectors, about.
const STREAM_BYTES: usize = 320;

/// Appends of one stream, in order, without a gap.
#[derive(Debug)]
pub(crate) struct PendingStream {
    /// The offset of its first record here.
    pub(crate) first: Offset,
    /// The stream's end, these appends included.
    pub(crate) tail: Tail,
    pub(crate) rows: Vec<OpenRow>,
    /// Set when the stream is closed here.
    pub(crate) closure: Option<Closure>,
    /// What its publishers said of their order. Boxed: most streams have none.
    pub(crate) sequenced: Option<Box<Sequenced>>,
}

/// What the publishers of a stream said of their order.
#[derive(Debug, Default)]
pub(crate) struct Sequenced {
    pub(crate) producers: HashMap<ProducerId, ProducerState>,
    pub(crate) stream_seq: Option<StreamSeq>,
}

/// A row that takes records.
#[derive(Debug)]
pub(crate) struct OpenRow {
    pub(crate) first: Offset,
    /// The data bytes of all records before it.
    pub(crate) bytes_before: u64,
    pub(crate) marks: Vec<Mark>,
    /// The data of its records, one behind the other, each with the stream's separator behind it.
    pub(crate) data: Vec<u8>,
}

impl PendingStream {
    /// Of a stream that ends at `tail` so far.
    pub(crate) fn new(tail: Tail) -> Self {
        Self { first: tail.next, tail, rows: Vec::new(), closure: None, sequenced: None }
    }

    /// The bytes that an empty one counts for.
    pub(crate) const fn own_bytes() -> usize {
        STREAM_BYTES
    }

    /// Appends one entry; the tail moves on but for its producers. Returns the bytes of memory it takes, about.
    pub(crate) fn push(
        &mut self,
        records: &[NewRecord],
        closure: Option<&Closure>,
        sequencing: Option<&Sequencing>,
    ) -> usize {
        let separator = self.tail.separator;
        let (mut bytes, separators) = (0, usize::from(separator.is_some()));
        for (behind, record) in (0..records.len()).rev().zip(records) {
            let mark = Mark::new(record.time, record.data.len(), behind == 0);
            if let Some(row) = self.row_for_one_more() {
                row.marks.push(mark);
                // Both at once, so that the one byte does not double what the record has just been given.
                row.data.reserve(record.data.len() + separators);
                row.data.extend_from_slice(&record.data);
                row.data.extend(separator);
            }
            bytes += record.data.len() + separators + size_of::<Mark>();
            self.tail.next = self.tail.next.plus(1);
            self.tail.bytes = self.tail.bytes.saturating_add(record.data.len() as u64);
        }
        if let Some(closure) = closure {
            bytes += closure.detail.len();
            self.closure = Some(closure.clone());
            self.tail.is_closed = true;
        }
        if let Some(sequencing) = sequencing {
            bytes += self.note(sequencing);
        }
        bytes
    }

    fn note(&mut self, sequencing: &Sequencing) -> usize {
        let sequenced = self.sequenced.get_or_insert_default();
        let mut bytes = 0;
        if let Some(mark) = &sequencing.producer {
            let state = mark.state(self.tail.next);
            match sequenced.producers.get_mut(&mark.id) {
                Some(known) => *known = state,
                None => {
                    bytes += mark.id.as_bytes().len() + 2 * size_of::<(ProducerId, ProducerState)>();
                    sequenced.producers.insert(mark.id.clone(), state);
                }
            }
        }
        if let Some(seq) = &sequencing.stream_seq {
            bytes += seq.as_bytes().len();
            sequenced.stream_seq = Some(seq.clone());
        }
        bytes
    }

    fn row_for_one_more(&mut self) -> Option<&mut OpenRow> {
        if self.rows.last().is_none_or(OpenRow::is_full) {
            let Tail { next, bytes, .. } = self.tail;
            if self.rows.is_empty() {
                // Of thousands of streams most never have a second row.
                self.rows.reserve_exact(1);
            }
            self.rows.push(OpenRow { first: next, bytes_before: bytes, marks: Vec::new(), data: Vec::new() });
        }
        self.rows.last_mut()
    }

    /// Its rows, by their first offsets, in order; the last one has the close.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Offset, Vec<u8>)> {
        let mut closure = self.closure.as_ref();
        let separator = self.tail.separator;
        let rows = (0..self.rows.len()).rev().zip(&self.rows).map(move |(behind, row)| {
            let closure = if behind == 0 { closure.take() } else { None };
            (row.first, record::ser(row.bytes_before, &row.marks, &row.data, separator, closure))
        });
        // A close that no record came with.
        let alone = self.closure.as_ref().filter(|_| self.rows.is_empty());
        rows.chain(alone.map(|closure| (self.tail.next, record::ser(self.tail.bytes, &[], &[], None, Some(closure)))))
    }

    /// The bytes of its records and of what stands behind them.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.data.len()).sum()
    }

    /// Takes what `page` still has room for. Says whether the page is full.
    pub(crate) fn read(&self, page: &mut Page<impl Collect>) -> Taken {
        let passed = self.rows.partition_point(|row| row.next() <= page.next);
        let mut rows = self.rows.iter().skip(passed);
        if rows.any(|row| row.read(page, self.tail.separator) == Taken::Full) { Taken::Full } else { Taken::All }
    }

    /// The offset after the entry that has the record at `at`.
    pub(crate) fn entry_end(&self, at: Offset) -> Option<Offset> {
        let passed = self.rows.partition_point(|row| row.next() <= at);
        let (mut end, rows) = (at, self.rows.get(passed..)?);
        for row in rows {
            let before = usize::try_from(end.since(row.first)).ok()?;
            for mark in row.marks.get(before..)? {
                end = end.plus(1);
                if mark.ends_entry() {
                    return Some(end);
                }
            }
        }
        None
    }
}

impl OpenRow {
    fn is_full(&self) -> bool {
        self.data.len() >= RUN_BYTES_MAX || self.marks.len() >= RUN_RECORDS_MAX
    }

    fn next(&self) -> Offset {
        self.first.plus(self.marks.len() as u64)
    }

    /// Copies what `page` still has room for: the row goes on to grow. Says whether the page is full.
    fn read(&self, page: &mut Page<impl Collect>, separator: Option<u8>) -> Taken {
        let stretch = Stretch { first: self.first, marks: &self.marks, separator };
        page.take(&stretch, self.next(), |range| Bytes::copy_from_slice(self.data.get(range).unwrap_or_default()))
    }
}

//! One stream's appends that are not in the store yet: the rows they will be, under construction.

use std::collections::HashMap;

use bytes::Bytes;
use everstream_log::{Closure, NewRecord, Offset, ProducerId, ProducerState, Sequencing, StreamKey, StreamSeq};

use crate::keyspace::record::{self, Mark, RUN_BYTES_MAX, RUN_RECORDS_MAX};
use crate::read::{Collect, Page, Stretch, Taken};
use crate::tail::Tail;

/// What a stream takes in memory beside its records, the mark of the first one included: what the set has of it, and its
/// place there twice, since a map is half full at least.
const STREAM_BYTES: usize = size_of::<(StreamKey, PendingStream)>() + 2 * size_of::<(StreamKey, usize)>();

/// Appends of one stream, in order, without a gap.
///
/// Of thousands of streams most have a record or two here. What those take says how much one fold brings to the store,
/// and so how many folds and merges there are: with one record there is one allocation, of its data.
#[derive(Debug)]
pub(crate) struct PendingStream {
    /// The stream's end, these appends included.
    pub(crate) tail: Tail,
    /// The rows that take no more.
    full: Vec<OpenRow>,
    /// The row behind them.
    last: Option<OpenRow>,
    /// Set when the stream is closed here. Boxed: most streams have none.
    pub(crate) closure: Option<Box<Closure>>,
    /// What its publishers said of their order. Boxed, too.
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
    marks: Marks,
    /// The data of its records, one behind the other, each with the stream's separator behind it.
    data: Vec<u8>,
}

/// The marks of a row's records. One takes no more room than where many are.
#[derive(Debug)]
enum Marks {
    One(Mark),
    Many(Vec<Mark>),
}

impl PendingStream {
    /// Of a stream that ends at `tail` so far.
    pub(crate) fn new(tail: Tail) -> Self {
        Self { tail, full: Vec::new(), last: None, closure: None, sequenced: None }
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
        let mut bytes = 0;
        for (behind, record) in (0..records.len()).rev().zip(records) {
            let mark = Mark::new(record.time, record.data.len(), behind == 0);
            bytes += self.push_one(mark, &record.data);
        }
        if let Some(closure) = closure {
            bytes += size_of::<Closure>() + closure.detail.len();
            self.closure = Some(Box::new(closure.clone()));
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

    /// Returns the bytes of memory it takes, but for what is counted with the stream.
    fn push_one(&mut self, mark: Mark, data: &[u8]) -> usize {
        let Tail { next, bytes, separator, .. } = self.tail;
        let len = data.len() + usize::from(separator.is_some());
        let mut taken = len;
        match self.last.as_mut().filter(|row| !row.is_full()) {
            Some(row) => {
                row.marks.push(mark);
                // Both at once, so that the one byte does not double what the record has just been given.
                row.data.reserve(len);
                row.data.extend_from_slice(data);
                row.data.extend(separator);
                taken += size_of::<Mark>();
            }
            None => {
                let mut copy = Vec::with_capacity(len);
                copy.extend_from_slice(data);
                copy.extend(separator);
                let row = OpenRow { first: next, bytes_before: bytes, marks: Marks::One(mark), data: copy };
                self.full.extend(self.last.replace(row));
            }
        }
        self.tail.next = next.plus(1);
        self.tail.bytes = bytes.saturating_add(data.len() as u64);
        taken
    }

    /// Its rows, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &OpenRow> {
        self.full.iter().chain(&self.last)
    }

    /// The offset of its first record here.
    pub(crate) fn first(&self) -> Offset {
        self.rows().next().map_or(self.tail.next, |row| row.first)
    }

    /// Hands out its rows as they are stored, by their first offsets, in order; the last one has the close. `row` is
    /// where they are made.
    pub(crate) fn write_rows<E>(
        &self,
        row: &mut Vec<u8>,
        mut put: impl FnMut(Offset, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (separator, closure) = (self.tail.separator, self.closure.as_deref());
        for full in &self.full {
            record::ser(row, full.bytes_before, full.marks.as_slice(), &full.data, separator, None);
            put(full.first, row)?;
        }
        match (&self.last, closure) {
            (Some(last), _) => {
                record::ser(row, last.bytes_before, last.marks.as_slice(), &last.data, separator, closure);
                put(last.first, row)
            }
            // A close that no record came with.
            (None, Some(_)) => {
                record::ser(row, self.tail.bytes, &[], &[], None, closure);
                put(self.tail.next, row)
            }
            (None, None) => Ok(()),
        }
    }

    /// The bytes of its records and of what stands behind them.
    pub(crate) fn bytes(&self) -> usize {
        self.rows().map(|row| row.data.len()).sum()
    }

    /// Takes what `page` still has room for. Says whether the page is full.
    pub(crate) fn read(&self, page: &mut Page<impl Collect>) -> Taken {
        let passed = self.full.partition_point(|row| row.next() <= page.next);
        let mut rows = self.full.iter().skip(passed).chain(&self.last);
        if rows.any(|row| row.read(page, self.tail.separator) == Taken::Full) { Taken::Full } else { Taken::All }
    }

    /// The offset after the entry that has the record at `at`.
    pub(crate) fn entry_end(&self, at: Offset) -> Option<Offset> {
        let passed = self.full.partition_point(|row| row.next() <= at);
        let mut end = at;
        for row in self.full.iter().skip(passed).chain(&self.last) {
            let before = usize::try_from(end.since(row.first)).ok()?;
            for mark in row.marks.as_slice().get(before..)? {
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
        self.data.len() >= RUN_BYTES_MAX || self.marks.as_slice().len() >= RUN_RECORDS_MAX
    }

    fn next(&self) -> Offset {
        self.first.plus(self.marks.as_slice().len() as u64)
    }

    /// Copies what `page` still has room for: the row goes on to grow. Says whether the page is full.
    fn read(&self, page: &mut Page<impl Collect>, separator: Option<u8>) -> Taken {
        let stretch = Stretch { first: self.first, marks: self.marks.as_slice(), separator };
        page.take(&stretch, self.next(), |range| Bytes::copy_from_slice(self.data.get(range).unwrap_or_default()))
    }
}

impl Marks {
    fn as_slice(&self) -> &[Mark] {
        match self {
            Self::One(mark) => std::slice::from_ref(mark),
            Self::Many(marks) => marks,
        }
    }

    fn push(&mut self, mark: Mark) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, mark]),
            Self::Many(marks) => marks.push(mark),
        }
    }
}

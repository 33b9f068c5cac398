//! What one read brings: records up to its limit, in the shape that its caller wants.

use std::ops::Range;

use bytes::{Buf, Bytes};
use everstream_log::{Offset, ReadLimit, Record, RecordRun};

use crate::keyspace::record::Mark;

/// What is read of, as far as it has come.
pub(crate) struct Page<C> {
    limit: ReadLimit,
    /// The offset of the next record.
    pub(crate) next: Offset,
    count: usize,
    bytes: usize,
    pub(crate) taken: C,
}

/// A shape that records are read into.
pub(crate) trait Collect: Default {
    /// Takes consecutive records, whose data stand one behind the other in `data`.
    fn collect(&mut self, records: &Stretch<'_>, data: Bytes);
}

/// Consecutive records that stand one behind the other, wherever they are held.
pub(crate) struct Stretch<'a> {
    /// The offset of the first one.
    pub(crate) first: Offset,
    pub(crate) marks: &'a [Mark],
    /// What stands behind each of them.
    pub(crate) separator: Option<u8>,
}

/// Whether a page has room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Full,
    All,
}

impl<C: Collect> Page<C> {
    /// An empty one, of records from `from` on.
    pub(crate) fn new(from: Offset, limit: ReadLimit) -> Self {
        Self { limit, next: from, count: 0, bytes: 0, taken: C::default() }
    }

    /// Takes what it has room for of the records before `end`; `stretch` has the next one or what lies before it. `data`
    /// gives these bytes of the stretch.
    pub(crate) fn take(
        &mut self,
        stretch: &Stretch<'_>,
        end: Offset,
        data: impl FnOnce(Range<usize>) -> Bytes,
    ) -> Taken {
        let index = |offset: Offset| usize::try_from(offset.since(stretch.first)).unwrap_or(usize::MAX);
        let before = index(self.next).min(stretch.marks.len());
        let (passed, rest) = stretch.marks.split_at(before);
        let rest = rest.get(..index(end).saturating_sub(before)).unwrap_or(rest);
        let (mut count, mut len) = (0, 0_usize);
        for mark in rest {
            if !self.limit.admits(self.count + count, self.bytes.saturating_add(len)) {
                break;
            }
            count += 1;
            len = len.saturating_add(mark.len());
        }
        if let Some(marks) = rest.get(..count).filter(|marks| !marks.is_empty()) {
            let gap = usize::from(stretch.separator.is_some());
            let start = passed.iter().map(|mark| mark.len()).sum::<usize>() + gap * passed.len();
            let end = start.saturating_add(len).saturating_add(gap * count);
            let records = Stretch { first: self.next, marks, separator: stretch.separator };
            self.taken.collect(&records, data(start..end));
            self.next = self.next.plus(count as u64);
            self.count += count;
            self.bytes = self.bytes.saturating_add(len);
        }
        if self.limit.admits(self.count, self.bytes) { Taken::All } else { Taken::Full }
    }
}

impl Collect for Vec<Record> {
    fn collect(&mut self, records: &Stretch<'_>, mut data: Bytes) {
        let gap = usize::from(records.separator.is_some());
        self.extend((records.first.0..).zip(records.marks).map(|(offset, mark)| {
            let taken = data.split_to(mark.len().min(data.len()));
            data.advance(gap.min(data.len()));
            Record { offset: Offset(offset), time: mark.time, data: taken }
        }));
    }
}

impl Collect for Vec<RecordRun> {
    fn collect(&mut self, records: &Stretch<'_>, data: Bytes) {
        let lens = records.marks.iter().map(|mark| mark.len()).collect();
        self.push(RecordRun::new(records.first, lens, data, records.separator));
    }
}

//! Many records at once.

use bytes::Bytes;

use crate::{Offset, Record};

/// Consecutive records of a stream whose data stand one behind the other, as an engine has them in a row: what thousands
/// of records are handed out as when nobody asks for each. Cheap to clone but for the lengths: the bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRun {
    first: Offset,
    lens: Vec<usize>,
    data: Bytes,
    separator: Option<u8>,
}

impl RecordRun {
    /// Records of these lengths in `data`, the first of them at `first`; behind each of them stands the separator, if there
    /// is one. Where the lengths and the data disagree the shorter one counts.
    #[must_use]
    pub const fn new(first: Offset, lens: Vec<usize>, data: Bytes, separator: Option<u8>) -> Self {
        Self { first, lens, data, separator }
    }

    /// Copies the data of consecutive records; nothing for none.
    #[must_use]
    pub fn of(records: &[Record], separator: Option<u8>) -> Option<Self> {
        let lens: Vec<usize> = records.iter().map(|record| record.data.len()).collect();
        let mut data = Vec::with_capacity(lens.iter().sum::<usize>() + lens.len());
        for record in records {
            data.extend_from_slice(&record.data);
            data.extend(separator);
        }
        Some(Self::new(records.first()?.offset, lens, data.into(), separator))
    }

    /// The offset of its first record.
    #[must_use]
    pub const fn first(&self) -> Offset {
        self.first
    }

    /// The offset after its last record.
    #[must_use]
    pub const fn next(&self) -> Offset {
        self.first.plus(self.lens.len() as u64)
    }

    /// How many records it has.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.lens.len()
    }

    /// The bytes of its records, without separators.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.data.len().saturating_sub(self.lens.len() * self.gap())
    }

    /// What stands behind each of its records, the last one included: the stream's separator, or nothing.
    #[must_use]
    pub const fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// The data of all its records, with the separator behind each.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// The data of each of its records, in order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let gap = self.gap();
        self.lens.iter().scan(&*self.data, move |rest, len| {
            let (record, behind) = rest.split_at_checked(len.checked_add(gap)?)?;
            *rest = behind;
            record.get(..*len)
        })
    }

    /// Lets go of the records from `end` on.
    pub fn truncate(&mut self, end: Offset) {
        let count = usize::try_from(end.since(self.first)).unwrap_or(usize::MAX);
        if count < self.lens.len() {
            self.lens.truncate(count);
            self.data.truncate(self.lens.iter().sum::<usize>() + count * self.gap());
        }
    }

    /// How many bytes stand behind each record.
    const fn gap(&self) -> usize {
        self.separator.is_some() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn run(records: &[&'static str], separator: Option<u8>) -> RecordRun {
        let record = |(offset, data): (u64, &&'static str)| Record {
            offset: Offset(offset),
            time: Timestamp(0),
            data: Bytes::from_static(data.as_bytes()),
        };
        RecordRun::of(&(7..).zip(records).map(record).collect::<Vec<_>>(), separator).unwrap()
    }

    #[test]
    fn it_has_the_records_that_it_was_made_of() {
        for (separator, data) in [(None, "abcd"), (Some(b','), "a,,bcd,")] {
            let run = run(&["a", "", "bcd"], separator);
            assert_eq!((run.first(), run.next(), run.count(), run.bytes()), (Offset(7), Offset(10), 3, 4));
            assert_eq!(run.records().collect::<Vec<_>>(), [b"a".as_slice(), b"", b"bcd"]);
            assert_eq!((run.data().as_ref(), run.separator()), (data.as_bytes(), separator));
            assert_eq!(RecordRun::of(&[], separator), None);
        }
    }

    #[test]
    fn what_lies_behind_an_offset_can_be_let_go() {
        for separator in [None, Some(0)] {
            for (end, left) in [(6, 0), (7, 0), (8, 1), (9, 2), (10, 3), (u64::MAX, 3)] {
                let mut cut = run(&["a", "", "bcd"], separator);
                cut.truncate(Offset(end));
                assert_eq!((cut.count(), cut.records().count()), (left, left), "{end}");
                let bytes = if left == 3 { 4 } else { left.min(1) };
                assert_eq!((cut.bytes(), cut.data().len()), (bytes, bytes + left * usize::from(separator.is_some())));
            }
        }
    }

    #[test]
    fn a_record_without_all_its_data_is_none() {
        for (data, separator) in [("abc", None), ("ab,cd", Some(b','))] {
            let run = RecordRun::new(Offset(0), vec![2, 2], Bytes::from_static(data.as_bytes()), separator);
            assert_eq!(run.records().collect::<Vec<_>>(), [b"ab"]);
        }
    }
}

//! `records`: stream and first offset, both big-endian → a run of records, perhaps the close.
//!
//! A run holds entries of any size one after another; a large entry goes on in the next row, so that reading one record
//! never costs more than [`RUN_BYTES_MAX`] or that record. A stream's last row says all that an append has to know.
//!
//! The rows of a stream with a separator have it behind each record, so that many records are read as they are sent.
//!
//! Rows of version 1, which older versions wrote, hold one entry each, or entries of one record each.

use std::ops::Range;

use bytes::Bytes;
use everstream_log::{CloseReason, Closure, Offset, StreamKey, Timestamp};

use crate::read::Stretch;
use crate::wire::{Malformed, Row, put_bytes, put_varint, put_zigzag};

pub(crate) const KEYSPACE: &str = "records";

/// A run takes no further record once its data reaches so many bytes.
pub(crate) const RUN_BYTES_MAX: usize = 64 * 1024;

/// Nor once it has so many records.
pub(crate) const RUN_RECORDS_MAX: usize = 8 * 1024;

const VERSION: u8 = 2;
const CLOSES: u8 = 1;
const SEPARATED: u8 = 1 << 3;

/// The version whose flags say where entries end.
const FLAGGED: u8 = 1;
const CONTINUES: u8 = 1 << 1;
const SHARED: u8 = 1 << 2;

/// What a run says of a record apart from its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) time: Timestamp,
    /// Twice its length in bytes, plus one if its entry ends with it; in memory as in the row.
    sized: u64,
}

impl Mark {
    pub(crate) fn new(time: Timestamp, len: usize, ends_entry: bool) -> Self {
        Self { time, sized: (len as u64) << 1 | u64::from(ends_entry) }
    }

    pub(crate) fn len(self) -> usize {
        usize::try_from(self.sized >> 1).unwrap_or(usize::MAX)
    }

    pub(crate) fn ends_entry(self) -> bool {
        self.sized & 1 == 1
    }
}

/// A run of records as it stands in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The offset of its first record.
    pub(crate) first: Offset,
    /// The data bytes of all records before it.
    pub(crate) bytes_before: u64,
    marks: Vec<Mark>,
    /// The data of its records, each with the separator behind it.
    data: Bytes,
    separator: Option<u8>,
    /// Set when the stream ends after it.
    pub(crate) closure: Option<Closure>,
}

impl Run {
    /// The offset after its last record.
    pub(crate) fn next(&self) -> Offset {
        self.first.plus(self.marks.len() as u64)
    }

    /// The data bytes of all records up to its end.
    pub(crate) fn bytes_after(&self) -> u64 {
        let separators = self.marks.len() * usize::from(self.separator.is_some());
        self.bytes_before.saturating_add(self.data.len().saturating_sub(separators) as u64)
    }

    /// The data bytes of all records before `offset`, which is in it or at its end.
    pub(crate) fn bytes_at(&self, offset: Offset) -> u64 {
        let before = usize::try_from(offset.since(self.first)).unwrap_or(usize::MAX);
        let lens = self.marks.iter().take(before).map(|mark| mark.len() as u64);
        self.bytes_before.saturating_add(lens.sum())
    }

    /// Where the entry ends that has the record at `at`; nothing when it goes on in the next row.
    pub(crate) fn entry_end(&self, at: Offset) -> Option<Offset> {
        let before = usize::try_from(at.since(self.first)).ok()?;
        let rest = self.marks.get(before..)?.iter().position(|mark| mark.ends_entry())?;
        Some(at.plus(rest as u64 + 1))
    }

    /// Its records.
    pub(crate) fn stretch(&self) -> Stretch<'_> {
        Stretch { first: self.first, marks: &self.marks, separator: self.separator }
    }

    /// These bytes of its records' data, separators among them: in the row's memory, or copied where less than half of it
    /// is wanted. Who keeps them keeps little more than them, whatever else is in the row.
    pub(crate) fn data(&self, range: Range<usize>) -> Bytes {
        let wanted = self.data.slice(range.start.min(self.data.len())..range.end.min(self.data.len()));
        if wanted.len() < self.data.len() / 2 { Bytes::copy_from_slice(&wanted) } else { wanted }
    }
}

pub(crate) fn key(stream: StreamKey, first: Offset) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(8);
    front.copy_from_slice(&stream.0.to_be_bytes());
    back.copy_from_slice(&first.0.to_be_bytes());
    key
}

pub(crate) fn deser_key(key: Bytes) -> Result<(StreamKey, Offset), Malformed> {
    let mut key = Row::new(key);
    let (stream, first) = (StreamKey(key.u64_be()?), Offset(key.u64_be()?));
    key.end()?;
    Ok((stream, first))
}

/// Makes `row` that of a run whose records have their data one behind the other in `data`, each with the separator behind
/// it.
pub(crate) fn ser(
    row: &mut Vec<u8>,
    bytes_before: u64,
    marks: &[Mark],
    data: &[u8],
    separator: Option<u8>,
    closure: Option<&Closure>,
) {
    let detail_len = closure.map_or(0, |closure| closure.detail.len() + 16);
    row.clear();
    row.reserve(data.len() + detail_len + 4 * marks.len() + 40);
    row.push(VERSION);
    let flag = |bit, is_set| if is_set { bit } else { 0 };
    row.push(flag(CLOSES, closure.is_some()) | flag(SEPARATED, separator.is_some()));
    put_varint(row, bytes_before);
    put_varint(row, marks.len() as u64);
    let mut time_before = 0_u64;
    for mark in marks {
        put_zigzag(row, mark.time.0.wrapping_sub(time_before) as i64);
        put_varint(row, mark.sized);
        time_before = mark.time.0;
    }
    if let Some(closure) = closure {
        put_closure(row, closure);
    }
    row.extend_from_slice(data);
}

pub(crate) fn deser(first: Offset, row: Bytes) -> Result<Run, Malformed> {
    // Every record takes two bytes at least, so that a strange count cannot ask for more memory than the row has.
    let records_max = row.len() / 2;
    let mut row = Row::new(row);
    let (version, flags) = (row.byte()?, row.byte()?);
    let known = if version == FLAGGED { CLOSES | CONTINUES | SHARED } else { CLOSES | SEPARATED };
    if !(FLAGGED..=VERSION).contains(&version) || flags & !known != 0 {
        return Err(Malformed);
    }
    let bytes_before = row.varint()?;
    let count = usize::try_from(row.varint()?).map_err(|_| Malformed)?;
    if count > records_max {
        return Err(Malformed);
    }
    let mut marks = Vec::with_capacity(count);
    let (mut time, mut data_len) = (0_u64, 0_usize);
    for place in 1..=count {
        time = time.wrapping_add(row.zigzag()? as u64);
        let mut sized = row.varint()?;
        if version == FLAGGED {
            let ends_entry = flags & SHARED != 0 || (place == count && flags & CONTINUES == 0);
            sized = sized.checked_mul(2).ok_or(Malformed)? | u64::from(ends_entry);
        }
        let mark = Mark { time: Timestamp(time), sized };
        data_len = data_len.checked_add(mark.len()).ok_or(Malformed)?;
        marks.push(mark);
    }
    let closure = if flags & CLOSES == 0 { None } else { Some(take_closure(&mut row)?) };
    let data = row.rest();
    let mut separator = None;
    if flags & SEPARATED != 0 {
        // The byte stands nowhere but behind the records, of which such a row has one at least.
        separator = Some(*data.last().filter(|_| count > 0).ok_or(Malformed)?);
        data_len = data_len.checked_add(count).ok_or(Malformed)?;
    }
    if data.len() != data_len {
        return Err(Malformed);
    }
    Ok(Run { first, bytes_before, marks, data, separator, closure })
}

pub(crate) fn put_closure(row: &mut Vec<u8>, closure: &Closure) {
    row.push(reason_code(closure.reason));
    put_varint(row, closure.at.0);
    put_bytes(row, &closure.detail);
}

pub(crate) fn take_closure(row: &mut Row) -> Result<Closure, Malformed> {
    let code = row.byte()?;
    let reason = CloseReason::ALL.into_iter().find(|reason| reason_code(*reason) == code).ok_or(Malformed)?;
    let at = Timestamp(row.varint()?);
    let detail = Bytes::copy_from_slice(&row.bytes()?);
    Ok(Closure { reason, at, detail })
}

/// Persisted: a code never changes its meaning.
const fn reason_code(reason: CloseReason) -> u8 {
    match reason {
        CloseReason::Completed => 1,
        CloseReason::Stopped => 2,
        CloseReason::Failed => 3,
        CloseReason::Interrupted => 4,
    }
}

#[cfg(test)]
mod tests;

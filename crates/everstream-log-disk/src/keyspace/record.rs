//! `records`: stream and first offset, both big-endian → version 1 and a run of records, perhaps the close.
//!
//! An entry is one row, or several in one batch when it is large, so that reading one record never costs more than
//! [`RUN_BYTES_MAX`] or that record. Entries of one record that come together share a row. A stream's last row says all
//! that an append has to know.

use bytes::Bytes;
use everstream_log::{CloseReason, Closure, NewRecord, Offset, Record, StreamKey, Timestamp};

use crate::wire::{Malformed, Row, put_bytes, put_varint, put_zigzag};

pub(crate) const KEYSPACE: &str = "records";

/// A run takes no further record once its data reaches so many bytes.
pub(crate) const RUN_BYTES_MAX: usize = 64 * 1024;

/// The same for a row of entries that share it: a single one of them is often what is read.
pub(crate) const SHARED_BYTES_MAX: usize = 16 * 1024;

const VERSION: u8 = 1;
const CLOSES: u8 = 1;
const CONTINUES: u8 = 1 << 1;
const SHARED: u8 = 1 << 2;

/// A run of records as it stands in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The offset of its first record.
    pub(crate) first: Offset,
    /// The data bytes of all records before it.
    pub(crate) bytes_before: u64,
    records: Vec<(Timestamp, usize)>,
    data: Bytes,
    /// Whether the entry goes on in the next row.
    pub(crate) continues: bool,
    /// Whether each record is an entry of its own.
    pub(crate) is_shared: bool,
    /// Set when the stream ends after it.
    pub(crate) closure: Option<Closure>,
}

impl Run {
    /// The offset after its last record.
    pub(crate) fn next(&self) -> Offset {
        self.first.plus(self.records.len() as u64)
    }

    /// The data bytes of all records up to its end.
    pub(crate) fn bytes_after(&self) -> u64 {
        self.bytes_before.saturating_add(self.data.len() as u64)
    }

    /// The data bytes of all records before `offset`, which is in it or at its end.
    pub(crate) fn bytes_at(&self, offset: Offset) -> u64 {
        let before = usize::try_from(offset.since(self.first)).unwrap_or(usize::MAX);
        let lens = self.records.iter().take(before).map(|(_, len)| *len as u64);
        self.bytes_before.saturating_add(lens.sum())
    }

    /// Its records in order; their data shares the row's memory.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        let mut data = self.data.clone();
        (self.first.0..).zip(&self.records).map(move |(offset, &(time, len))| Record {
            offset: Offset(offset),
            time,
            data: data.split_to(len.min(data.len())),
        })
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

/// How many of `records` go into the next run: at least one.
pub(crate) fn run_len(records: &[NewRecord]) -> usize {
    let mut bytes = 0_usize;
    let fits = records.iter().take_while(|record| {
        let is_open = bytes < RUN_BYTES_MAX;
        bytes = bytes.saturating_add(record.data.len());
        is_open
    });
    fits.count()
}

/// What comes behind a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behind<'a> {
    /// More of the same entry, in the next row.
    Entry,
    /// Another entry, some day.
    Open,
    /// The same, and each record is an entry of its own.
    OpenShared,
    /// Nothing ever.
    Close(&'a Closure),
}

pub(crate) fn ser<'a>(
    bytes_before: u64,
    records: impl ExactSizeIterator<Item = &'a NewRecord> + Clone,
    behind: Behind<'_>,
) -> Vec<u8> {
    let (flags, closure) = match behind {
        Behind::Entry => (CONTINUES, None),
        Behind::Open => (0, None),
        Behind::OpenShared => (SHARED, None),
        Behind::Close(closure) => (CLOSES, Some(closure)),
    };
    let data_len: usize = records.clone().map(|record| record.data.len()).sum();
    let detail_len = closure.map_or(0, |closure| closure.detail.len());
    let mut row = Vec::with_capacity(data_len + detail_len + 8 * records.len() + 40);
    row.push(VERSION);
    row.push(flags);
    put_varint(&mut row, bytes_before);
    put_varint(&mut row, records.len() as u64);
    let mut time_before = 0_u64;
    for record in records.clone() {
        put_zigzag(&mut row, record.time.0.wrapping_sub(time_before) as i64);
        put_varint(&mut row, record.data.len() as u64);
        time_before = record.time.0;
    }
    if let Some(closure) = closure {
        row.push(reason_code(closure.reason));
        put_varint(&mut row, closure.at.0);
        put_bytes(&mut row, &closure.detail);
    }
    for record in records {
        row.extend_from_slice(&record.data);
    }
    row
}

pub(crate) fn deser(first: Offset, row: Bytes) -> Result<Run, Malformed> {
    // Every record takes two bytes at least, so that a strange count cannot ask for more memory than the row has.
    let records_max = row.len() / 2;
    let mut row = Row::new(row);
    let (version, flags) = (row.byte()?, row.byte()?);
    if version != VERSION || flags & !(CLOSES | CONTINUES | SHARED) != 0 {
        return Err(Malformed);
    }
    let bytes_before = row.varint()?;
    let count = usize::try_from(row.varint()?).map_err(|_| Malformed)?;
    if count > records_max {
        return Err(Malformed);
    }
    let mut records = Vec::with_capacity(count);
    let (mut time, mut data_len) = (0_u64, 0_usize);
    for _ in 0..count {
        time = time.wrapping_add(row.zigzag()? as u64);
        let len = usize::try_from(row.varint()?).map_err(|_| Malformed)?;
        data_len = data_len.checked_add(len).ok_or(Malformed)?;
        records.push((Timestamp(time), len));
    }
    let closure = if flags & CLOSES == 0 { None } else { Some(deser_closure(&mut row)?) };
    let data = row.rest();
    if data.len() != data_len {
        return Err(Malformed);
    }
    let (continues, is_shared) = (flags & CONTINUES != 0, flags & SHARED != 0);
    Ok(Run { first, bytes_before, records, data, continues, is_shared, closure })
}

fn deser_closure(row: &mut Row) -> Result<Closure, Malformed> {
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

//! `streams`: a stream's number → version 1, its name, incarnation, settings, making and deadline; of a fork,
//! where its first records are.
//!
//! Its tail, size and close are not here but in its last row in `records`, so that an append writes one row.

use std::time::Duration;

use bytes::Bytes;
use everstream_log::{Alias, Epoch, Expiry, Offset, Origin, Settings, StreamName, Timestamp};

use super::line::{self, Line};
use crate::wire::{Malformed, Row, put_bytes, put_varint};

pub(crate) const KEYSPACE: &str = "streams";
const VERSION: u8 = 1;

const HAS_DEADLINE: u8 = 1;
const HAS_ALIAS: u8 = 1 << 1;
const RELAYED: u8 = 1 << 2;
const FORKED: u8 = 1 << 3;
const TOMBSTONE: u8 = 1 << 4;
const HAS_SEPARATOR: u8 = 1 << 5;
const FLAGS: u8 = HAS_DEADLINE | HAS_ALIAS | RELAYED | FORKED | TOMBSTONE | HAS_SEPARATOR;

const EXPIRY_NEVER: u8 = 0;
const EXPIRY_IDLE: u8 = 1;
const EXPIRY_AT: u8 = 2;

/// What stands of a stream apart from its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRow {
    pub(crate) name: StreamName,
    pub(crate) epoch: Epoch,
    pub(crate) settings: Settings,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// The offset of the first record held.
    pub(crate) first: Offset,
    /// Where its first records are, if it is a fork.
    pub(crate) line: Option<Line>,
    /// Whether it was deleted and is here for its forks alone.
    pub(crate) is_tombstone: bool,
}

impl StreamRow {
    /// The offset at which its own records begin, and the data bytes of all records before it.
    pub(crate) fn own_start(&self) -> (Offset, u64) {
        self.line.as_ref().map_or((self.first, 0), |line| (line.base, line.bytes))
    }
}

pub(crate) fn ser(stream: &StreamRow) -> Vec<u8> {
    let settings = &stream.settings;
    let mut flags = 0;
    if stream.expires_at.is_some() {
        flags |= HAS_DEADLINE;
    }
    if settings.alias.is_some() {
        flags |= HAS_ALIAS;
    }
    if settings.origin == Origin::Relayed {
        flags |= RELAYED;
    }
    if stream.line.is_some() {
        flags |= FORKED;
    }
    if stream.is_tombstone {
        flags |= TOMBSTONE;
    }
    if settings.separator.is_some() {
        flags |= HAS_SEPARATOR;
    }
    let mut row = vec![VERSION, flags];
    put_bytes(&mut row, stream.name.as_str().as_bytes());
    put_bytes(&mut row, stream.epoch.as_str().as_bytes());
    put_varint(&mut row, stream.created_at.0);
    put_varint(&mut row, stream.first.0);
    if let Some(deadline) = stream.expires_at {
        put_varint(&mut row, deadline.0);
    }
    match settings.expiry {
        Expiry::Never => row.push(EXPIRY_NEVER),
        Expiry::Idle(after) => {
            row.push(EXPIRY_IDLE);
            put_varint(&mut row, u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
        Expiry::At(moment) => {
            row.push(EXPIRY_AT);
            put_varint(&mut row, moment.0);
        }
    }
    put_bytes(&mut row, settings.content_type.as_bytes());
    if let Some(alias) = &settings.alias {
        put_bytes(&mut row, &alias.0);
    }
    put_bytes(&mut row, &settings.annotation);
    row.extend(settings.separator);
    if let Some(line) = &stream.line {
        line::ser(&mut row, line);
    }
    row
}

pub(crate) fn deser(row: Bytes) -> Result<StreamRow, Malformed> {
    let mut row = Row::new(row);
    let (version, flags) = (row.byte()?, row.byte()?);
    if version != VERSION || flags & !FLAGS != 0 {
        return Err(Malformed);
    }
    let name = StreamName::parse_reserved(&row.text()?).map_err(|_| Malformed)?;
    let epoch = Epoch::parse(&row.text()?).map_err(|_| Malformed)?;
    let created_at = Timestamp(row.varint()?);
    let first = Offset(row.varint()?);
    let expires_at = if flags & HAS_DEADLINE == 0 { None } else { Some(Timestamp(row.varint()?)) };
    let expiry = match row.byte()? {
        EXPIRY_NEVER => Expiry::Never,
        EXPIRY_IDLE => Expiry::Idle(Duration::from_millis(row.varint()?)),
        EXPIRY_AT => Expiry::At(Timestamp(row.varint()?)),
        _ => return Err(Malformed),
    };
    let content_type = row.text()?;
    let alias = if flags & HAS_ALIAS == 0 { None } else { Some(Alias(owned(&row.bytes()?))) };
    let annotation = owned(&row.bytes()?);
    let separator = if flags & HAS_SEPARATOR == 0 { None } else { Some(row.byte()?) };
    let line = if flags & FORKED == 0 { None } else { Some(line::deser(&mut row)?) };
    row.end()?;
    let is_tombstone = flags & TOMBSTONE != 0;
    let origin = if flags & RELAYED == 0 { Origin::Published } else { Origin::Relayed };
    let settings = Settings { content_type, expiry, origin, alias, annotation, separator };
    Ok(StreamRow { name, epoch, settings, created_at, expires_at, first, line, is_tombstone })
}

/// A copy: a live stream keeps these for long, and a shared slice would keep a whole block of the store with them.
fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use everstream_log::{ForkPoint, StreamKey};

    use super::*;

    fn sample() -> StreamRow {
        StreamRow {
            name: StreamName::parse("chat/42").unwrap(),
            epoch: Epoch::parse("k3v9abcd").unwrap(),
            settings: Settings::new("text/event-stream"),
            created_at: Timestamp(1_700_000_000_000),
            expires_at: None,
            first: Offset::ZERO,
            line: None,
            is_tombstone: false,
        }
    }

    #[test]
    fn rows_come_back() {
        let mut full = sample();
        full.settings.origin = Origin::Relayed;
        full.settings.alias = Some(Alias(Bytes::from_static(&[0, 255])));
        full.settings.annotation = Bytes::from_static(b"{}");
        full.settings.separator = Some(b',');
        full.expires_at = Some(Timestamp(u64::MAX));
        full.first = Offset(77);
        for expiry in [Expiry::Never, Expiry::Idle(Duration::from_millis(1_500)), Expiry::At(Timestamp(9))] {
            full.settings.expiry = expiry;
            assert_eq!(deser(ser(&full).into()), Ok(full.clone()));
        }
        assert_eq!(deser(ser(&sample()).into()), Ok(sample()));
        for line in [None, Some(Line::of(StreamKey(7), None, Offset(3), ForkPoint::default()))] {
            for is_tombstone in [false, true] {
                let row = StreamRow { line: line.clone(), is_tombstone, ..full.clone() };
                assert_eq!(deser(ser(&row).into()), Ok(row));
            }
        }
    }

    #[test]
    fn a_cut_or_strange_row_is_malformed() {
        let row = ser(&sample());
        for len in 0..row.len() {
            assert_eq!(deser(Bytes::copy_from_slice(&row[..len])), Err(Malformed), "{len}");
        }
        for (place, byte) in [(0, 2), (1, 0x80)] {
            let mut strange = row.clone();
            strange[place] = byte;
            assert_eq!(deser(strange.into()), Err(Malformed));
        }
    }
}

//! `meta`: one row, `counters` → version 1, the next stream number, how many streams there are.

use bytes::Bytes;
use everstream_log::StreamKey;

use crate::wire::{Malformed, Row, put_varint};

pub(crate) const KEYSPACE: &str = "meta";
pub(crate) const KEY: &[u8] = b"counters";
const VERSION: u8 = 1;

/// What would cost a scan of all streams to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The number the next stream gets; never one that was given out before, also to a stream deleted since.
    pub(crate) next: StreamKey,
    /// How many streams there are.
    pub(crate) streams: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self { next: StreamKey(1), streams: 0 }
    }
}

pub(crate) fn ser(counters: Counters) -> Vec<u8> {
    let mut row = vec![VERSION];
    put_varint(&mut row, counters.next.0);
    put_varint(&mut row, counters.streams);
    row
}

pub(crate) fn deser(row: Bytes) -> Result<Counters, Malformed> {
    let mut row = Row::new(row);
    if row.byte()? != VERSION {
        return Err(Malformed);
    }
    let counters = Counters { next: StreamKey(row.varint()?), streams: row.varint()? };
    row.end()?;
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_comes_back() {
        for counters in [Counters::default(), Counters { next: StreamKey(u64::MAX), streams: 1 << 40 }] {
            assert_eq!(deser(ser(counters).into()), Ok(counters));
        }
        assert_eq!(deser(Bytes::from_static(&[2, 1, 1])), Err(Malformed));
    }
}

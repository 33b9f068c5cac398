//! `garbage`: what is still to be reclaimed → nothing. A deleted stream by its number; the rows of a stream from an offset
//! on by both, both big-endian.

use bytes::Bytes;
use everstream_log::{Offset, StreamKey};

use crate::wire::{Malformed, Row};

pub(crate) const KEYSPACE: &str = "garbage";

/// Rows that nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Garbage {
    /// All that is left of a stream.
    Stream(StreamKey),
    /// The rows of `records` from this offset on, of a tombstone whose forks read up to there.
    Behind(StreamKey, Offset),
}

pub(crate) fn key(garbage: Garbage) -> Vec<u8> {
    match garbage {
        Garbage::Stream(stream) => stream.0.to_be_bytes().to_vec(),
        Garbage::Behind(stream, offset) => [stream.0.to_be_bytes(), offset.0.to_be_bytes()].concat(),
    }
}

pub(crate) fn deser_key(key: Bytes) -> Result<Garbage, Malformed> {
    let has_offset = key.len() > 8;
    let mut key = Row::new(key);
    let stream = StreamKey(key.u64_be()?);
    if !has_offset {
        return Ok(Garbage::Stream(stream));
    }
    let offset = Offset(key.u64_be()?);
    key.end()?;
    Ok(Garbage::Behind(stream, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        for garbage in [Garbage::Stream(StreamKey(300)), Garbage::Behind(StreamKey(300), Offset(u64::MAX))] {
            assert_eq!(deser_key(key(garbage).into()), Ok(garbage));
        }
        for strange in [&b"short"[..], b"not eight", b"seventeen bytes!!"] {
            assert_eq!(deser_key(Bytes::copy_from_slice(strange)), Err(Malformed));
        }
    }
}

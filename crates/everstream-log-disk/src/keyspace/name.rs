//! `names`: the name's bytes → the number of its present incarnation.

use bytes::Bytes;
use everstream_log::{StreamKey, StreamName};

use crate::wire::{Malformed, Row};

pub(crate) const KEYSPACE: &str = "names";

pub(crate) fn key(name: &StreamName) -> &[u8] {
    name.as_str().as_bytes()
}

pub(crate) fn ser(stream: StreamKey) -> [u8; 8] {
    stream.0.to_be_bytes()
}

pub(crate) fn deser(row: Bytes) -> Result<StreamKey, Malformed> {
    let mut row = Row::new(row);
    let stream = StreamKey(row.u64_be()?);
    row.end()?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        for number in [0, 1, u64::MAX] {
            let row = Bytes::copy_from_slice(&ser(StreamKey(number)));
            assert_eq!(deser(row), Ok(StreamKey(number)));
        }
        assert_eq!(deser(Bytes::from_static(b"short")), Err(Malformed));
    }
}

//! `expiry`: deadline, then stream, both big-endian → nothing; so that what is due stands in front.

use bytes::Bytes;
use everstream_log::{StreamKey, Timestamp};

use crate::wire::{Malformed, Row};

pub(crate) const KEYSPACE: &str = "expiry";

pub(crate) fn key(deadline: Timestamp, stream: StreamKey) -> Vec<u8> {
    [deadline.0.to_be_bytes(), stream.0.to_be_bytes()].concat()
}

pub(crate) fn deser_key(key: Bytes) -> Result<(Timestamp, StreamKey), Malformed> {
    let mut key = Row::new(key);
    let (deadline, stream) = (Timestamp(key.u64_be()?), StreamKey(key.u64_be()?));
    key.end()?;
    Ok((deadline, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_are_ordered_by_deadline() {
        let soon = key(Timestamp(255), StreamKey(9));
        let late = key(Timestamp(256), StreamKey(1));
        assert!(soon < late);
        assert_eq!(deser_key(soon.into()), Ok((Timestamp(255), StreamKey(9))));
        assert_eq!(deser_key(Bytes::from_static(b"short")), Err(Malformed));
    }
}

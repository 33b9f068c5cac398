//! `forks`: source, base and fork, all big-endian → nothing; one row for each fork that is there.
//!
//! Ordered so that one seek says whether a stream has forks and up to where they read its records.

use bytes::Bytes;
use everstream_log::{Offset, StreamKey};

use crate::wire::{Malformed, Row};

pub(crate) const KEYSPACE: &str = "forks";

pub(crate) fn key(source: StreamKey, base: Offset, fork: StreamKey) -> [u8; 24] {
    let mut key = [0; 24];
    let numbers = [source.0, base.0, fork.0];
    for (place, number) in key.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    key
}

/// The base and the fork.
pub(crate) fn deser_key(key: Bytes) -> Result<(Offset, StreamKey), Malformed> {
    let mut key = Row::new(key);
    let _source = key.u64_be()?;
    let (base, fork) = (Offset(key.u64_be()?), StreamKey(key.u64_be()?));
    key.end()?;
    Ok((base, fork))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_are_ordered_by_source_and_base() {
        let numbers = [(1, 0, 9), (1, 255, 2), (1, 256, 1), (2, 0, 5), (256, 0, 3)];
        let keys = numbers.map(|(source, base, fork)| key(StreamKey(source), Offset(base), StreamKey(fork)));
        assert!(keys.is_sorted());
        for (key, (_, base, fork)) in keys.iter().zip(numbers) {
            assert_eq!(deser_key(Bytes::copy_from_slice(key)), Ok((Offset(base), StreamKey(fork))));
        }
        assert_eq!(deser_key(Bytes::from_static(b"short")), Err(Malformed));
    }
}

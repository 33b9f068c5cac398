//! A map by stream whose hash costs a multiplication: a stream's number is the engine's own, nobody outside can choose
//! numbers that collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use everstream_log::StreamKey;

pub(crate) type StreamMap<T> = HashMap<StreamKey, T, BuildHasherDefault<StreamHasher>>;

/// Spreads numbers that follow one another.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct StreamHasher(u64);

impl Hasher for StreamHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    /// Odd, so that different numbers stay different; the map takes its places from the low bits and its tags from the
    /// high ones, so that both have to depend on the whole number.
    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_all_there_and_apart() {
        let mut map: StreamMap<u64> = StreamMap::default();
        (0..10_000).for_each(|number| assert_eq!(map.insert(StreamKey(number), number), None));
        (0..10_000).for_each(|number| assert_eq!(map.get(&StreamKey(number)), Some(&number)));
    }
}

//! How numbers and byte strings stand in rows: big-endian where rows are ordered by them, else LEB128.

use bytes::{Buf, Bytes};

/// The row is not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The longest LEB128 form of a `u64`.
const VARINT_LEN_MAX: usize = 10;

pub(crate) fn put_varint(row: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        row.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    row.push(value as u8);
}

/// A signed number, small when near zero on either side.
pub(crate) fn put_zigzag(row: &mut Vec<u8>, value: i64) {
    put_varint(row, ((value << 1) ^ (value >> 63)) as u64);
}

/// A length and the bytes.
pub(crate) fn put_bytes(row: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(row, bytes.len() as u64);
    row.extend_from_slice(bytes);
}

/// Keys and values of the store up to so many bytes are copied.
const COPIED_BYTES_MAX: usize = 64;

/// A key or value of the store; a long one shares the memory of the block it was read with.
///
/// Not by the store's own conversion (its feature `bytes_1`): with that a key shares its block's memory, too, and since a
/// merge keeps a key of each block that it writes, it kept all that it had read, up to 32 MiB at a time.
pub(crate) fn share(slice: fjall::Slice) -> Bytes {
    if slice.len() <= COPIED_BYTES_MAX { Bytes::copy_from_slice(&slice) } else { Bytes::from_owner(slice) }
}

/// Reads a row from its front; byte strings share the row's memory.
#[derive(Debug)]
pub(crate) struct Row(Bytes);

impl Row {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed)
    }

    pub(crate) fn u64_be(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64().map_err(|_| Malformed)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        // The row moves on once: a long one has thousands of these.
        for (place, byte) in self.0.iter().take(VARINT_LEN_MAX).enumerate() {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits {
                return Err(Malformed);
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                self.0.advance(place + 1);
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<Bytes, Malformed> {
        if len > self.0.len() {
            return Err(Malformed);
        }
        Ok(self.0.split_to(len))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let len = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        self.take(len)
    }

    /// A byte string that is text.
    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| Malformed)
    }

    /// The row has been read to its end.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> Bytes {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut row = Vec::new();
            put_varint(&mut row, value);
            put_zigzag(&mut row, value as i64);
            put_zigzag(&mut row, (value as i64).wrapping_neg());
            let mut row = Row::new(row);
            assert_eq!(row.varint(), Ok(value));
            assert_eq!(row.zigzag(), Ok(value as i64));
            assert_eq!(row.zigzag(), Ok((value as i64).wrapping_neg()));
            assert_eq!(row.end(), Ok(()));
        }
    }

    #[test]
    fn cut_and_overlong_rows_are_malformed() {
        assert_eq!(Row::new(vec![0x80]).varint(), Err(Malformed));
        assert_eq!(Row::new(vec![0xff; 11]).varint(), Err(Malformed));
        assert_eq!(Row::new(vec![3, b'a', b'b']).bytes(), Err(Malformed));
        assert_eq!(Row::new(vec![1, 0xff]).text(), Err(Malformed));
        assert_eq!(Row::new(vec![0]).end(), Err(Malformed));
        assert_eq!(Row::new(vec![0; 7]).u64_be(), Err(Malformed));
    }
}

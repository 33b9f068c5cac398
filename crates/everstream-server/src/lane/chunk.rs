//! The framing of a body's pieces (RFC 9112, 7.1).

/// What ends a chunk.
pub(super) const END: &[u8] = b"\r\n";

/// The last chunk.
pub(super) const LAST: &[u8] = b"0\r\n\r\n";

/// Begins a chunk of `len` bytes. Each event has one, for which the formatter is slow.
pub(super) fn begin(out: &mut Vec<u8>, len: usize) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|place| match (len >> (4 * place) & 0xf) as u8 {
        digit @ 0..=9 => b'0' + digit,
        letter => b'a' + letter - 10,
    }));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_hexadecimal_without_zeros_in_front() {
        for len in [0, 1, 9, 10, 15, 16, 255, 256, 4096, 0xabc_def0, usize::MAX] {
            let mut out = Vec::new();
            begin(&mut out, len);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{len:x}\r\n"));
        }
    }
}

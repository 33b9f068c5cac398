//! Where the bytes of an answer end: the framing of its body (RFC 9112, 6.3 and 7.1), read piece by piece.

use std::fmt;

/// The bytes of sizes, extensions and trailers that may stand around the data of one chunk, and after the last.
const OVERHEAD_BYTES_MAX: usize = 16 << 10;

/// How the end of a body is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Framing {
    /// Chunks, the last one empty.
    Chunked(Chunked),
    /// So many bytes are left.
    Length(u64),
    /// With the connection.
    UntilClose,
}

/// A place in a chunked body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunked {
    place: Place,
    /// Bytes of the present size line or trailers.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a size, `None` before its first digit.
    Size(Option<u64>),
    /// Behind a size, in white space or an extension.
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// At the start of a trailer or of the line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Whole,
}

/// The chunks are not framed as HTTP has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadChunk;

impl Framing {
    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunked { place: Place::Size(None), overhead: 0 })
    }

    /// Whether the body has come to its own end.
    pub(super) const fn is_whole(&self) -> bool {
        match self {
            Self::Chunked(chunked) => matches!(chunked.place, Place::Whole),
            Self::Length(left) => *left == 0,
            Self::UntilClose => false,
        }
    }

    /// The next piece of data, taken off the front of `bytes`; nothing when they are used up or the body is whole.
    ///
    /// # Errors
    /// The body cannot be read on.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, BadChunk> {
        let data = match self {
            Self::Chunked(chunked) => return chunked.next(bytes),
            Self::Length(left) => take(bytes, left),
            Self::UntilClose => std::mem::take(bytes),
        };
        Ok((!data.is_empty()).then_some(data))
    }
}

impl Chunked {
    fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, BadChunk> {
        loop {
            if let Place::Data(left) = &mut self.place {
                let data = take(bytes, left);
                if *left == 0 {
                    self.place = Place::DataCr;
                }
                return Ok((!data.is_empty()).then_some(data));
            }
            let Some((&byte, behind)) = bytes.split_first().filter(|_| self.place != Place::Whole) else {
                return Ok(None);
            };
            if let Some((place, behind)) = self.place.stride(bytes) {
                (self.place, self.overhead, *bytes) = (place, 0, behind);
                continue;
            }
            *bytes = behind;
            self.overhead += 1;
            self.place = self.step(byte).ok_or(BadChunk)?;
            match self.place {
                Place::Data(_) => self.overhead = 0,
                _ if self.overhead > OVERHEAD_BYTES_MAX => return Err(BadChunk),
                _ => {}
            }
        }
    }

    fn step(&self, byte: u8) -> Option<Place> {
        Some(match (self.place, byte) {
            (Place::Size(Some(size)) | Place::Extension(size), b'\r') => Place::SizeLf(size),
            (Place::Size(Some(size)), b';' | b' ' | b'\t') => Place::Extension(size),
            (Place::Size(size), digit) => {
                let digit = char::from(digit).to_digit(16)?;
                Place::Size(Some(size.unwrap_or(0).checked_mul(16)?.checked_add(digit.into())?))
            }
            // A bare line feed in an extension is where two readers part.
            (Place::Extension(_), b'\n') => return None,
            (Place::Extension(size), _) => Place::Extension(size),
            (Place::SizeLf(0), b'\n') => Place::TrailerStart,
            (Place::SizeLf(size), b'\n') => Place::Data(size),
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size(None),
            (Place::TrailerStart, b'\r') => Place::EndLf,
            (Place::Trailer, b'\r') => Place::TrailerLf,
            (Place::TrailerStart | Place::Trailer, _) => Place::Trailer,
            (Place::TrailerLf, b'\n') => Place::TrailerStart,
            (Place::EndLf, b'\n') => Place::Whole,
            _ => return None,
        })
    }
}

impl Place {
    /// Takes what usually stands between the data of two chunks in one go, where it lies whole in `bytes`: the line end
    /// behind one, a size without an extension before the other. Whatever is not that is for [`Chunked::step`].
    fn stride(self, bytes: &[u8]) -> Option<(Self, &[u8])> {
        match self {
            Self::DataCr => Some((Self::Size(None), bytes.strip_prefix(b"\r\n")?)),
            Self::Size(None) => {
                let (size, rest) = usual_size(bytes)?;
                Some((if size == 0 { Self::TrailerStart } else { Self::Data(size) }, rest))
            }
            _ => None,
        }
    }
}

/// A size of at most eight digits with its line end, and what follows.
fn usual_size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut size = 0;
    for at in 0..=8 {
        let byte = *bytes.get(at)?;
        match char::from(byte).to_digit(16) {
            Some(digit) => size = size * 16 + u64::from(digit),
            None if at == 0 => return None,
            None => return Some((size, bytes.get(at..)?.strip_prefix(b"\r\n")?)),
        }
    }
    None
}

/// Takes at most `left` bytes off the front, and them off `left`.
fn take<'b>(bytes: &mut &'b [u8], left: &mut u64) -> &'b [u8] {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (data, rest) = bytes.split_at(len);
    *bytes = rest;
    *left -= len as u64;
    data
}

impl fmt::Display for BadChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the chunks of the body are malformed")
    }
}

impl std::error::Error for BadChunk {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of `pieces`: the data, whether the body is whole, and what is left over.
    fn read<'a>(
        mut framing: Framing,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Vec<u8>, bool, usize), BadChunk> {
        let (mut data, mut left_over) = (Vec::new(), 0);
        for mut piece in pieces {
            while let Some(part) = framing.next(&mut piece)? {
                data.extend_from_slice(part);
            }
            left_over += piece.len();
        }
        Ok((data, framing.is_whole(), left_over))
    }

    /// Reads `input` in pieces of each size, and cut in two at each place.
    #[track_caller]
    fn check(framing: &Framing, input: &str, expected: Result<(&str, bool, usize), BadChunk>) {
        let expected = expected.map(|(data, whole, left_over)| (data.as_bytes().to_vec(), whole, left_over));
        let bytes = input.as_bytes();
        for size in 1..=bytes.len() {
            assert_eq!(read(framing.clone(), bytes.chunks(size)), expected, "{input:?} in pieces of {size}");
            let (left, right) = bytes.split_at(size);
            assert_eq!(read(framing.clone(), [left, right]), expected, "{input:?} cut at {size}");
        }
    }

    #[test]
    fn chunks_are_put_together_however_they_are_cut() {
        check(
            &Framing::chunked(),
            "5\r\nhello\r\n1;x=y\r\n \r\nB \r\nworld world\r\n0\r\n\r\n",
            Ok(("hello world world", true, 0)),
        );
        check(
            &Framing::chunked(),
            "0a\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nrest",
            Ok(("0123456789", true, 4)),
        );
        check(&Framing::chunked(), "5\r\nhel", Ok(("hel", false, 0)));
        check(&Framing::chunked(), "1\r\nx\r\n0\r\n", Ok(("x", false, 0)));
        check(&Framing::chunked(), "000000001\r\nx\r\n000000000\r\n\r\n", Ok(("x", true, 0)));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for input in [
            "x\r\n",
            "\r\n",
            "5\nhello",
            "1\r\nxy",
            "1\r\nx\n",
            "1;a\nb\r\nx",
            "-1\r\n",
            "0\r\n\rx",
            "fffffffffffffffff\r\n",
            "12345678x\r\n",
            "1\r\nx\r\n\r\n",
        ] {
            check(&Framing::chunked(), input, Err(BadChunk));
        }
    }

    #[test]
    fn what_stands_around_the_data_is_bounded() {
        for input in [format!("1;{}", "x".repeat(OVERHEAD_BYTES_MAX)), format!("0\r\n{}", "A: b\r\n".repeat(4096))] {
            assert_eq!(read(Framing::chunked(), input.as_bytes().chunks(1000)), Err(BadChunk));
        }
    }

    #[test]
    fn the_bound_is_of_each_chunk_and_not_of_the_body() {
        let chunks = |pieces: [&'static str; 2]| std::iter::repeat_n(pieces, OVERHEAD_BYTES_MAX).flatten();
        for pieces in [["1\r\nx\r", "\n"], ["1;x\r\nx", "\r\n"], ["1\r\n", "x\r\n"]] {
            let (data, ..) = read(Framing::chunked(), chunks(pieces).map(str::as_bytes)).unwrap();
            assert_eq!(data.len(), OVERHEAD_BYTES_MAX, "{pieces:?}");
        }
    }

    #[test]
    fn a_length_ends_a_body_and_a_close_does_not_make_it_whole() {
        check(&Framing::Length(3), "abcde", Ok(("abc", true, 2)));
        check(&Framing::Length(3), "ab", Ok(("ab", false, 0)));
        check(&Framing::UntilClose, "abc", Ok(("abc", false, 0)));
        assert!(Framing::Length(0).is_whole());
    }
}

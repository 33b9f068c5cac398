//! Offsets as Durable Streams clients see them: `<record>_<byte>`, sixteen digits each.
//!
//! The first number is the offset of a record, the second counts bytes within it. What we write is always at the start of a
//! record, so that the second is zero; it is there because the protocol compares offsets as text, and because some of its
//! tools count it up to say "behind this".

use std::fmt;

use everstream_hub::StreamState;
use everstream_log::Offset;

use super::invalid_parameter;
use super::query::Query;
use crate::problem::{Code, Problem};

/// Where a bounded read starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadFrom {
    /// At the first record held.
    Start,
    /// At the tail.
    Now,
    /// At this record.
    At(Offset),
}

/// An offset as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position(pub(crate) Offset);

impl ReadFrom {
    /// Reads the `offset` parameter.
    ///
    /// # Errors
    /// `invalid_parameter`; emptiness is not absence here, the protocol says.
    pub(super) fn parse(query: &Query) -> Result<Self, Problem> {
        match query.one("offset")? {
            None | Some("-1") => Ok(Self::Start),
            Some("now") => Ok(Self::Now),
            Some(text) => Position::within(text).map(|record| Self::At(record.0)).ok_or_else(|| {
                let detail = "`offset` is neither `-1`, `now` nor a `Stream-Next-Offset` of this server";
                invalid_parameter("offset", text, &Position(Offset(42)).to_string(), detail)
            }),
        }
    }

    /// The same for a live read, which has to say where it starts.
    ///
    /// # Errors
    /// `missing_parameter`, or as [`ReadFrom::parse`].
    pub(super) fn parse_live(query: &Query) -> Result<Self, Problem> {
        if query.one("offset")?.is_none() {
            let problem = Problem::new(Code::MissingParameter, "a live read says with `offset` where it starts");
            return Err(problem.about("offset", "", "-1"));
        }
        Self::parse(query)
    }

    /// The offset in a stream that is in `state`.
    ///
    /// # Errors
    /// `offset_beyond_tail`, `offset_trimmed`.
    pub(super) fn resolve(self, state: &StreamState) -> Result<Offset, Problem> {
        let refused = |at: Offset, code: Code, detail: &str, held: Offset| {
            Err(Problem::new(code, detail).about("offset", Position(at).to_string(), Position(held).to_string()))
        };
        match self {
            Self::Start => Ok(state.first),
            Self::Now => Ok(state.tail),
            Self::At(at) if at > state.tail => {
                refused(at, Code::OffsetBeyondTail, "`offset` is after the last record", state.tail)
            }
            Self::At(at) if at < state.first => {
                refused(at, Code::OffsetTrimmed, "`offset` is before the first record held", state.first)
            }
            Self::At(at) => Ok(at),
        }
    }
}

/// The digits of a number that is 0.
const ZEROS: [u8; 16] = [b'0'; 16];

impl Position {
    /// Appends what `Display` writes. An answer does so for each append, for which the formatter is slow.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.0.0).as_bytes();
        out.extend_from_slice(ZEROS.get(digits.len()..).unwrap_or_default());
        out.extend_from_slice(digits);
        out.push(b'_');
        out.extend_from_slice(&ZEROS);
    }

    /// Reads an offset as `Display` writes it, with or without the zeros in front.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (record, byte) = numbers(text)?;
        (byte == 0).then_some(Self(Offset(record)))
    }

    /// The start of the record that an offset lies in, since a read brings whole records. The Yjs server of the protocol
    /// reads on behind a snapshot by the offset it was made at with one added to its last number.
    fn within(text: &str) -> Option<Self> {
        numbers(text).map(|(record, _)| Self(Offset(record)))
    }
}

/// The two numbers of an offset.
fn numbers(text: &str) -> Option<(u64, u64)> {
    let number = |digits: &str| -> Option<u64> {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_plain)
    };
    let (record, byte) = text.split_once('_')?;
    number(record).zip(number(byte))
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}_0000000000000000", self.0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(query: &str) -> Option<ReadFrom> {
        let uri = format!("/v1/stream/a?{query}").parse().unwrap();
        ReadFrom::parse(&Query::of(&uri)).ok()
    }

    #[test]
    fn positions_sort_as_text_and_are_read_back() {
        let texts = [0, 1, 9, 10, 1234].map(|offset| Position(Offset(offset)).to_string());
        assert!(texts.is_sorted());
        assert_eq!(texts[0], "0000000000000000_0000000000000000");
        assert_eq!(read_from(&format!("offset={}", texts[4])), Some(ReadFrom::At(Offset(1234))));
    }

    #[test]
    fn both_ways_to_write_it_are_the_same() {
        for offset in [0, 7, 1234, 9_999_999_999_999_999, 10_000_000_000_000_000, u64::MAX] {
            let mut written = Vec::new();
            Position(Offset(offset)).put(&mut written);
            assert_eq!(String::from_utf8(written).unwrap(), Position(Offset(offset)).to_string());
        }
    }

    #[test]
    fn the_two_words_and_absence_are_read() {
        assert_eq!(read_from(""), Some(ReadFrom::Start));
        assert_eq!(read_from("offset=-1&x=%zz"), Some(ReadFrom::Start));
        assert_eq!(read_from("offset=now"), Some(ReadFrom::Now));
    }

    #[test]
    fn an_offset_within_a_record_reads_from_its_start() {
        for (text, record) in [("0000000000000042_0000000000000001", 42), ("7_3", 7), ("0_9999999999999999", 0)] {
            assert_eq!(read_from(&format!("offset={text}")), Some(ReadFrom::At(Offset(record))), "{text}");
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for query in [
            "offset=",
            "offset=0",
            "offset=1_x",
            "offset=1_",
            "offset=_1",
            "offset=1_0&offset=1_0",
            "offset=-2",
            "offset=1,0",
            "offset=%00",
            "offset=..%2f",
            "offset=1_0%0d%0a",
            "offset=99999999999999999999_0",
            "offset=+1_0",
        ] {
            assert_eq!(read_from(query), None, "{query}");
        }
    }
}

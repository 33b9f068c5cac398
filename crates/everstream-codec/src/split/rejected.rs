//! Why a stream is refused, and where.

use std::fmt;

/// How much of a refused line is shown, in characters.
const EXCERPT_CHARS_MAX: usize = 60;

/// A stream that is not stored: why, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Why.
    pub kind: RejectedKind,
    /// The line, counted from 1; of a whole block its first one.
    pub line: u64,
    /// The beginning of that line, at most 60 characters.
    pub excerpt: String,
}

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectedKind {
    /// A block has fields but no `data`: no client would see it.
    NoData,
    /// The event name has a control character.
    EventName,
    /// A line begins with a byte order mark that is not the start of the stream: it hides the field behind it.
    ByteOrderMark,
    /// A line is not UTF-8.
    NotUtf8,
    /// The event is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The stream ends within an event.
    Incomplete,
}

impl Rejected {
    pub(super) fn new(kind: RejectedKind, line: u64, text: &[u8]) -> Self {
        // Four bytes a character at most, so that only the beginning of a long line is decoded.
        let beginning = text.get(..EXCERPT_CHARS_MAX * 4).unwrap_or(text);
        let excerpt = String::from_utf8_lossy(beginning).chars().take(EXCERPT_CHARS_MAX).collect();
        Self { kind, line, excerpt }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} ({:?}): {}", self.line, self.excerpt, self.kind)
    }
}

impl fmt::Display for RejectedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoData => f.write_str("the block has no data line; try \"data: hello\""),
            Self::EventName => f.write_str("the event name has a control character; try \"event: token\""),
            Self::ByteOrderMark => f.write_str("a byte order mark is only allowed at the start of the stream"),
            Self::NotUtf8 => f.write_str("the line is not UTF-8"),
            Self::TooLarge { limit } => write!(f, "the event is larger than the limit of {limit} bytes"),
            Self::Incomplete => f.write_str(
                "the stream ends within an event; end the last one with a blank line, \"data: hello\\n\\n\"",
            ),
        }
    }
}

impl std::error::Error for Rejected {}

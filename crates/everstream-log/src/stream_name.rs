//! Names of streams.

use std::fmt;
use std::sync::Arc;

/// A stream's name: 1 to 512 bytes, segments of `A–Z a–z 0–9 - . _ ~ : @` joined by `/`; no empty, `.` or `..`
/// segment; a first segment that starts with `__` is reserved. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is no stream name; `Display` says it to the person who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidStreamName {
    /// Nothing, or more than 512 bytes.
    Length,
    /// Two slashes in a row, or one at either end.
    EmptySegment,
    /// A segment `.` or `..`.
    DotSegment,
    /// A character outside the alphabet.
    Character(char),
    /// A first segment that starts with `__`.
    Reserved,
}

impl StreamName {
    /// The longest name, in bytes.
    pub const LEN_MAX: usize = 512;

    /// Checks `text`, which has been percent-decoded already.
    ///
    /// # Errors
    /// [`InvalidStreamName`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidStreamName> {
        if text.starts_with("__") {
            return Err(InvalidStreamName::Reserved);
        }
        Self::parse_reserved(text)
    }

    /// Checks `text` as a name that the process itself gives or has given: a reserved first segment is lawful. Never for
    /// a name from outside.
    ///
    /// # Errors
    /// As [`Self::parse`], without [`InvalidStreamName::Reserved`].
    pub fn parse_reserved(text: &str) -> Result<Self, InvalidStreamName> {
        if text.is_empty() || text.len() > Self::LEN_MAX {
            return Err(InvalidStreamName::Length);
        }
        // By bytes, since every request has a name: what is before the first stranger is ASCII, so that a character begins
        // there.
        if let Some(at) = text.bytes().position(|byte| byte != b'/' && !is_lawful(byte)) {
            let stranger = text.get(at..).and_then(|rest| rest.chars().next());
            return Err(InvalidStreamName::Character(stranger.unwrap_or_default()));
        }
        for segment in text.as_bytes().split(|byte| *byte == b'/') {
            match segment {
                b"" => return Err(InvalidStreamName::EmptySegment),
                b"." | b".." => return Err(InvalidStreamName::DotSegment),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_lawful(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'@')
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidStreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a stream name has 1 to {} bytes", StreamName::LEN_MAX),
            Self::EmptySegment => f.write_str("a stream name has no empty segment"),
            Self::DotSegment => f.write_str("a stream name has no segment \".\" or \"..\""),
            Self::Character(c) => write!(f, "a stream name cannot have {c:?}; it has A-Z a-z 0-9 - . _ ~ : @ and /"),
            Self::Reserved => f.write_str("names that start with \"__\" are reserved"),
        }
    }
}

impl std::error::Error for InvalidStreamName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lawful_names_are_kept_as_they_are() {
        for name in ["a", "chat/42", "asks/0192-a.b_c~d:e@f", "a__b/__c", &"x".repeat(512)] {
            assert_eq!(StreamName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        use InvalidStreamName::*;
        let long = "x".repeat(513);
        for (text, broken) in [
            ("", Length),
            (long.as_str(), Length),
            ("/a", EmptySegment),
            ("a//b", EmptySegment),
            ("a/", EmptySegment),
            ("a/../b", DotSegment),
            (".", DotSegment),
            ("a b", Character(' ')),
            ("a\nb", Character('\n')),
            ("ä", Character('ä')),
            ("a/b-ä c", Character('ä')),
            ("a//ä", Character('ä')),
            ("__ds/x", Reserved),
        ] {
            assert_eq!(StreamName::parse(text), Err(broken), "{text:?}");
        }
    }

    #[test]
    fn only_the_process_itself_gives_reserved_names() {
        assert_eq!(StreamName::parse("__x/1"), Err(InvalidStreamName::Reserved));
        assert_eq!(StreamName::parse_reserved("__x/1").unwrap().as_str(), "__x/1");
        assert_eq!(StreamName::parse_reserved("__x//1"), Err(InvalidStreamName::EmptySegment));
    }
}

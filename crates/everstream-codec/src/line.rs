//! What one line says.

use std::borrow::Cow;
use std::time::Duration;

/// A line without its end, as WHATWG 9.2.6 reads it. The values are what follows the colon and at most one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The end of a block.
    Blank,
    Comment(&'a [u8]),
    Data(&'a [u8]),
    EventType(&'a [u8]),
    Id(&'a [u8]),
    Retry(&'a [u8]),
    /// A field no client knows. Ignored by a decoder, kept by a splitter.
    Unknown,
}

/// Reads a line. Only the first few bytes are looked at: a long line is visited by the scanner alone.
#[inline]
pub(crate) fn read(line: &[u8]) -> Line<'_> {
    if line.is_empty() {
        Line::Blank
    } else if let Some(value) = field(line, b"data") {
        Line::Data(value)
    } else if let Some(value) = field(line, b"") {
        Line::Comment(value)
    } else if let Some(value) = field(line, b"id") {
        Line::Id(value)
    } else if let Some(value) = field(line, b"event") {
        Line::EventType(value)
    } else if let Some(value) = field(line, b"retry") {
        Line::Retry(value)
    } else {
        Line::Unknown
    }
}

#[inline]
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// The reconnection time a `retry:` value names: digits only, and more of them than a clock can hold count as "very
/// long" rather than wrapping round to something short.
pub(crate) fn reconnection_time(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let ms = value.iter().fold(0_u64, |ms, digit| ms.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_millis(ms))
}

/// Whether the bytes are UTF-8.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// The bytes as text, with U+FFFD for what is not UTF-8. Valid text, which is nearly all there is, takes the standard
/// library's check by words; its lossy conversion goes byte by byte.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

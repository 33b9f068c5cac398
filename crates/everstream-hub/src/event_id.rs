//! Positions as clients see them.

use std::fmt;

use everstream_log::{Epoch, Offset};

/// The value of `id:` and of `Last-Event-ID`: `<epoch>-<offset after the record>`, or `<epoch>-<tail>-end` for the close.
///
/// A short ASCII token, since clients must be able to send it back in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// The incarnation of the stream.
    pub epoch: Epoch,
    /// The offset after the record: where somebody who saw it goes on.
    pub next: Offset,
    /// Whether it is the id of the close.
    pub is_end: bool,
}

/// The text is no event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEventId;

impl EventId {
    /// The id of what comes before `next`.
    #[must_use]
    pub const fn new(epoch: Epoch, next: Offset) -> Self {
        Self { epoch, next, is_end: false }
    }

    /// The id of the close of a stream whose tail is `tail`.
    #[must_use]
    pub const fn end(epoch: Epoch, tail: Offset) -> Self {
        Self { epoch, next: tail, is_end: true }
    }

    /// Appends what `Display` writes. A frame does so for each record, for which the formatter is slow.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.epoch.as_bytes());
        out.push(b'-');
        out.extend_from_slice(itoa::Buffer::new().format(self.next.0).as_bytes());
        out.extend_from_slice(self.end_mark().as_bytes());
    }

    const fn end_mark(self) -> &'static str {
        if self.is_end { "-end" } else { "" }
    }

    /// Reads an id exactly as `Display` writes it.
    ///
    /// # Errors
    /// [`InvalidEventId`] for anything else: no sign, no leading zero, no white space.
    pub fn parse(text: &str) -> Result<Self, InvalidEventId> {
        let (epoch, rest) = text.split_once('-').ok_or(InvalidEventId)?;
        let epoch = Epoch::parse(epoch).map_err(|_| InvalidEventId)?;
        let (digits, is_end) = match rest.strip_suffix("-end") {
            Some(digits) => (digits, true),
            None => (rest, false),
        };
        let is_canonical =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if !is_canonical {
            return Err(InvalidEventId);
        }
        let next = digits.parse().map_err(|_| InvalidEventId)?;
        Ok(Self { epoch, next: Offset(next), is_end })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}{}", self.epoch, self.next, self.end_mark())
    }
}

impl fmt::Display for InvalidEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event id looks like k3v9x2ab-42 or k3v9x2ab-42-end")
    }
}

impl std::error::Error for InvalidEventId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["k3v9-0", "k3v9-42", "k3v9-42-end", "abcdefgh1234-18446744073709551615"] {
            let id = EventId::parse(text).unwrap();
            assert_eq!(id.to_string(), text);
            let mut frame = Vec::new();
            id.put(&mut frame);
            assert_eq!(frame, text.as_bytes());
        }
    }

    #[test]
    fn anything_else_is_no_id() {
        for text in [
            "",
            "-",
            "k3v9",
            "k3v9-",
            "k3v9-+1",
            "k3v9-01",
            "k3v9-1-END",
            "K3V9-1",
            "k3v9-1 ",
            "k3v9-18446744073709551616",
            "k3v9--end",
        ] {
            assert_eq!(EventId::parse(text), Err(InvalidEventId), "{text:?}");
        }
    }
}

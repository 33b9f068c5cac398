//! One event as it is stored.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr;

use crate::line::{self, Line};

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Split {
    /// The event's lines, each ended by LF; put an `id:` line before and a blank line after them.
    pub stored: Bytes,
}

impl Split {
    /// A stored event that was read back.
    #[must_use]
    pub const fn new(stored: Bytes) -> Self {
        Self { stored }
    }

    /// What a client gets as data: the `data:` lines, joined by LF. One line is lent, more are copied.
    #[must_use]
    pub fn data(&self) -> Cow<'_, [u8]> {
        let mut values = self.lines().filter_map(|line| match line {
            Line::Data(value) => Some(value),
            _ => None,
        });
        let mut data = Cow::Borrowed(values.next().unwrap_or_default());
        for value in values {
            let data = data.to_mut();
            data.push(b'\n');
            data.extend_from_slice(value);
        }
        data
    }

    /// What a client gets as the event type: the last `event:` line, `message` when there is none or it is empty.
    #[must_use]
    pub fn event_type(&self) -> Cow<'_, str> {
        let names = self.lines().filter_map(|line| match line {
            Line::EventType(value) => Some(value),
            _ => None,
        });
        match names.last() {
            None | Some([]) => Cow::Borrowed("message"),
            Some(name) => line::text(name),
        }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut rest = self.stored.as_ref();
        std::iter::from_fn(move || {
            let (line, [_, after @ ..]) = rest.split_at_checked(memchr(b'\n', rest)?)? else { return None };
            rest = after;
            Some(line::read(line))
        })
    }
}

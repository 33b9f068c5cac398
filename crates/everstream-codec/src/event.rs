//! What a decoder hands out, and the name an encoder takes.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// One thing a decoder found. It borrows from the decoder until the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A complete event with data.
    Event(Event<'a>),
    /// A comment line, as soon as it is complete: the text after the colon and one space.
    Comment(Cow<'a, str>),
    /// A `retry:` line, as soon as it is complete: how long to wait before the next connection.
    ReconnectionTime(Duration),
    /// A block without data changed the last event id. Empty means: send no `Last-Event-ID`.
    LastEventId(Cow<'a, str>),
}

/// A complete event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The `event:` field, `message` when there was none.
    pub event_type: Cow<'a, str>,
    /// The `data:` lines, joined by LF.
    pub data: Cow<'a, str>,
    /// The last event id at this event: its own, or the one before it that still holds.
    pub id: Cow<'a, str>,
}

impl Item<'_> {
    /// The same item with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> Item<'static> {
        match self {
            Self::Event(event) => Item::Event(event.into_owned()),
            Self::Comment(text) => Item::Comment(own(text)),
            Self::ReconnectionTime(time) => Item::ReconnectionTime(time),
            Self::LastEventId(id) => Item::LastEventId(own(id)),
        }
    }
}

impl Event<'_> {
    /// The same event with its own copies of the texts.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event { event_type: own(self.event_type), data: own(self.data), id: own(self.id) }
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// An event name that stays on its line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventName(Box<str>);

/// The text is no event name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidEventName;

impl EventName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidEventName`] when it is empty or has a control character (CR, LF, NUL and the like).
    pub fn parse(text: &str) -> Result<Self, InvalidEventName> {
        if text.is_empty() || has_control(text) {
            return Err(InvalidEventName);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an event name would be refused. U+2028 and U+2029 are fine: they end no line of an event stream.
pub(crate) fn has_control(name: &str) -> bool {
    name.chars().any(char::is_control)
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidEventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event name is not empty and has no control character; try \"token\"")
    }
}

impl std::error::Error for InvalidEventName {}

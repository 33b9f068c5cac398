//! Bytes to events, for those who read them.

mod block;

use std::borrow::Cow;

use crate::event::{Event, Item};
use crate::limits::{Limits, TooLarge};
use crate::line;
use crate::scan::{Found, Scanner};
use block::{Kept, Lent, Step};

/// An incremental decoder of `text/event-stream` (WHATWG 9.2.6).
///
/// [`next`](Self::next) takes bytes as they arrive, cut anywhere, and hands out what they complete. An event that the
/// stream does not finish with a blank line is never handed out. Bytes that are not UTF-8 become U+FFFD.
///
/// What lies whole within a chunk is lent from it. The decoder owns only an unfinished event, at most
/// [`Limits::event_bytes_max`] bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    scanner: Scanner,
    kept: Kept,
    last_event_id: String,
    failed: bool,
}

/// What the end of a block makes of it.
enum Outcome {
    Event,
    LastEventId,
    Nothing,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A decoder at the start of a stream that is read on from `last_event_id`: events without an id carry it.
    #[must_use]
    pub fn resuming(limits: Limits, last_event_id: &str) -> Self {
        Self { last_event_id: last_event_id.to_owned(), ..Self::new(limits) }
    }

    /// The next item of the stream, with the bytes that it needed taken off the front of `chunk`. `None` once all of
    /// them are taken and more are needed: call again with those that arrive next.
    ///
    /// # Errors
    /// [`TooLarge`] when an event outgrows the limit, behind all that was complete before it. From there on the
    /// decoder takes nothing until [`reset`](Self::reset).
    pub fn next<'item, 'chunk: 'item>(
        &'item mut self,
        chunk: &mut &'chunk [u8],
    ) -> Result<Option<Item<'item>>, TooLarge> {
        self.check()?;
        self.kept.forget_taken();
        let mut lent = Lent::default();
        while let Some(found) = self.scanner.next_line(chunk) {
            if self.kept.len_with(&lent) + found.bytes().len() > self.limits.event_bytes_max {
                self.failed = true;
                break;
            }
            let line = match found {
                Found::Lent(line) => line,
                Found::Held(line) => {
                    if let Some(item) = self.kept.read_held(line) {
                        return Ok(Some(item));
                    }
                    continue;
                }
            };
            match self.kept.read(&mut lent, line) {
                Step::More => {}
                Step::End => match self.end(&lent) {
                    Outcome::Event => return Ok(Some(self.event(lent))),
                    Outcome::LastEventId => return Ok(Some(Item::LastEventId(Cow::Borrowed(&self.last_event_id)))),
                    Outcome::Nothing => {
                        self.kept.forget_taken();
                        lent = Lent::default();
                    }
                },
                Step::Comment(text) => {
                    self.kept.keep(lent);
                    return Ok(Some(Item::Comment(line::text(text))));
                }
                Step::ReconnectionTime(time) => {
                    self.kept.keep(lent);
                    return Ok(Some(Item::ReconnectionTime(time)));
                }
            }
        }
        self.kept.keep(lent);
        let unfinished = self.kept.len_with(&Lent::default()) + self.scanner.unfinished().len();
        self.failed |= unfinished > self.limits.event_bytes_max;
        self.check()?;
        Ok(None)
    }

    /// The id to present when the stream is asked for again: that of the last item taken. Empty means none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// A new connection: the unfinished line and event are dropped, a byte order mark may come again. The last event id
    /// stays.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.kept.clear();
        self.failed = false;
    }

    /// Ends a block: its id counts from here on.
    fn end(&mut self, lent: &Lent<'_>) -> Outcome {
        self.kept.is_taken = true;
        let is_new_id = lent.id.or(self.kept.id.as_deref()).is_some_and(|id| {
            let id = line::text(id);
            let is_new = self.last_event_id != id;
            if is_new {
                self.last_event_id.clear();
                self.last_event_id.push_str(&id);
            }
            is_new
        });
        match is_new_id {
            _ if lent.data.is_some() || self.kept.has_data => Outcome::Event,
            true => Outcome::LastEventId,
            false => Outcome::Nothing,
        }
    }

    fn event<'item>(&'item self, lent: Lent<'item>) -> Item<'item> {
        let event_type = match lent.event_type.unwrap_or(&self.kept.event_type) {
            [] => Cow::Borrowed("message"),
            name => line::text(name),
        };
        let data = line::text(lent.data.unwrap_or(&self.kept.data));
        Item::Event(Event { event_type, data, id: Cow::Borrowed(&self.last_event_id) })
    }

    const fn check(&self) -> Result<(), TooLarge> {
        if self.failed { Err(TooLarge { limit: self.limits.event_bytes_max }) } else { Ok(()) }
    }

    /// Bytes searched, held or copied so far.
    #[cfg(test)]
    fn visited(&self) -> usize {
        self.scanner.visited + self.kept.copied
    }
}

#[cfg(test)]
mod tests;

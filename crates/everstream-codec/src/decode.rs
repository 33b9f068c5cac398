//! Bytes to events, for those who read them.

mod assembly;

use crate::event::Item;
use crate::limits::{Limits, TooLarge};
use crate::scan::Scanner;
use assembly::Assembly;

/// An incremental decoder of `text/event-stream` (WHATWG 9.2.6).
///
/// [`push`](Self::push) takes bytes as they arrive, [`next`](Self::next) hands out what they completed. An event that
/// the stream does not finish with a blank line is never handed out. Bytes that are not UTF-8 become U+FFFD.
///
/// The decoder owns an unfinished event (at most [`Limits::event_bytes_max`] bytes) and what was not yet taken; drain
/// it after each push to keep it at that.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    scanner: Scanner,
    assembly: Assembly,
    failed: bool,
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
        Self { assembly: Assembly::resuming(last_event_id), ..Self::new(limits) }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    ///
    /// # Errors
    /// [`TooLarge`] when an event outgrows the limit. What was complete before it can still be taken; the decoder
    /// refuses more bytes until [`reset`](Self::reset).
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        self.check(!self.failed)?;
        self.assembly.forget_taken();
        let mut rest = chunk;
        while let Some(line) = self.scanner.next_line(&mut rest) {
            if self.assembly.unfinished_len() + line.len() > self.limits.event_bytes_max {
                return self.check(false);
            }
            self.assembly.line(line);
        }
        let unfinished = self.assembly.unfinished_len() + self.scanner.unfinished().len();
        self.check(unfinished <= self.limits.event_bytes_max)
    }

    /// The next item, in the order of the stream; `None` when more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "the item borrows from the decoder, which no Iterator allows")]
    pub fn next(&mut self) -> Option<Item<'_>> {
        self.assembly.take()
    }

    /// The id to present when the stream is asked for again: that of the last item taken. Empty means none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.assembly.last_event_id()
    }

    /// A new connection: the unfinished line and event are dropped, a byte order mark may come again. Items that were
    /// not yet taken and the last event id stay.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.assembly.drop_unfinished();
        self.failed = false;
    }

    fn check(&mut self, within_limits: bool) -> Result<(), TooLarge> {
        self.failed = !within_limits;
        if self.failed { Err(TooLarge { limit: self.limits.event_bytes_max }) } else { Ok(()) }
    }

    /// Bytes searched, held or moved so far.
    #[cfg(test)]
    fn visited(&self) -> usize {
        self.scanner.visited + self.assembly.moved
    }
}

#[cfg(test)]
mod tests;

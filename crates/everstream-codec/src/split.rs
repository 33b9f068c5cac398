//! Bytes to stored events, for those who keep them.

mod block;
mod rejected;
mod stored;

use std::collections::VecDeque;

use crate::limits::Limits;
use crate::scan::Scanner;
use block::Block;
pub use rejected::{Rejected, RejectedKind};
pub use stored::Split;

/// Who wrote the stream, and so what happens to a block that cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Somebody who can be told: anything that would not be stored as it was meant is rejected.
    Publisher,
    /// An answer that is carried over as well as possible: a block that is no event is dropped, bytes that are not
    /// UTF-8 become U+FFFD. Only an event that is too large is rejected.
    Upstream,
}

/// Cuts a `text/event-stream` into stored events.
///
/// A *stored event* is a block's `event:`, `data:` and unknown fields: each line byte for byte and ended by LF,
/// without `id:`, `retry:`, comments and the blank line. An `id:` line before it and a blank line after it make it a
/// frame that decodes to exactly one event, wherever it stands.
///
/// It owns an unfinished event (at most [`Limits::event_bytes_max`] bytes) and what was not yet taken; drain it after
/// each push to keep it at that.
#[derive(Debug)]
pub struct Splitter {
    source: Source,
    limits: Limits,
    scanner: Scanner,
    block: Block,
    /// The first event that was not taken: here and not on the heap, since mostly it is the only one.
    first: Option<Split>,
    /// Those behind it.
    others: VecDeque<Split>,
    /// Boxed, as hardly any stream has one and every event passes here.
    rejected: Option<Box<Rejected>>,
    failed: bool,
}

impl Splitter {
    /// A splitter at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits, source: Source) -> Self {
        Self {
            source,
            limits,
            scanner: Scanner::default(),
            block: Block::default(),
            first: None,
            others: VecDeque::new(),
            rejected: None,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream, cut anywhere. After a rejection they are ignored.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !self.failed {
            let before = rest;
            let Some(line) = self.scanner.next_line(&mut rest) else { break };
            if let Some(behind) = behind_blank(before, rest)
                && let Some(split) = self.block.alone(line.bytes(), self.limits)
            {
                rest = behind;
                self.keep(split);
                continue;
            }
            match self.block.line(line.bytes(), self.source, self.limits) {
                Ok(Some(split)) => self.keep(split),
                Ok(None) => {}
                Err(rejected) => self.reject(rejected),
            }
        }
        if !self.failed
            && let Err(rejected) = self.block.check_size(self.scanner.unfinished(), self.limits)
        {
            self.reject(rejected);
        }
    }

    /// The next stored event, or once, after those before it, why the stream is refused.
    #[expect(clippy::should_implement_trait, reason = "more may come after None, which an Iterator does not expect")]
    pub fn next(&mut self) -> Option<Result<Split, Rejected>> {
        let first = self.first.take();
        if !self.others.is_empty() {
            self.first = self.others.pop_front();
        }
        first.map(Ok).or_else(|| self.rejected.take().map(|rejected| Err(*rejected)))
    }

    /// Whether a stream that ended here would end within an event: a field of it has come, or half a line.
    #[must_use]
    pub fn is_within_event(&self) -> bool {
        self.block.has_begun(self.scanner.unfinished())
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Rejected`] when a publisher left an event unfinished, or when [`next`](Self::next) did not report a rejection
    /// yet. What an upstream left unfinished is dropped.
    pub fn finish(self) -> Result<(), Rejected> {
        match self.rejected {
            Some(rejected) => Err(*rejected),
            None if self.failed || self.source == Source::Upstream => Ok(()),
            None => self.block.finish(self.scanner.unfinished()),
        }
    }

    fn keep(&mut self, split: Split) {
        if self.first.is_none() {
            self.first = Some(split);
        } else {
            self.others.push_back(split);
        }
    }

    fn reject(&mut self, rejected: Rejected) {
        self.rejected = Some(Box::new(rejected));
        self.failed = true;
        self.scanner.reset();
        self.block = Block::default();
    }
}

/// What is behind the blank line that `rest` begins with, if it does: a line was taken off `before` to leave it.
fn behind_blank<'chunk>(before: &[u8], rest: &'chunk [u8]) -> Option<&'chunk [u8]> {
    let end = before.len().checked_sub(rest.len() + 1)?;
    // Behind a CR it may be the rest of that line's end.
    rest.strip_prefix(b"\n").filter(|_| before.get(end) == Some(&b'\n'))
}

#[cfg(test)]
mod tests;

//! The block under construction.

use super::{Rejected, RejectedKind, Source, Split};
use crate::event::has_control;
use crate::limits::Limits;
use crate::line::{self, Line};

/// The lines of one block so far.
#[derive(Debug, Default)]
pub(super) struct Block {
    stored: Vec<u8>,
    has_data: bool,
    /// The event's name cannot be stored, so neither can the event.
    is_spoilt: bool,
    /// Lines of the stream read so far.
    lines: u64,
    /// Where the block's first field is, and its beginning.
    first_field: Option<Box<Rejected>>,
}

impl Block {
    /// The event that `line` is alone, if it is one of data that nothing is to be said about: nearly every event is. A
    /// blank line must follow, and is taken with it.
    #[inline]
    pub(super) fn alone(&mut self, line: &[u8], limits: Limits) -> Option<Split> {
        let is_first = self.stored.is_empty() && !self.is_spoilt && self.first_field.is_none();
        if !(is_first && line.starts_with(b"data:") && line.len() <= limits.event_bytes_max && line::is_text(line)) {
            return None;
        }
        self.lines += 2;
        // Given its room exactly, it becomes the event without another copy.
        let mut stored = Vec::with_capacity(line.len() + 1);
        stored.extend_from_slice(line);
        stored.push(b'\n');
        Some(Split::new(stored.into()))
    }

    /// Takes a line; the one that ends an event gives the event.
    pub(super) fn line(&mut self, line: &[u8], source: Source, limits: Limits) -> Result<Option<Split>, Rejected> {
        self.check_size(line, limits)?;
        self.lines += 1;
        let refuse = |kind| match source {
            Source::Publisher => Err(Rejected::new(kind, self.lines, line)),
            Source::Upstream => Ok(()),
        };
        let text = line::text(line);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            refuse(RejectedKind::NotUtf8)?;
        }
        let read = line::read(text.as_bytes());
        match read {
            Line::Blank => return self.end(source),
            Line::Comment(_) => return Ok(None),
            Line::Id(_) | Line::Retry(_) => {}
            Line::Unknown if text.starts_with('\u{FEFF}') => refuse(RejectedKind::ByteOrderMark)?,
            Line::EventType(_) if has_control(&text) => {
                refuse(RejectedKind::EventName)?;
                self.is_spoilt = true;
            }
            Line::Data(_) | Line::EventType(_) | Line::Unknown => {
                self.store(text.as_bytes());
            }
        }
        self.has_data |= matches!(read, Line::Data(_));
        if self.first_field.is_none() && source == Source::Publisher {
            self.first_field = Some(Box::new(Rejected::new(RejectedKind::NoData, self.lines, line)));
        }
        Ok(None)
    }

    fn store(&mut self, line: &[u8]) {
        self.stored.extend_from_slice(line);
        self.stored.push(b'\n');
    }

    /// Whether the block may hold `line` on top of what it has.
    pub(super) fn check_size(&self, line: &[u8], limits: Limits) -> Result<(), Rejected> {
        let limit = limits.event_bytes_max;
        if self.stored.len() + line.len() <= limit {
            return Ok(());
        }
        Err(Rejected::new(RejectedKind::TooLarge { limit }, self.lines + 1, line))
    }

    /// Whether an event has begun, with `unfinished` as its last line.
    pub(super) fn has_begun(&self, unfinished: &[u8]) -> bool {
        !self.stored.is_empty() || !matches!(line::read(unfinished), Line::Blank | Line::Comment(_))
    }

    /// The stream ends here, with `unfinished` as its last line.
    pub(super) fn finish(self, unfinished: &[u8]) -> Result<(), Rejected> {
        let kind = RejectedKind::Incomplete;
        match (self.first_field, line::read(unfinished)) {
            (Some(first), _) => Err(Rejected { kind, ..*first }),
            (None, Line::Blank | Line::Comment(_)) => Ok(()),
            (None, _) => Err(Rejected::new(kind, self.lines + 1, unfinished)),
        }
    }

    fn end(&mut self, source: Source) -> Result<Option<Split>, Rejected> {
        let first_field = self.first_field.take();
        let is_event = std::mem::take(&mut self.has_data) && !std::mem::take(&mut self.is_spoilt);
        if is_event {
            return Ok(Some(Split::new(std::mem::take(&mut self.stored).into())));
        }
        self.stored.clear();
        self.is_spoilt = false;
        match first_field {
            Some(first) if source == Source::Publisher => Err(*first),
            _ => Ok(None),
        }
    }
}

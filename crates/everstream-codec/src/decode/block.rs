//! The block under construction: what its lines left so far.

use std::time::Duration;

use crate::event::Item;
use crate::line::{self, Line};
use crate::scan::empty;

/// Values of the block that lie whole in the chunk being read. They are later than what is [`Kept`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lent<'chunk> {
    /// The only `data:` line; with a second one they are joined where they are kept.
    pub(super) data: Option<&'chunk [u8]>,
    pub(super) event_type: Option<&'chunk [u8]>,
    pub(super) id: Option<&'chunk [u8]>,
}

/// Values of the block whose chunk is gone, or that had to be put together.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) data: Vec<u8>,
    pub(super) has_data: bool,
    pub(super) event_type: Vec<u8>,
    pub(super) id: Option<Vec<u8>>,
    /// The block has ended: it is kept only for the item that borrows from it.
    pub(super) is_taken: bool,
    #[cfg(test)]
    pub(super) copied: usize,
}

/// What a line does.
pub(super) enum Step<'line> {
    More,
    /// The block ends.
    End,
    /// Complete with its line, not with its block.
    Comment(&'line [u8]),
    ReconnectionTime(Duration),
}

impl Kept {
    /// Takes a line whose bytes stay where they are for as long as `lent` is used.
    #[inline]
    pub(super) fn read<'line>(&mut self, lent: &mut Lent<'line>, line: &'line [u8]) -> Step<'line> {
        match line::read(line) {
            Line::Blank => return Step::End,
            Line::Data(value) if lent.data.is_none() && !self.has_data => lent.data = Some(value),
            Line::Data(value) => {
                if let Some(first) = lent.data.take() {
                    self.add_data(first);
                }
                self.add_data(value);
            }
            Line::EventType(value) => lent.event_type = Some(value),
            Line::Id(value) if !value.contains(&0) => lent.id = Some(value),
            Line::Comment(text) => return Step::Comment(text),
            Line::Retry(value) => return line::reconnection_time(value).map_or(Step::More, Step::ReconnectionTime),
            Line::Id(_) | Line::Unknown => {}
        }
        Step::More
    }

    /// Takes a line whose bytes do not stay, and gives what is complete with it.
    pub(super) fn read_held(&mut self, line: &[u8]) -> Option<Item<'static>> {
        let mut lent = Lent::default();
        let step = self.read(&mut lent, line);
        let item = match step {
            Step::More | Step::End => None,
            Step::Comment(text) => Some(Item::Comment(line::text(text)).into_owned()),
            Step::ReconnectionTime(time) => Some(Item::ReconnectionTime(time)),
        };
        self.keep(lent);
        item
    }

    /// Copies what was lent, since its chunk is about to go.
    pub(super) fn keep(&mut self, lent: Lent<'_>) {
        if let Some(value) = lent.data {
            self.add_data(value);
        }
        if let Some(value) = lent.event_type {
            self.event_type.clear();
            self.event_type.extend_from_slice(value);
            self.count(value);
        }
        if let Some(value) = lent.id {
            self.id = Some(value.to_vec());
            self.count(value);
        }
    }

    /// Bytes of the unfinished event, as the limit counts them.
    #[inline]
    pub(super) fn len_with(&self, lent: &Lent<'_>) -> usize {
        let event_type = lent.event_type.unwrap_or(&self.event_type);
        self.data.len() + lent.data.map_or(0, <[u8]>::len) + event_type.len()
    }

    /// Gives up a block that has ended.
    #[inline]
    pub(super) fn forget_taken(&mut self) {
        if self.is_taken {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        empty(&mut self.data);
        self.has_data = false;
        empty(&mut self.event_type);
        self.id = None;
        self.is_taken = false;
    }

    fn add_data(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
        self.count(value);
    }

    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests count"))]
    fn count(&mut self, _copied: &[u8]) {
        #[cfg(test)]
        {
            self.copied += _copied.len();
        }
    }
}

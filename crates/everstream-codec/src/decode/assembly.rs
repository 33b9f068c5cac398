//! Lines to items.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use crate::event::{Event, Item};
use crate::line::{self, Line};
use crate::scan::KEPT_BYTES_MAX;

/// Puts lines together into items and keeps those until they are taken.
///
/// Data is written once, to the end of `text`, and lent from there. An id is copied only where it changes, so that one
/// long id before many short events costs its length once.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// Texts of the items in `ready`, in order, then the data of the unfinished event.
    text: Vec<u8>,
    /// Where in `text` the first item of `ready` begins.
    taken: usize,
    /// Where in `text` the unfinished event begins.
    data_start: usize,
    has_data: bool,
    event_type: Vec<u8>,
    /// The id of the unfinished block. It counts once the block is complete.
    id: Option<String>,
    /// The id of the last complete block.
    committed_id: String,
    /// The id of the last item taken.
    last_event_id: String,
    ready: VecDeque<Ready>,
    #[cfg(test)]
    pub(super) moved: usize,
}

/// A finished item. Its texts are the next ones in `Assembly::text`: data, event type, id.
#[derive(Debug)]
enum Ready {
    Event { data_len: usize, type_len: usize, id_len: Option<usize> },
    LastEventId { id_len: usize },
    Comment(String),
    ReconnectionTime(Duration),
}

impl Assembly {
    pub(super) fn resuming(last_event_id: &str) -> Self {
        Self { committed_id: last_event_id.to_owned(), last_event_id: last_event_id.to_owned(), ..Self::default() }
    }

    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Bytes held for the unfinished event.
    pub(super) fn unfinished_len(&self) -> usize {
        self.text.len() - self.data_start + self.event_type.len()
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        match line::read(line) {
            Line::Data(value) => {
                if self.has_data {
                    self.text.push(b'\n');
                }
                self.has_data = true;
                self.text.extend_from_slice(value);
            }
            Line::Blank => self.dispatch(),
            Line::EventType(value) => {
                self.event_type.clear();
                self.event_type.extend_from_slice(value);
            }
            Line::Id(value) if value.contains(&0) => {}
            Line::Id(value) => self.id = Some(line::text(value).into_owned()),
            Line::Retry(value) => self.ready.extend(line::reconnection_time(value).map(Ready::ReconnectionTime)),
            Line::Comment(text) => self.ready.push_back(Ready::Comment(line::text(text).into_owned())),
            Line::Unknown => {}
        }
    }

    /// Ends a block: an event if it had data, and its id counts from here on.
    fn dispatch(&mut self) {
        let data_len = self.text.len() - self.data_start;
        let new_id = self.id.take().filter(|id| *id != self.committed_id);
        let id_len = new_id.as_ref().map(String::len);
        if self.has_data {
            self.text.extend_from_slice(&self.event_type);
            self.ready.push_back(Ready::Event { data_len, type_len: self.event_type.len(), id_len });
        } else {
            self.ready.extend(id_len.map(|id_len| Ready::LastEventId { id_len }));
        }
        if let Some(id) = new_id {
            self.text.extend_from_slice(id.as_bytes());
            self.committed_id = id;
        }
        self.has_data = false;
        self.event_type.clear();
        self.data_start = self.text.len();
    }

    pub(super) fn take(&mut self) -> Option<Item<'_>> {
        Some(match self.ready.pop_front()? {
            Ready::Event { data_len, type_len, id_len } => {
                let data_end = self.taken + data_len;
                let type_end = data_end + type_len;
                let data = self.taken..data_end;
                self.taken = type_end;
                self.take_id(id_len);
                let event_type = match self.text.get(data_end..type_end).unwrap_or_default() {
                    [] => Cow::Borrowed("message"),
                    name => line::text(name),
                };
                let data = line::text(self.text.get(data).unwrap_or_default());
                Item::Event(Event { event_type, data, id: Cow::Borrowed(&self.last_event_id) })
            }
            Ready::LastEventId { id_len } => {
                self.take_id(Some(id_len));
                Item::LastEventId(Cow::Borrowed(&self.last_event_id))
            }
            Ready::Comment(text) => Item::Comment(Cow::Owned(text)),
            Ready::ReconnectionTime(time) => Item::ReconnectionTime(time),
        })
    }

    fn take_id(&mut self, len: Option<usize>) {
        let Some(len) = len else { return };
        let id = self.text.get(self.taken..self.taken + len).unwrap_or_default();
        self.last_event_id.clear();
        self.last_event_id.push_str(&line::text(id));
        self.taken += len;
    }

    /// Gives up the texts of taken items once they are the larger half, so that no byte is moved more than another is
    /// dropped.
    pub(super) fn forget_taken(&mut self) {
        if self.taken <= self.text.len() / 2 {
            return;
        }
        #[cfg(test)]
        {
            self.moved += self.text.len() - self.taken;
        }
        self.text.drain(..self.taken);
        self.text.shrink_to(KEPT_BYTES_MAX);
        self.data_start -= self.taken;
        self.taken = 0;
    }

    pub(super) fn drop_unfinished(&mut self) {
        self.text.truncate(self.data_start);
        self.has_data = false;
        self.event_type.clear();
        self.id = None;
    }
}

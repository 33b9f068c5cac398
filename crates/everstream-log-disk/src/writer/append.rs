//! Appending: entries are checked against where their streams end; they go to the journal, and into rows later.

use everstream_log::{Entry, Error, ErrorKind, StreamKey};

use super::Writer;
use crate::change::Changed;
use crate::group::Group;
use crate::pending::Staged;
use crate::tail::Tail;

impl Writer {
    /// All of `entries`, or none: they are in the group once each of them fits.
    pub(super) fn stage_append(&mut self, group: &mut Group, entries: Vec<Entry>) -> Result<Changed, Error> {
        let staged_before = group.appends.len();
        group.appends.reserve(entries.len());
        group.streams.reserve(entries.len());
        self.ends.clear();
        self.newcomers.clear();
        for entry in entries {
            if let Err(error) = self.stage_entry(group, entry) {
                group.appends.truncate(staged_before);
                return Err(error);
            }
        }
        for Staged { entry, after, .. } in group.appends.iter().skip(staged_before) {
            let bytes: usize = entry.records.iter().map(|record| record.data.len()).sum();
            group.append_bytes = group.append_bytes.saturating_add(bytes);
            group.streams.insert(entry.stream, Some(*after));
        }
        Ok(Changed::Done)
    }

    fn stage_entry(&mut self, group: &mut Group, entry: Entry) -> Result<(), Error> {
        let before = match self.ends.get(&entry.stream) {
            Some(end) => *end,
            None => self.tail(entry.stream)?,
        };
        check_fits(&entry, before)?;
        let mut after = before.behind(&entry);
        let producer = entry.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref());
        if let Some(mark) = producer
            && !self.store.knows_producer(entry.stream, &mark.id)?
            && self.newcomers.insert((entry.stream, mark.id.clone()))
        {
            after.producers = before.producers.saturating_add(1);
        }
        self.ends.insert(entry.stream, after);
        group.appends.push(Staged { entry, before, after });
        Ok(())
    }

    pub(super) fn tail(&self, stream: StreamKey) -> Result<Tail, Error> {
        self.tails.get(stream).map_or_else(|| Tail::load(&self.store, stream), Ok)
    }
}

fn check_fits(entry: &Entry, tail: Tail) -> Result<(), Error> {
    if tail.is_closed {
        return Err(Error::new(ErrorKind::StreamClosed, "the stream is closed"));
    }
    if entry.first != tail.next {
        let said = format!("an entry starts at {}, but the tail is {}", entry.first, tail.next);
        return Err(Error::new(ErrorKind::OffsetBeyondTail, said));
    }
    Ok(())
}

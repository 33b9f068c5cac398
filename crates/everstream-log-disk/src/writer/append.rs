//! Appending: entries are checked against where their streams end; they go to the journal, and into rows later.

use everstream_log::{Entry, Error, ErrorKind, StreamKey};

use super::Writer;
use crate::change::Changed;
use crate::group::Group;
use crate::tail::Tail;

impl Writer {
    /// Appends all of `entries`, or none. What a group of them would come to, without a group: nearly every commit is of
    /// one caller's entries alone.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.refusal.check()?;
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        let appended = self.stage_entries(entries, &mut ends).and_then(|()| self.keep(entries, &ends));
        self.ends = ends;
        appended
    }

    fn keep(&mut self, entries: &[Entry], ends: &[Tail]) -> Result<(), Error> {
        self.write_appends(entries).map_err(|error| self.refusal.begin(&error))?;
        self.store.pending.apply(entries, ends);
        self.tails.settle(entries, ends);
        self.set_aside_if_full();
        Ok(())
    }

    /// All of `entries`, or none: they are in the group once each of them fits.
    pub(super) fn stage_append(&mut self, group: &mut Group, entries: Vec<Entry>) -> Result<Changed, Error> {
        let staged_before = group.ends.len();
        if let Err(error) = self.stage_entries(&entries, &mut group.ends) {
            group.ends.truncate(staged_before);
            return Err(error);
        }
        for (entry, end) in entries.iter().zip(group.ends.iter().skip(staged_before)) {
            let bytes = usize::try_from(entry.data_bytes()).unwrap_or(usize::MAX);
            group.append_bytes = group.append_bytes.saturating_add(bytes);
            group.streams.insert(entry.stream, Some(*end));
        }
        group.appends.extend(entries);
        Ok(Changed::Done)
    }

    /// Checks each entry against the end of its stream, which moves on behind it, and notes that in `ends`. After an
    /// error all of their streams end where they did before.
    fn stage_entries(&mut self, entries: &[Entry], ends: &mut Vec<Tail>) -> Result<(), Error> {
        self.newcomers.clear();
        for entry in entries {
            match self.stage_entry(entry) {
                Ok(end) => ends.push(end),
                Err(error) => {
                    // Nothing else of these streams is under way: what is committed says where they end.
                    entries.iter().for_each(|entry| self.tails.forget(entry.stream));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn stage_entry(&mut self, entry: &Entry) -> Result<Tail, Error> {
        let Self { tails, store, newcomers, .. } = self;
        let tail = tails.find(entry.stream, || Tail::load(store, entry.stream))?;
        check_fits(entry, *tail)?;
        let mut after = tail.behind(entry);
        let producer = entry.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref());
        if let Some(mark) = producer
            && !store.knows_producer(entry.stream, &mark.id)?
            && newcomers.insert((entry.stream, mark.id.clone()))
        {
            after.producers = tail.producers.saturating_add(1);
        }
        *tail = after;
        Ok(after)
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

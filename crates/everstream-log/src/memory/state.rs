//! What the memory engine knows, and how each call changes it.

use std::collections::{BTreeSet, HashMap};

use super::stream::Stream;
use crate::{
    Alias, Create, Entry, Error, ErrorKind, Offset, Origin, ProducerId, ProducerState, StreamHead, StreamKey,
    StreamName, Timestamp, Tombstone,
};

#[derive(Debug)]
pub(super) struct State {
    streams_max: u64,
    next_key: u64,
    pub(super) names: HashMap<StreamName, StreamKey>,
    pub(super) streams: HashMap<StreamKey, Stream>,
    /// Source and fork of each fork.
    pub(super) forks: BTreeSet<(StreamKey, StreamKey)>,
    aliases: HashMap<Alias, StreamName>,
    deadlines: BTreeSet<(Timestamp, StreamKey)>,
    open_relays: BTreeSet<StreamKey>,
    is_closed: bool,
}

impl State {
    pub(super) fn new(streams_max: u64) -> Self {
        Self {
            streams_max,
            next_key: 1,
            names: HashMap::new(),
            streams: HashMap::new(),
            forks: BTreeSet::new(),
            aliases: HashMap::new(),
            deadlines: BTreeSet::new(),
            open_relays: BTreeSet::new(),
            is_closed: false,
        }
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.is_closed {
            return Err(Error::new(ErrorKind::ReadOnly, "the log has been closed"));
        }
        Ok(())
    }

    pub(super) fn create(&mut self, create: Create) -> Result<StreamHead, Error> {
        self.check_create(&create)?;
        let forked = create.fork.as_ref().map(|fork| self.check_fork(fork)).transpose()?;
        let Create { name, epoch, settings, at, expires_at, fork, records, closure, sequencing } = create;
        let key = StreamKey(self.next_key);
        self.next_key = self.next_key.saturating_add(1);
        let (forked_from, bytes) = forked.unzip();
        let mut head = StreamHead {
            key,
            epoch,
            settings,
            created_at: at,
            expires_at,
            forked_from,
            first: Offset::ZERO,
            tail: Offset::ZERO,
            bytes: bytes.unwrap_or(0),
            closure: None,
            stream_seq: None,
            producers: 0,
        };
        if let Some(fork) = &fork {
            head.first = self.stream(fork.source)?.head.first;
            head.tail = fork.base;
            self.forks.insert((fork.source, key));
        }
        let mut stream = Stream::new(name.clone(), head);
        stream.append(fork.and_then(|fork| fork.cut).into_iter().collect(), None, None);
        stream.append(records, closure, sequencing);
        let head = stream.head.clone();
        if let Some(alias) = &head.settings.alias {
            self.aliases.insert(alias.clone(), name.clone());
        }
        if let Some(deadline) = expires_at {
            self.deadlines.insert((deadline, key));
        }
        if head.settings.origin == Origin::Relayed && head.closure.is_none() {
            self.open_relays.insert(key);
        }
        self.names.insert(name, key);
        self.streams.insert(key, stream);
        Ok(head)
    }

    fn check_create(&self, create: &Create) -> Result<(), Error> {
        let Create { name, settings, .. } = create;
        if self.names.contains_key(name) {
            return Err(Error::new(ErrorKind::StreamExists, format!("a stream {name:?} is there already")));
        }
        if settings.alias.as_ref().is_some_and(|alias| self.aliases.contains_key(alias)) {
            return Err(Error::new(ErrorKind::AliasTaken, "another stream holds this alias"));
        }
        if self.stream_count() >= self.streams_max {
            return Err(Error::new(ErrorKind::Full, format!("the log holds {} streams, its limit", self.streams_max)));
        }
        Ok(())
    }

    pub(super) fn open(&self, name: &StreamName) -> Option<StreamHead> {
        let stream = self.stream(*self.names.get(name)?).ok()?;
        Some(stream.head.clone())
    }

    pub(super) fn tombstone(&self, name: &StreamName) -> Option<Tombstone> {
        let stream = self.streams.get(self.names.get(name)?).filter(|stream| stream.is_tombstone)?;
        let StreamHead { key, epoch, settings, .. } = stream.head.clone();
        Some(Tombstone { key, epoch, settings })
    }

    pub(super) fn find_alias(&self, alias: &Alias) -> Option<StreamName> {
        self.aliases.get(alias).cloned()
    }

    pub(super) fn commit(&mut self, entries: Vec<Entry>) -> Result<(), Error> {
        self.check_entries(&entries)?;
        for entry in entries {
            if entry.closure.is_some() {
                self.open_relays.remove(&entry.stream);
            }
            if let Some(stream) = self.streams.get_mut(&entry.stream) {
                stream.append(entry.records, entry.closure, entry.sequencing);
            }
        }
        Ok(())
    }

    /// Refuses the whole call when one entry does not fit behind what is there and behind the entries before it.
    fn check_entries(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut ends: HashMap<StreamKey, (Offset, bool)> = HashMap::new();
        for entry in entries {
            let stream = self.stream(entry.stream)?;
            let end = ends.entry(entry.stream).or_insert((stream.head.tail, stream.head.closure.is_some()));
            if end.1 {
                return Err(Error::new(ErrorKind::StreamClosed, format!("the stream {:?} is closed", stream.name)));
            }
            if entry.first != end.0 {
                let said =
                    format!("an entry starts at {}, but the tail of {:?} is {}", entry.first, stream.name, end.0);
                return Err(Error::new(ErrorKind::OffsetBeyondTail, said));
            }
            *end = (end.0.plus(entry.records.len() as u64), entry.closure.is_some());
        }
        Ok(())
    }

    pub(super) fn producer(&self, key: StreamKey, id: &ProducerId) -> Result<Option<ProducerState>, Error> {
        Ok(self.stream(key)?.producers.get(id).copied())
    }

    pub(super) fn touch(&mut self, key: StreamKey, expires_at: Option<Timestamp>) -> Result<(), Error> {
        let stream = self.streams.get_mut(&key).filter(|stream| !stream.is_tombstone).ok_or_else(gone)?;
        let before = std::mem::replace(&mut stream.head.expires_at, expires_at);
        if let Some(deadline) = before {
            self.deadlines.remove(&(deadline, key));
        }
        if let Some(deadline) = expires_at {
            self.deadlines.insert((deadline, key));
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &StreamName, key: StreamKey) {
        if self.names.get(name) != Some(&key) {
            return;
        }
        let has_forks = self.has_forks(key);
        let Some(stream) = self.streams.get_mut(&key).filter(|stream| !stream.is_tombstone) else { return };
        self.open_relays.remove(&key);
        if let Some(alias) = stream.head.settings.alias.take() {
            self.aliases.remove(&alias);
        }
        if let Some(deadline) = stream.head.expires_at.take() {
            self.deadlines.remove(&(deadline, key));
        }
        if has_forks {
            stream.is_tombstone = true;
        } else {
            self.remove_line(key);
        }
    }

    pub(super) fn expired(&self, now: Timestamp, limit: usize) -> Vec<StreamName> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).take(limit);
        due.filter_map(|(_, key)| self.name_of(key)).collect()
    }

    pub(super) fn open_relays(&self) -> Vec<StreamName> {
        self.open_relays.iter().filter_map(|key| self.name_of(key)).collect()
    }

    /// A stream that is there and not deleted.
    pub(super) fn stream(&self, key: StreamKey) -> Result<&Stream, Error> {
        self.streams.get(&key).filter(|stream| !stream.is_tombstone).ok_or_else(gone)
    }

    fn name_of(&self, key: &StreamKey) -> Option<StreamName> {
        self.streams.get(key).map(|stream| stream.name.clone())
    }

    pub(super) fn stream_count(&self) -> u64 {
        self.names.len() as u64
    }

    pub(super) fn close(&mut self) {
        *self = Self { is_closed: true, ..Self::new(self.streams_max) };
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::StreamNotFound, "this incarnation of the stream is not there")
}

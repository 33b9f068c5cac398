//! What the memory engine knows, and how each call changes it.

use std::collections::{BTreeSet, HashMap};

use crate::{
    Alias, Closure, Create, Entry, Error, ErrorKind, NewRecord, Offset, Origin, ProducerId, ProducerState, ReadLimit,
    Record, Sequencing, StreamHead, StreamKey, StreamName, Timestamp,
};

#[derive(Debug)]
pub(super) struct State {
    streams_max: u64,
    next_key: u64,
    names: HashMap<StreamName, StreamKey>,
    streams: HashMap<StreamKey, Stream>,
    aliases: HashMap<Alias, StreamName>,
    deadlines: BTreeSet<(Timestamp, StreamKey)>,
    open_relays: BTreeSet<StreamKey>,
    is_closed: bool,
}

#[derive(Debug)]
struct Stream {
    name: StreamName,
    head: StreamHead,
    records: Vec<Record>,
    producers: HashMap<ProducerId, ProducerState>,
}

impl Stream {
    fn append(&mut self, records: Vec<NewRecord>, closure: Option<Closure>, sequencing: Option<Box<Sequencing>>) {
        for new in records {
            self.head.bytes = self.head.bytes.saturating_add(new.data.len() as u64);
            self.records.push(Record { offset: self.head.tail, time: new.time, data: new.data });
            self.head.tail = self.head.tail.plus(1);
        }
        if closure.is_some() {
            self.head.closure = closure;
        }
        let Some(sequencing) = sequencing else { return };
        if let Some(mark) = sequencing.producer {
            let state = mark.state(self.head.tail);
            self.producers.insert(mark.id, state);
            self.head.producers = self.producers.len() as u64;
        }
        if sequencing.stream_seq.is_some() {
            self.head.stream_seq = sequencing.stream_seq;
        }
    }
}

impl State {
    pub(super) fn new(streams_max: u64) -> Self {
        Self {
            streams_max,
            next_key: 1,
            names: HashMap::new(),
            streams: HashMap::new(),
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
        let Create { name, epoch, settings, at, expires_at, records, closure, sequencing } = create;
        if self.names.contains_key(&name) {
            return Err(Error::new(ErrorKind::StreamExists, format!("a stream {name:?} is there already")));
        }
        if settings.alias.as_ref().is_some_and(|alias| self.aliases.contains_key(alias)) {
            return Err(Error::new(ErrorKind::AliasTaken, "another stream holds this alias"));
        }
        if self.stream_count() >= self.streams_max {
            return Err(Error::new(ErrorKind::Full, format!("the log holds {} streams, its limit", self.streams_max)));
        }
        let key = StreamKey(self.next_key);
        self.next_key = self.next_key.saturating_add(1);
        let head = StreamHead {
            key,
            epoch,
            settings,
            created_at: at,
            expires_at,
            first: Offset::ZERO,
            tail: Offset::ZERO,
            bytes: 0,
            closure: None,
            stream_seq: None,
            producers: 0,
        };
        let mut stream = Stream { name: name.clone(), head, records: Vec::new(), producers: HashMap::new() };
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

    pub(super) fn open(&self, name: &StreamName) -> Option<StreamHead> {
        let stream = self.streams.get(self.names.get(name)?)?;
        Some(stream.head.clone())
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
            let stream = self.streams.get(&entry.stream).ok_or_else(gone)?;
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

    pub(super) fn read(&self, key: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
        let stream = self.streams.get(&key).ok_or_else(gone)?;
        let beyond = || Error::new(ErrorKind::OffsetBeyondTail, format!("offset {from} is after the tail"));
        if from < stream.head.first {
            return Err(Error::new(ErrorKind::OffsetTrimmed, format!("offset {from} is no longer held")));
        }
        let skip = usize::try_from(from.since(stream.head.first)).map_err(|_| beyond())?;
        let rest = stream.records.get(skip..).ok_or_else(beyond)?;
        let mut bytes = 0_usize;
        let mut read = Vec::new();
        for record in rest {
            if !limit.admits(read.len(), bytes) {
                break;
            }
            bytes = bytes.saturating_add(record.data.len());
            read.push(record.clone());
        }
        Ok(read)
    }

    pub(super) fn producer(&self, key: StreamKey, id: &ProducerId) -> Result<Option<ProducerState>, Error> {
        let stream = self.streams.get(&key).ok_or_else(gone)?;
        Ok(stream.producers.get(id).copied())
    }

    pub(super) fn touch(&mut self, key: StreamKey, expires_at: Option<Timestamp>) -> Result<(), Error> {
        let stream = self.streams.get_mut(&key).ok_or_else(gone)?;
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
        self.names.remove(name);
        self.open_relays.remove(&key);
        let Some(stream) = self.streams.remove(&key) else { return };
        if let Some(alias) = &stream.head.settings.alias {
            self.aliases.remove(alias);
        }
        if let Some(deadline) = stream.head.expires_at {
            self.deadlines.remove(&(deadline, key));
        }
    }

    pub(super) fn expired(&self, now: Timestamp, limit: usize) -> Vec<StreamName> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).take(limit);
        due.filter_map(|(_, key)| self.name_of(key)).collect()
    }

    pub(super) fn open_relays(&self) -> Vec<StreamName> {
        self.open_relays.iter().filter_map(|key| self.name_of(key)).collect()
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

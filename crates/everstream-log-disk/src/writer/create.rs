//! Making a stream: its rows, its first append and its close in one batch.

use everstream_log::{Create, Error, ErrorKind, NewRecord, Origin, StreamHead, StreamKey};

use super::Writer;
use super::append::runs;
use super::fork::Forking;
use super::sequencing::Sequencings;
use crate::change::Changed;
use crate::failure::unreadable;
use crate::group::Group;
use crate::keyspace::stream::{self, StreamRow};
use crate::keyspace::{alias, expiry, fork, name, stream_key};
use crate::tail::Tail;

impl Writer {
    pub(super) fn stage_create(&mut self, group: &mut Group, create: Create) -> Result<Changed, Error> {
        self.check_create(&create)?;
        let Forking { line, forked_from, first } = match &create.fork {
            Some(fork) => self.check_fork(fork)?,
            None => Forking::default(),
        };
        let Create { name, epoch, settings, at, expires_at, fork, records, closure, sequencing } = create;
        let row = StreamRow { name, epoch, settings, created_at: at, expires_at, first, line, is_tombstone: false };
        let key = self.counters.next;
        let (next, bytes) = row.own_start();
        let is_relay = row.settings.origin == Origin::Relayed;
        let mut tail = Tail { next, bytes, is_closed: false, is_relay, producers: 0 };
        let cut: Vec<NewRecord> = fork.and_then(|fork| fork.cut).into_iter().collect();
        let mut rows = runs(key, &mut tail, &cut, None);
        rows.extend(runs(key, &mut tail, &records, closure.as_ref()));
        let sequencing = sequencing.map(|sequencing| *sequencing).unwrap_or_default();
        let mut sequencings = Sequencings::default();
        sequencings.note(&self.store, key, &mut tail, &sequencing)?;

        self.stage_stream(group, key, &row);
        if is_relay && closure.is_none() {
            group.insert(&self.store.relays, &stream_key(key), Vec::new());
        }
        for (key, run) in rows {
            group.insert(&self.store.records, &key, run);
        }
        sequencings.stage(&self.store, group);
        group.streams.insert(key, Some(tail));
        Ok(Changed::Created(Box::new(StreamHead {
            key,
            epoch,
            settings: row.settings,
            created_at: at,
            expires_at,
            forked_from,
            first,
            tail: tail.next,
            bytes: tail.bytes,
            closure,
            stream_seq: sequencing.stream_seq,
            producers: tail.producers,
        })))
    }

    /// The rows of a new stream apart from its records.
    fn stage_stream(&mut self, group: &mut Group, key: StreamKey, row: &StreamRow) {
        self.counters.next = StreamKey(key.0.saturating_add(1));
        self.counters.streams = self.counters.streams.saturating_add(1);
        group.counts = true;
        group.claim(&row.name, row.settings.alias.as_ref());
        group.insert(&self.store.names, name::key(&row.name), name::ser(key).to_vec());
        group.insert(&self.store.streams, &stream_key(key), stream::ser(row));
        if let Some(alias) = &row.settings.alias {
            group.insert(&self.store.aliases, &alias::key(alias), alias::ser(key).to_vec());
        }
        if let Some(deadline) = row.expires_at {
            group.insert(&self.store.expiry, &expiry::key(deadline, key), Vec::new());
        }
        if let Some(line) = &row.line {
            group.insert(&self.store.forks, &fork::key(line.source, line.base, key), Vec::new());
            group.forks_made = true;
        }
    }

    fn check_create(&self, create: &Create) -> Result<(), Error> {
        if self.store.find(&create.name)?.is_some() {
            let said = format!("a stream {:?} is there already", create.name.as_str());
            return Err(Error::new(ErrorKind::StreamExists, said));
        }
        if let Some(alias) = &create.settings.alias
            && self.store.aliases.contains_key(alias::key(alias)).map_err(unreadable)?
        {
            return Err(Error::new(ErrorKind::AliasTaken, "another stream holds this alias"));
        }
        if self.counters.streams >= self.streams_max {
            return Err(Error::new(ErrorKind::Full, format!("the log holds {} streams, its limit", self.streams_max)));
        }
        Ok(())
    }
}

//! Making a stream: its rows, its first append and its close in one batch.

use everstream_log::{Create, Error, ErrorKind, NewRecord, Origin, StreamHead, StreamKey};

use super::Writer;
use super::fork::Forking;
use crate::change::Changed;
use crate::failure::unreadable;
use crate::fold;
use crate::group::Group;
use crate::keyspace::stream::{self, StreamRow};
use crate::keyspace::{alias, expiry, fork, name, stream_key};
use crate::pending::PendingStream;
use crate::tail::Tail;

impl Writer {
    pub(super) fn stage_create(&mut self, group: &mut Group, create: Create) -> Result<Changed, Error> {
        self.check_create(&create)?;
        let Forking { line, forked_from, first } = match &create.fork {
            Some(fork) => {
                self.fold_stream(fork.source)?;
                self.check_fork(fork)?
            }
            None => Forking::default(),
        };
        let Create { name, epoch, settings, at, expires_at, fork, records, closure, sequencing } = create;
        let row = StreamRow { name, epoch, settings, created_at: at, expires_at, first, line, is_tombstone: false };
        let key = self.counters.next;
        let (next, bytes) = row.own_start();
        let is_relay = row.settings.origin == Origin::Relayed;
        let separator = row.settings.separator;
        let mut first_append =
            PendingStream::new(Tail { next, bytes, is_closed: false, is_relay, producers: 0, separator });
        let cut: Vec<NewRecord> = fork.and_then(|fork| fork.cut).into_iter().collect();
        first_append.push(&cut, None, None);
        first_append.push(&records, closure.as_ref(), sequencing.as_deref());
        let sequencing = sequencing.map(|sequencing| *sequencing).unwrap_or_default();
        first_append.tail.producers = u64::from(sequencing.producer.is_some());
        let tail = first_append.tail;

        self.stage_stream(group, key, &row);
        if is_relay && closure.is_none() {
            group.batch.insert(&self.store.relays, &stream_key(key), Vec::new());
        }
        fold::stage(&self.store, &mut group.batch, key, &first_append);
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
        group.batch.insert(&self.store.names, name::key(&row.name), name::ser(key).to_vec());
        group.batch.insert(&self.store.streams, &stream_key(key), stream::ser(row));
        if let Some(alias) = &row.settings.alias {
            group.batch.insert(&self.store.aliases, &alias::key(alias), alias::ser(key).to_vec());
        }
        if let Some(deadline) = row.expires_at {
            group.batch.insert(&self.store.expiry, &expiry::key(deadline, key), Vec::new());
        }
        if let Some(line) = &row.line {
            group.batch.insert(&self.store.forks, &fork::key(line.source, line.base, key), Vec::new());
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
        if self.counters.streams >= self.bounds.streams_max {
            return Err(Error::new(
                ErrorKind::Full,
                format!("the log holds {} streams, its limit", self.bounds.streams_max),
            ));
        }
        Ok(())
    }
}

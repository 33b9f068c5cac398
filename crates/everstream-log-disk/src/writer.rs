//! The one place that changes the store: checks a change, stages its rows in a group, commits the group.

mod append;
mod create;
mod fork;
mod lifetime;
mod sequencing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use everstream_log::{Durability, Error};
use fjall::PersistMode;

use crate::change::{Change, Changed};
use crate::failure::Refusal;
use crate::group::Group;
use crate::keyspace::counters::{self, Counters};
use crate::store::Store;
use crate::tail::Tails;

/// Owned by whoever holds its lock, which is also the order of all writes.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Arc<Store>,
    refusal: Arc<Refusal>,
    durability: Durability,
    streams_max: u64,
    counters: Counters,
    tails: Tails,
    stream_count: Arc<AtomicU64>,
    /// Bytes written since the sizes of the memtables were looked at.
    unweighed_bytes: usize,
}

impl Writer {
    pub(crate) fn new(
        store: Arc<Store>,
        refusal: Arc<Refusal>,
        durability: Durability,
        streams_max: u64,
    ) -> Result<Self, Error> {
        let counters = store.counters()?;
        let stream_count = Arc::new(AtomicU64::new(counters.streams));
        Ok(Self {
            store,
            refusal,
            durability,
            streams_max,
            counters,
            tails: Tails::default(),
            stream_count,
            unweighed_bytes: 0,
        })
    }

    /// How many streams there are, kept up to date with each commit.
    pub(crate) fn stream_count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.stream_count)
    }

    pub(crate) fn group(&self) -> Group {
        Group::new(&self.store)
    }

    /// Checks `change` and adds its rows to `group`, which must not refuse it. On an error the group is as before.
    pub(crate) fn stage(&mut self, group: &mut Group, change: Change) -> Result<Changed, Error> {
        self.refusal.check()?;
        match change {
            Change::Create(create) => self.stage_create(group, *create),
            Change::Commit(entries) => self.stage_append(group, &entries),
            Change::Touch(stream, expires_at) => self.stage_touch(group, stream, expires_at),
            Change::Delete(name, stream) => self.stage_delete(group, &name, stream),
        }
    }

    /// Writes the group at this log's durability; its changes are visible only then. After a failure every later
    /// write is refused, so that nothing is appended behind a hole.
    pub(crate) fn commit(&mut self, mut group: Group) -> Result<(), Error> {
        self.refusal.check()?;
        if group.counts {
            group.insert(&self.store.meta, counters::KEY, counters::ser(self.counters));
        }
        let mode = match self.durability {
            Durability::Memory => None,
            Durability::Os => Some(PersistMode::Buffer),
            Durability::Fsync => Some(PersistMode::SyncData),
        };
        self.unweighed_bytes = self.unweighed_bytes.saturating_add(group.bytes);
        let written = self.store.wait_for_room().and_then(|()| group.batch.durability(mode).commit());
        written.map_err(|error| self.refusal.begin(&error))?;
        for (stream, tail) in group.streams {
            match tail {
                Some(tail) => self.tails.set(stream, tail),
                None => self.tails.forget(stream),
            }
        }
        self.stream_count.store(self.counters.streams, Ordering::Release);
        Ok(())
    }

    /// Whether [`Self::weigh`] is due, which may wait for the device.
    pub(crate) fn is_weighing_due(&self) -> bool {
        self.unweighed_bytes as u64 >= self.store.unweighed_bytes_max()
    }

    /// Has the store write to files what has grown large in memory. Not in a caller's thread.
    pub(crate) fn weigh(&mut self) {
        self.unweighed_bytes = 0;
        if self.refusal.check().is_ok()
            && let Err(error) = self.store.seal_full()
        {
            self.refusal.begin(&error);
        }
    }
}

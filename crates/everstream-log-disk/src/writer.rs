//! The one place that changes the log: checks a change, stages it in a group, commits the group.

mod append;
mod create;
mod fork;
mod lifetime;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use everstream_log::{Durability, Entry, Error, ProducerId, StreamKey};
use fjall::PersistMode;

use crate::batch::Batch;
use crate::change::{Change, Changed};
use crate::failure::Refusal;
use crate::fold::fold_stream;
use crate::folder::Folder;
use crate::group::Group;
use crate::journal::Journal;
use crate::keyspace::counters::{self, Counters};
use crate::store::Store;
use crate::tail::{Tail, Tails};

/// Owned by whoever holds its lock, which is also the order of all writes.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Arc<Store>,
    refusal: Arc<Refusal>,
    bounds: Bounds,
    /// None at `memory`.
    journal: Option<Journal>,
    folder: Folder,
    counters: Counters,
    tails: Tails,
    stream_count: Arc<AtomicU64>,
    /// Bytes written to the store since the sizes of the memtables were looked at.
    unweighed_bytes: usize,
    /// Where frames are made.
    frame: Vec<u8>,
    /// Where entries have their streams end, of [`Writer::append`].
    ends: Vec<Tail>,
    /// The producers that the change under way brings.
    newcomers: HashSet<(StreamKey, ProducerId)>,
}

/// What a writer keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) durability: Durability,
    pub(crate) streams_max: u64,
    /// The open set is set aside once it takes so many bytes.
    pub(crate) pending_bytes_max: usize,
}

/// A frame larger than this gives its memory back.
const FRAME_BYTES_KEPT: usize = 1024 * 1024;

impl Writer {
    /// Writes to the first journal of `folder`.
    pub(crate) fn new(
        store: Arc<Store>,
        refusal: Arc<Refusal>,
        bounds: Bounds,
        (folder, journal): (Folder, Option<Journal>),
    ) -> Result<Self, Error> {
        let counters = store.counters()?;
        let stream_count = Arc::new(AtomicU64::new(counters.streams));
        Ok(Self {
            store,
            refusal,
            bounds,
            journal,
            folder,
            counters,
            tails: Tails::default(),
            stream_count,
            unweighed_bytes: 0,
            frame: Vec::new(),
            ends: Vec::new(),
            newcomers: HashSet::new(),
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
            Change::Commit(entries) => self.stage_append(group, entries),
            Change::Touch(stream, expires_at) => self.stage_touch(group, stream, expires_at),
            Change::Delete(name, stream) => self.stage_delete(group, &name, stream),
        }
    }

    /// Writes the group at this log's durability; its changes are visible only then. After a failure every later
    /// write is refused, so that nothing is appended behind a hole.
    pub(crate) fn commit(&mut self, mut group: Group) -> Result<(), Error> {
        self.refusal.check()?;
        if group.counts {
            group.batch.insert(&self.store.meta, counters::KEY, counters::ser(self.counters));
        }
        self.unweighed_bytes = self.unweighed_bytes.saturating_add(group.batch.bytes);
        let Group { appends, ends, batch, streams, deleted, .. } = group;
        let written = self.write_appends(&appends).and_then(|()| self.write_rows(batch, &deleted));
        written.map_err(|error| self.refusal.begin(&error))?;
        self.store.pending.apply(&appends, &ends);
        for (stream, tail) in streams {
            match tail {
                Some(tail) => self.tails.set(stream, tail),
                None => self.tails.forget(stream),
            }
        }
        self.stream_count.store(self.counters.streams, Ordering::Release);
        self.set_aside_if_full();
        Ok(())
    }

    fn set_aside_if_full(&mut self) {
        if self.is_full() {
            self.folder.begin(&self.store, &mut self.journal);
        }
    }

    fn write_appends(&mut self, appends: &[Entry]) -> fjall::Result<()> {
        let Some(journal) = self.journal.as_mut().filter(|_| !appends.is_empty()) else { return Ok(()) };
        journal.append(&mut self.frame, appends)?;
        if self.frame.capacity() > FRAME_BYTES_KEPT {
            self.frame = Vec::new();
        }
        Ok(())
    }

    fn write_rows(&self, batch: Batch, deleted: &[StreamKey]) -> fjall::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mode = match self.bounds.durability {
            Durability::Memory => None,
            Durability::Os => Some(PersistMode::Buffer),
            Durability::Fsync => Some(PersistMode::SyncData),
        };
        self.store.wait_for_room()?;
        let _order = self.store.order();
        batch.commit(mode)?;
        deleted.iter().for_each(|stream| self.store.pending.forget(*stream));
        Ok(())
    }

    /// Has the store alone hold what a stream has, for a change that asks no one else.
    fn fold_stream(&mut self, stream: StreamKey) -> Result<(), Error> {
        if self.store.pending.has(stream) {
            let folded = self.store.wait_for_room().and_then(|()| fold_stream(&self.store, stream));
            let bytes = folded.map_err(|error| self.refusal.begin(&error))?;
            self.unweighed_bytes = self.unweighed_bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Whether the open set takes no more before it is set aside.
    fn is_full(&self) -> bool {
        self.store.pending.open_bytes() >= self.bounds.pending_bytes_max
    }

    /// Whether [`Self::make_room`] would wait.
    pub(crate) fn must_wait(&self) -> bool {
        self.is_full() && self.folder.is_busy()
    }

    /// Waits until the open set takes more: while it is full, for the fold of the one before. Not in a caller's thread.
    pub(crate) fn make_room(&mut self) {
        while self.is_full() && !self.folder.begin(&self.store, &mut self.journal) {
            if !self.folder.wait() {
                // It has ended and will fold nothing more; who ended it has seen to it that writes are refused.
                return;
            }
        }
    }

    /// Folds everything and removes the journals, once nobody writes any more.
    pub(crate) fn finish(&mut self) -> fjall::Result<()> {
        self.folder.finish(&self.store, self.journal.take())
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

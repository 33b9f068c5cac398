//! When what waits in memory is sealed and written to files, and how callers learn that this is going on.
//!
//! The store seals memtables on its worker, which may be merging files for a second: until then memory and journal
//! would grow without a bound. So the writer seals them itself, and waits when the worker falls behind.
//!
//! The store would halt it too, with four sealed ones, and for ever once its worker has died of a failed write. So the
//! writer waits before, in a way that notices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

use fjall::{AbstractTree, Keyspace, PersistMode};

use super::Store;

/// With so many sealed memtables of a keyspace a write waits. One less than where the store halts it, and one more may
/// be sealed by the store's worker meanwhile.
const SEALED_MAX: usize = 3;
/// With so many tables of records that are not merged a fold waits. The store halts its own writes at 30, for ever once
/// its worker has died: this leaves room for the fold's table, what the store has in memory, and memtables that are sealed.
const TABLES_MAX: usize = 24;
/// How often a waiting write looks again: the store gives no signal, and writing a memtable takes longer.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How much may wait in memory before it is sorted into a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    records: u64,
    /// The other keyspaces hold little; small, so that they do not keep old journals alive.
    others: u64,
    /// From so many bytes on rows get a table of their own: smaller ones would have to be merged too often.
    table_min: u64,
}

impl Bounds {
    pub(super) const fn new(bytes_max: u64) -> Self {
        Self { records: bytes_max, others: bytes_max / 4, table_min: table_bytes_min(bytes_max) }
    }
}

/// From so many bytes on rows get a table of their own, where memtables take `bytes_max`.
pub(crate) const fn table_bytes_min(bytes_max: u64) -> u64 {
    bytes_max / 8
}

/// Counts sealings, so that asking whether one is still being written costs two loads most of the time.
#[derive(Debug)]
pub(super) struct Sealings {
    begun: AtomicU64,
    /// The count at which all were found written.
    written: AtomicU64,
}

impl Sealings {
    /// A recovery may have left sealed memtables: the first question is answered by looking.
    pub(super) const fn unknown() -> Self {
        Self { begun: AtomicU64::new(1), written: AtomicU64::new(0) }
    }
}

impl Store {
    /// Whether so many bytes of records go into a table of their own.
    pub(crate) const fn is_worth_a_table(&self, bytes: usize) -> bool {
        bytes as u64 >= self.bounds.table_min
    }

    /// Runs what may hold the store's journal for some flushes.
    pub(crate) fn while_placing(&self, place: impl FnOnce() -> fjall::Result<()>) -> fjall::Result<()> {
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        place()
    }

    /// Waits for what [`Self::while_placing`] runs. Not in a caller's thread, nor with a lock that appends take.
    pub(crate) fn wait_until_placed(&self) {
        drop(self.placing.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// So many bytes may be written between two looks at the sizes of the memtables.
    pub(crate) const fn unweighed_bytes_max(&self) -> u64 {
        self.bounds.records / 32
    }

    /// Seals every memtable that is full; their writing goes on in the background. May wait for the journal's flush.
    pub(crate) fn seal_full(&self) -> fjall::Result<()> {
        for keyspace in self.keyspaces() {
            let bytes_max = if keyspace == &self.records { self.bounds.records } else { self.bounds.others };
            if keyspace.tree.active_memtable().size() >= bytes_max {
                keyspace.rotate_memtable()?;
                self.sealings.begun.fetch_add(1, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    /// Waits until the store would not halt a write, which must not wait for it. Not in a caller's thread.
    ///
    /// # Errors
    /// When the store's worker has died: it will never be.
    pub(crate) fn wait_for_room(&self) -> fjall::Result<()> {
        let is_behind = || self.keyspaces().iter().any(|keyspace| keyspace.sealed_memtable_count() >= SEALED_MAX);
        self.wait_while(|| self.is_busy() && is_behind())
    }

    /// Waits until there may be one more table of records. Not in a caller's thread.
    ///
    /// # Errors
    /// When the store's worker has died: it will never be.
    pub(crate) fn wait_for_merges(&self) -> fjall::Result<()> {
        self.wait_while(|| self.records.tree.l0_run_count() >= TABLES_MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the store gives no signal when it has written or merged files")]
    fn wait_while(&self, is_behind: impl Fn() -> bool) -> fjall::Result<()> {
        while is_behind() {
            // The store's only way to say that its worker has failed; the journal is flushed to the kernel anyway.
            self.db.persist(PersistMode::Buffer)?;
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Whether a write may have to wait for the store's own work.
    ///
    /// From the moment a memtable is sealed until it is in a file, the store may hold its journal for the length of a
    /// flush; with four sealed or thirty unmerged tables it halts writers altogether.
    pub(crate) fn is_busy(&self) -> bool {
        if matches!(self.placing.try_lock(), Err(TryLockError::WouldBlock)) {
            return true;
        }
        let begun = self.sealings.begun.load(Ordering::Acquire);
        if self.sealings.written.load(Ordering::Acquire) == begun {
            return false;
        }
        let is_writing = self.keyspaces().iter().any(|keyspace| keyspace.sealed_memtable_count() > 0);
        if !is_writing {
            self.sealings.written.store(begun, Ordering::Release);
        }
        is_writing
    }

    fn keyspaces(&self) -> [&Keyspace; 10] {
        [
            &self.records,
            &self.streams,
            &self.names,
            &self.meta,
            &self.aliases,
            &self.expiry,
            &self.relays,
            &self.producers,
            &self.forks,
            &self.garbage,
        ]
    }
}

#[cfg(test)]
mod tests;

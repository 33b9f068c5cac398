//! When what waits in memory is sealed and written to files, and how callers learn that this is going on.
//!
//! The store seals memtables on its worker, which may be merging files for a second: until then memory and journal
//! would grow without a bound. So the writer seals them itself; with four sealed ones the store halts it.

use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{AbstractTree, Keyspace};

use super::Store;

/// Records wait in memory up to this size before they are sorted into a file.
const RECORDS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The other keyspaces hold little; small, so that they do not keep old journals alive.
const OTHER_BYTES_MAX: u64 = 2 * 1024 * 1024;

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
    /// Seals every memtable that is full; their writing goes on in the background. May wait for the journal's flush.
    pub(crate) fn seal_full(&self) -> fjall::Result<()> {
        for keyspace in self.keyspaces() {
            let bytes_max = if keyspace == &self.records { RECORDS_BYTES_MAX } else { OTHER_BYTES_MAX };
            if keyspace.tree.active_memtable().size() >= bytes_max {
                keyspace.rotate_memtable()?;
                self.sealings.begun.fetch_add(1, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    /// Whether a write may have to wait for the store's own work.
    ///
    /// From the moment a memtable is sealed until it is in a file, the store may hold its journal for the length of a
    /// flush; with four sealed or thirty unmerged tables it halts writers altogether.
    pub(crate) fn is_busy(&self) -> bool {
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

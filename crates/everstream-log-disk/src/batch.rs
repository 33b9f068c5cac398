//! Rows on their way into the store, all or none.

use fjall::{Keyspace, OwnedWriteBatch, PersistMode, Slice};

use crate::store::Store;

/// A batch under way, and how large it is.
pub(crate) struct Batch {
    rows: OwnedWriteBatch,
    /// The bytes of its keys and rows.
    pub(crate) bytes: usize,
}

impl Batch {
    pub(crate) fn new(store: &Store) -> Self {
        Self { rows: store.batch(), bytes: 0 }
    }

    pub(crate) fn insert(&mut self, keyspace: &Keyspace, key: &[u8], row: impl Into<Slice>) {
        let row: Slice = row.into();
        self.bytes = self.bytes.saturating_add(key.len() + row.len());
        self.rows.insert(keyspace, key, row);
    }

    pub(crate) fn remove(&mut self, keyspace: &Keyspace, key: &[u8]) {
        self.bytes = self.bytes.saturating_add(key.len());
        self.rows.remove(keyspace, key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Visible to readers once this returns, and as durable as `mode` says.
    pub(crate) fn commit(self, mode: Option<PersistMode>) -> fjall::Result<()> {
        self.rows.durability(mode).commit()
    }
}

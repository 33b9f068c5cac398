//! Changes that are written in one batch and acknowledged together.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use everstream_log::{Alias, Fork, StreamKey, StreamName};
use fjall::{Keyspace, OwnedWriteBatch};

use crate::change::Change;
use crate::store::Store;
use crate::tail::Tail;

/// A batch under way and what it is about to change.
///
/// At most one change per name, alias and stream, so that each is checked against what the store has.
pub(crate) struct Group {
    pub(crate) batch: OwnedWriteBatch,
    /// The streams it appends to and where they end then; nothing for a stream that it deletes or touches.
    pub(crate) streams: HashMap<StreamKey, Option<Tail>>,
    names: HashSet<StreamName>,
    aliases: HashSet<Alias>,
    /// The bytes of its keys and rows.
    pub(crate) bytes: usize,
    /// Whether streams came or went.
    pub(crate) counts: bool,
    /// Whether it makes forks.
    pub(crate) forks_made: bool,
    /// Whether it deletes streams that have forks or are some.
    pub(crate) forks_deleted: bool,
    /// Whether records are left to be reclaimed.
    pub(crate) garbage: bool,
}

impl Group {
    /// A group takes no further change once its rows reach so many bytes.
    const BYTES_MAX: usize = 4 * 1024 * 1024;

    pub(crate) fn new(store: &Store) -> Self {
        Self {
            batch: store.batch(),
            streams: HashMap::new(),
            names: HashSet::new(),
            aliases: HashSet::new(),
            bytes: 0,
            counts: false,
            forks_made: false,
            forks_deleted: false,
            garbage: false,
        }
    }

    /// Whether `change` has to wait for the next group.
    pub(crate) fn refuses(&self, change: &Change) -> bool {
        if self.bytes >= Self::BYTES_MAX {
            return true;
        }
        match change {
            Change::Create(create) => {
                let alias = create.settings.alias.as_ref();
                // Its source must be as the store has it: there, not deleted, with all its records.
                let is_source_changing = |fork: &Fork| self.forks_deleted || self.streams.contains_key(&fork.source);
                create.fork.as_ref().is_some_and(is_source_changing)
                    || self.names.contains(&create.name)
                    || alias.is_some_and(|alias| self.aliases.contains(alias))
            }
            Change::Commit(entries) => entries.iter().any(|entry| self.streams.contains_key(&entry.stream)),
            Change::Touch(stream, _) => self.streams.contains_key(stream),
            // Whether a stream has forks, and what goes with its last one, is asked of the store.
            Change::Delete(name, stream) => {
                self.forks_made || self.forks_deleted || self.streams.contains_key(stream) || self.names.contains(name)
            }
        }
    }

    pub(crate) fn claim(&mut self, name: &StreamName, alias: Option<&Alias>) {
        self.names.insert(name.clone());
        if let Some(alias) = alias {
            self.aliases.insert(alias.clone());
        }
    }

    pub(crate) fn insert(&mut self, keyspace: &Keyspace, key: &[u8], row: impl Into<Bytes>) {
        let row = row.into();
        self.bytes = self.bytes.saturating_add(key.len() + row.len());
        self.batch.insert(keyspace, key, row);
    }

    pub(crate) fn remove(&mut self, keyspace: &Keyspace, key: &[u8]) {
        self.batch.remove(keyspace, key);
    }
}

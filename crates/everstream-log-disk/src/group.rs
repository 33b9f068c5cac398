//! Changes that are acknowledged together: appends go to the journal in one frame, all else to the store in one batch.

use std::collections::HashSet;

use everstream_log::{Alias, Entry, Fork, StreamKey, StreamName};

use crate::batch::Batch;
use crate::change::Change;
use crate::store::Store;
use crate::stream_map::StreamMap;
use crate::tail::Tail;

/// What is about to be written and what it is about to change.
///
/// At most one change per name, alias and stream, so that each is checked against what the store has.
pub(crate) struct Group {
    pub(crate) appends: Vec<Entry>,
    /// Where each of them has its stream end.
    pub(crate) ends: Vec<Tail>,
    /// The bytes of records in them.
    pub(crate) append_bytes: usize,
    pub(crate) batch: Batch,
    /// The streams it makes or appends to and where they end then; nothing for a stream that it deletes or touches.
    pub(crate) streams: StreamMap<Option<Tail>>,
    /// The streams it deletes.
    pub(crate) deleted: Vec<StreamKey>,
    names: HashSet<StreamName>,
    aliases: HashSet<Alias>,
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
    /// A group takes no further change once its records and rows reach so many bytes.
    const BYTES_MAX: usize = 4 * 1024 * 1024;

    pub(crate) fn new(store: &Store) -> Self {
        Self {
            appends: Vec::new(),
            ends: Vec::new(),
            append_bytes: 0,
            batch: Batch::new(store),
            streams: StreamMap::default(),
            deleted: Vec::new(),
            names: HashSet::new(),
            aliases: HashSet::new(),
            counts: false,
            forks_made: false,
            forks_deleted: false,
            garbage: false,
        }
    }

    /// Whether `change` has to wait for the next group.
    pub(crate) fn refuses(&self, change: &Change) -> bool {
        if self.append_bytes + self.batch.bytes >= Self::BYTES_MAX {
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
}

//! What journals hold that is in no table yet: all that a boot has to replay.
//!
//! The store begins a journal anew at 64 MB, of which nearly all is in tables by then; and it replays a journal item by
//! item, with a call to the system and a lookup for each, also for those that it passes over.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use xxhash_rust::xxh3::xxh3_64;

use super::{Cursor, END, Item, START, TRAILER};

/// Up to which sequence number each keyspace, by its number, has everything in its tables. One that is not listed has
/// nothing there.
pub(crate) type Persisted = Vec<(u64, u64)>;

/// A row of a keyspace, or that it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) keyspace: u64,
    pub(crate) key: &'a [u8],
    pub(crate) sequence: u64,
    /// Which of the two, as the store numbers them.
    pub(crate) kind: u8,
    pub(crate) value: &'a [u8],
}

/// A batch takes no further one once it has so many items: few large ones are read faster, but damage takes a whole one.
const ITEMS_MAX: usize = 256;
/// What stands behind a batch's items: mark, checksum, trailer.
const END_BYTES: usize = 1 + 8 + TRAILER.len();

/// Gathers journals, oldest first, and makes one of what no table has.
///
/// Batches keep their order and none is divided; some that follow each other become one. What is left out of them is on
/// the device, so that wherever damage cuts the new journal, the store is as it was at some moment.
#[derive(Debug)]
pub(crate) struct Remnant {
    persisted: Persisted,
    journal: Vec<u8>,
    /// Of the last batch.
    sequence: Option<u64>,
    is_shorter: bool,
}

impl Remnant {
    pub(crate) const fn new(persisted: Persisted) -> Self {
        Self { persisted, journal: Vec::new(), sequence: None, is_shorter: false }
    }

    /// Takes the whole batches at the front of a journal, as a scan has found them.
    pub(crate) fn add(&mut self, batches: &[u8]) {
        let mut gathered = Gathered::default();
        let mut cursor = Cursor { journal: batches, at: 0 };
        while let Some((items, sequence)) = cursor.start() {
            for _ in 0..items {
                let Some(item) = cursor.item() else { return };
                if self.is_persisted(item.keyspace, sequence) {
                    self.is_shorter = true;
                } else {
                    gathered.take(item.keyspace, item.key, item.bytes);
                }
            }
            cursor.take(END_BYTES);
            gathered.sequence = sequence;
            if gathered.items.len() >= ITEMS_MAX {
                self.write(&std::mem::take(&mut gathered));
            }
        }
        self.write(&gathered);
    }

    /// Asked of every item; there are ten keyspaces.
    fn is_persisted(&self, keyspace: u64, sequence: u64) -> bool {
        self.persisted.iter().any(|(number, persisted)| *number == keyspace && sequence <= *persisted)
    }

    /// Whether anything was left out.
    pub(crate) const fn is_shorter(&self) -> bool {
        self.is_shorter
    }

    /// The journal that takes the place of those that were added.
    pub(crate) fn journal(&self) -> &[u8] {
        &self.journal
    }

    /// The last row of each key, in the order of keyspaces and keys.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut cursor = Cursor { journal: &self.journal, at: 0 };
        while let Some((items, sequence)) = cursor.start() {
            rows.extend((0..items).map_while(|_| cursor.item()).map(|item| {
                let Item { keyspace, kind, key, value, .. } = item;
                Row { keyspace, key, sequence, kind, value }
            }));
            cursor.take(END_BYTES);
        }
        rows.sort_unstable_by_key(|row| (row.keyspace, row.key, Reverse(row.sequence)));
        rows.dedup_by_key(|row| (row.keyspace, row.key));
        rows
    }

    fn write(&mut self, gathered: &Gathered<'_>) {
        if gathered.items.is_empty() {
            return;
        }
        // An older journal may be there once more, beside one that has taken its place.
        let least = self.sequence.map_or(0, |last| last.saturating_add(1));
        let sequence = gathered.sequence.max(least);
        self.sequence = Some(sequence);
        self.journal.push(START);
        self.journal.extend(u32::try_from(gathered.items.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.journal.extend(sequence.to_le_bytes());
        let start = self.journal.len();
        gathered.items.iter().for_each(|item| self.journal.extend_from_slice(item));
        let checksum = xxh3_64(self.journal.get(start..).unwrap_or_default());
        self.journal.push(END);
        self.journal.extend(checksum.to_le_bytes());
        self.journal.extend(TRAILER);
    }
}

/// Batches that become one. It has one sequence number, so that of each key only the last row counts.
#[derive(Default)]
struct Gathered<'a> {
    sequence: u64,
    items: Vec<&'a [u8]>,
    places: HashMap<(u64, &'a [u8]), usize>,
}

impl<'a> Gathered<'a> {
    fn take(&mut self, keyspace: u64, key: &'a [u8], item: &'a [u8]) {
        match self.places.entry((keyspace, key)) {
            Entry::Vacant(free) => {
                free.insert(self.items.len());
                self.items.push(item);
            }
            Entry::Occupied(taken) => self.items.get_mut(*taken.get()).into_iter().for_each(|before| *before = item),
        }
    }
}

#[cfg(test)]
mod tests;

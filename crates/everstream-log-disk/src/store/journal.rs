//! Reads the store's journals before the store does, to find where their whole batches end, and what in them is needed.
//!
//! The store truncates a torn end without a word, refuses to open on a wrong checksum, and stops silently at a damaged
//! mark in the middle. Here the end of the last whole batch is found first, so that all three are one case: cut there,
//! keep what was cut, say so.
//!
//! A batch as fjall 3 writes it (integers little-endian), with the journal's compression off; the item that clears a
//! keyspace is not used:
//!
//! ```text
//! 1 | items u32 | sequence number u64
//! 2 | value type u8 | 0 (no compression) | keyspace u64 | key length u16 | value length u32 | the same u32 | key | value
//! 3 | xxh3 of all items u64 | "FJL" 3
//! ```

mod file;
mod remnant;

use xxhash_rust::xxh3::xxh3_64;

pub(crate) use file::read;
pub(crate) use remnant::{Persisted, Remnant, Row};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const TRAILER: [u8; 4] = *b"FJL\x03";
/// The sequence number has no checksum; a step beyond this is a flipped bit.
const SEQUENCE_STEP_MAX: u64 = 1 << 40;

/// Where a journal's whole batches end, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The length of the whole batches at its front, in bytes.
    pub(crate) whole_bytes: u64,
    /// How many they are.
    pub(crate) batches: u64,
    /// What follows them, without the zeros that a journal is made with.
    pub(crate) torn_bytes: u64,
    /// Whole batches that lie behind the damage.
    pub(crate) batches_behind: u64,
}

/// Finds the whole batches of a journal that is read piece by piece.
#[derive(Debug, Default)]
struct Scanner {
    whole_bytes: u64,
    batches: u64,
    /// Of the last whole batch.
    sequence: Option<u64>,
}

impl Scanner {
    /// The length of the whole batches at the front of `piece`, which begins where those found before end.
    fn whole(&mut self, piece: &[u8]) -> usize {
        let mut whole = 0;
        while let Some(batch) = batch_at(piece, whole).filter(|batch| follows(self.sequence, batch.sequence)) {
            whole = batch.end;
            self.sequence = Some(batch.sequence);
            self.batches += 1;
        }
        self.whole_bytes += whole as u64;
        whole
    }

    /// What was found, if `rest` is all that follows.
    fn end(&self, rest: &[u8]) -> Scan {
        let torn = torn_len(rest);
        let batches_behind = count_batches(rest.get(..torn).unwrap_or_default());
        Scan { whole_bytes: self.whole_bytes, batches: self.batches, torn_bytes: torn as u64, batches_behind }
    }
}

struct Batch {
    sequence: u64,
    end: usize,
}

/// A row, or that it was removed.
struct Item<'a> {
    keyspace: u64,
    /// Which of the two, as the store numbers them.
    kind: u8,
    key: &'a [u8],
    value: &'a [u8],
    /// As it stands in the journal.
    bytes: &'a [u8],
}

fn follows(before: Option<u64>, sequence: u64) -> bool {
    match before {
        None => sequence < 1 << 62,
        Some(before) => sequence > before && sequence - before < SEQUENCE_STEP_MAX,
    }
}

/// The whole batch that starts at `start`.
fn batch_at(journal: &[u8], start: usize) -> Option<Batch> {
    let mut cursor = Cursor { journal, at: start };
    let (items, sequence) = cursor.start()?;
    let items_start = cursor.at;
    for _ in 0..items {
        cursor.item()?;
    }
    let body = journal.get(items_start..cursor.at)?;
    if cursor.byte()? != END {
        return None;
    }
    let checksum = u64::from_le_bytes(cursor.array()?);
    if cursor.array()? != TRAILER || checksum != xxh3_64(body) {
        return None;
    }
    Some(Batch { sequence, end: cursor.at })
}

/// The length of `rest` without the zeros at its end, compared in pieces: they can be 64 MiB.
fn torn_len(rest: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut len = rest.len();
    for piece in rest.rchunks(ZEROS.len()) {
        if ZEROS.get(..piece.len()) != Some(piece) {
            return len - piece.iter().rev().take_while(|byte| **byte == 0).count();
        }
        len -= piece.len();
    }
    0
}

/// Whole batches anywhere in a damaged rest.
fn count_batches(rest: &[u8]) -> u64 {
    let (mut at, mut batches) = (0, 0);
    while at < rest.len() {
        match batch_at(rest, at) {
            Some(batch) => {
                at = batch.end;
                batches += 1;
            }
            None => at += 1,
        }
    }
    batches
}

struct Cursor<'a> {
    journal: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.journal.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// The head of a batch: how many items it has, and its sequence number.
    fn start(&mut self) -> Option<(u32, u64)> {
        if self.byte()? != START {
            return None;
        }
        Some((u32::from_le_bytes(self.array()?), u64::from_le_bytes(self.array()?)))
    }

    fn item(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        if self.byte()? != ITEM {
            return None;
        }
        let [kind, compression] = self.array()?;
        let keyspace = u64::from_le_bytes(self.array()?);
        let key_len = usize::from(u16::from_le_bytes(self.array()?));
        let value_len = u32::from_le_bytes(self.array()?);
        let stored_len = u32::from_le_bytes(self.array()?);
        if compression != 0 || value_len != stored_len {
            return None;
        }
        let key = self.take(key_len)?;
        let value = self.take(usize::try_from(stored_len).ok()?)?;
        Some(Item { keyspace, kind, key, value, bytes: self.journal.get(start..self.at)? })
    }
}

#[cfg(test)]
mod tests;

//! A frame: the entries of one commit, and where they stand.
//!
//! ```text
//! "EVF" 1 | length of the content u32 | xxh3 u64 | content: flags, entries var, each entry
//! ```
//!
//! Integers of the head are little-endian. The checksum is of the content, and its seed of the journal's number, the
//! frame's place in it and the length: a frame of another journal, or one that was moved, does not pass. Flag 1: the
//! journal is synced before a commit is acknowledged.

use bytes::{BufMut as _, Bytes};
use everstream_log::Entry;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::entry;
use crate::wire::{Malformed, Row, put_varint};

const MAGIC: [u8; 4] = *b"EVF\x01";
const HEAD_BYTES: usize = 16;
const SYNCED: u8 = 1;

/// Where a frame begins: in which journal, at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) journal: u64,
    pub(super) position: u64,
}

/// What a journal holds.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The entries of all whole frames at its front, in order.
    pub(crate) entries: Vec<Entry>,
    /// Whether one of those frames was synced before it was acknowledged.
    pub(crate) is_synced: bool,
    /// The length of those frames, in bytes.
    pub(crate) whole_bytes: u64,
    /// What follows them, without the zeros that a journal may have been made with.
    pub(crate) torn: Bytes,
    /// Whole frames that lie behind the damage.
    pub(crate) frames_behind: u64,
}

/// Writes a frame into `buffer`, which is cleared first.
pub(super) fn ser(buffer: &mut Vec<u8>, place: Place, is_synced: bool, entries: &[Entry]) {
    buffer.clear();
    buffer.resize(HEAD_BYTES, 0);
    buffer.push(if is_synced { SYNCED } else { 0 });
    put_varint(buffer, entries.len() as u64);
    entries.iter().for_each(|entry| entry::put(buffer, entry));
    let Some((head, content)) = buffer.split_first_chunk_mut::<HEAD_BYTES>() else { return };
    // What would be longer is refused before: `Journal::append` checks it.
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    *head = head_of(place, len, content);
}

fn head_of(place: Place, len: u32, content: &[u8]) -> [u8; HEAD_BYTES] {
    let mut seed = [0; 20];
    let mut rest = seed.as_mut_slice();
    rest.put_u64_le(place.journal);
    rest.put_u64_le(place.position);
    rest.put_u32_le(len);
    let checksum = xxh3_64_with_seed(content, xxh3_64(&seed));
    let mut head = [0; HEAD_BYTES];
    let mut rest = head.as_mut_slice();
    rest.put_slice(&MAGIC);
    rest.put_u32_le(len);
    rest.put_u64_le(checksum);
    head
}

/// Scans a whole journal.
pub(crate) fn scan(number: u64, journal: &Bytes) -> Scan {
    let (mut whole, mut entries, mut is_synced) = (0, Vec::new(), false);
    while let Some(frame) = frame_at(number, journal, whole) {
        whole = frame.end;
        entries.extend(frame.entries);
        is_synced |= frame.is_synced;
    }
    let end = journal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let torn = journal.slice(whole..end.max(whole));
    let (mut behind, mut frames_behind) = (whole, 0);
    while let Some(at) = next_magic(journal.get(..end).unwrap_or_default(), behind) {
        match frame_at(number, journal, at) {
            Some(frame) => {
                behind = frame.end;
                frames_behind += 1;
            }
            None => behind = at + 1,
        }
    }
    Scan { entries, is_synced, whole_bytes: whole as u64, torn, frames_behind }
}

/// Where the next frame could begin, at or after `from`.
fn next_magic(journal: &[u8], from: usize) -> Option<usize> {
    let rest = journal.get(from..)?;
    rest.windows(MAGIC.len()).position(|window| window == MAGIC).map(|place| from + place)
}

struct Frame {
    entries: Vec<Entry>,
    is_synced: bool,
    end: usize,
}

/// The whole frame that starts at `start`.
fn frame_at(number: u64, journal: &Bytes, start: usize) -> Option<Frame> {
    let (head, rest) = journal.get(start..)?.split_first_chunk::<HEAD_BYTES>()?;
    let [a, b, c, d] = *head.get(4..8)?.first_chunk::<4>()?;
    let len = u32::from_le_bytes([a, b, c, d]);
    let content = rest.get(..usize::try_from(len).ok()?)?;
    let place = Place { journal: number, position: start as u64 };
    if *head != head_of(place, len, content) {
        return None;
    }
    let end = start + HEAD_BYTES + content.len();
    let (is_synced, entries) = deser(journal.slice(start + HEAD_BYTES..end)).ok()?;
    Some(Frame { entries, is_synced, end })
}

fn deser(content: Bytes) -> Result<(bool, Vec<Entry>), Malformed> {
    let mut content = Row::new(content);
    let flags = content.byte()?;
    if flags & !SYNCED != 0 {
        return Err(Malformed);
    }
    let mut entries = Vec::new();
    for _ in 0..content.varint()? {
        entries.push(entry::take(&mut content)?);
    }
    content.end()?;
    Ok((flags & SYNCED != 0, entries))
}

#[cfg(test)]
mod tests;

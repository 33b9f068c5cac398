//! The journals of appends: what is in them and not in the store is brought there, and the journals go.

use std::path::Path;

use everstream_log::{Entry, Error, ErrorKind, StreamKey};
use fjall::PersistMode;

use super::{Recovery, damaged_before_its_end, failed, keep};
use crate::batch::Batch;
use crate::directory::Directory;
use crate::failure::describe;
use crate::fold::fold_all;
use crate::journal::{Scan, list, read, scan, sync_names};
use crate::keyspace::stream_key;
use crate::store::Store;
use crate::stream_map::StreamMap;
use crate::tail::Tail;

/// Folds what the journals hold into the store, so that the store alone is what the engine begins with.
///
/// An entry before its stream's tail is in the store already, one at the tail is what is looked for. One behind it has
/// lost those before it, and is dropped; so is one of a stream that is gone.
///
/// A power cut can damage any journal that was not synced; one that was is damaged at its end only, and only if it is
/// the newest with anything in it.
///
/// # Errors
/// `Unusable` when a synced journal is damaged before the end of the log: cutting it would leave a hole. `Storage` when a
/// journal cannot be read, or the store not be written.
pub(crate) fn recover_appends(directory: &Directory, store: &Store) -> Result<Recovery, Error> {
    let place = directory.journal();
    let journals = list(&place).map_err(|error| failed(&place, error))?;
    let mut recovery = Recovery::default();
    let mut torn_before = None;
    for (number, path) in &journals {
        let bytes = read(path).map_err(|error| failed(path, error))?;
        let found = scan(*number, &bytes);
        if let Some(torn) = torn_before.take_if(|_| found.is_synced) {
            return Err(damaged_before_its_end(torn));
        }
        if !found.torn.is_empty() {
            torn_before = Some(path);
            cut(&mut recovery, *number, path, &found, &directory.damaged()).map_err(|error| failed(path, error))?;
        }
        recovery.appends_dropped += replay(store, found.entries)?;
        fold_all(store, None).map_err(|error| unfolded(&error))?;
    }
    if journals.is_empty() {
        return Ok(recovery);
    }
    if recovery.appends_dropped > 0 {
        let dropped = recovery.appends_dropped;
        tracing::warn!(appends_dropped = dropped, "appends were dropped, since what came before them is missing");
    }
    // Nothing is built upon bytes that the kernel shows and the device may not have.
    store.persist(PersistMode::SyncAll).map_err(|error| unfolded(&error))?;
    for (_, path) in &journals {
        std::fs::remove_file(path).map_err(|error| failed(path, error))?;
    }
    // So that none of them comes back at a power cut, beside what is appended from now on.
    sync_names(&place).map_err(|error| failed(&place, error))?;
    Ok(recovery)
}

fn cut(recovery: &mut Recovery, number: u64, path: &Path, found: &Scan, damaged: &Path) -> std::io::Result<()> {
    let kept_in = keep(damaged, &format!("appends-{number}-at-{}.bin", found.whole_bytes), &found.torn)?;
    recovery.note_cut(path, found.torn.len() as u64, found.frames_behind, kept_in);
    Ok(())
}

/// Makes pending what is not in the store. Returns how many entries have lost those before them.
fn replay(store: &Store, entries: Vec<Entry>) -> Result<u64, Error> {
    let mut tails: StreamMap<Option<Tail>> = StreamMap::default();
    let mut dropped = 0;
    let mut batch = Batch::new(store);
    for entry in entries {
        let stream = entry.stream;
        let before = match tails.get(&stream) {
            Some(known) => *known,
            None => living_tail(store, stream)?,
        };
        let after = match before {
            Some(before) if entry.first > before.next => {
                dropped += 1;
                Some(before)
            }
            Some(before) if entry.first == before.next && !before.is_closed => Some(apply(store, entry, before)?),
            // In the store by now, or of a stream that is gone.
            other => {
                // A fold brings the close first, and then this.
                if entry.closure.is_some() {
                    batch.remove(&store.relays, &stream_key(stream));
                }
                other
            }
        };
        tails.insert(stream, after);
    }
    batch.commit(None).map_err(|error| unfolded(&error))?;
    Ok(dropped)
}

fn apply(store: &Store, entry: Entry, before: Tail) -> Result<Tail, Error> {
    let mut after = before.behind(&entry);
    let producer = entry.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref());
    if let Some(mark) = producer
        && !store.knows_producer(entry.stream, &mark.id)?
    {
        after.producers = before.producers.saturating_add(1);
    }
    store.pending.apply(&[entry], &[after]);
    Ok(after)
}

/// Nothing when the stream is gone.
fn living_tail(store: &Store, stream: StreamKey) -> Result<Option<Tail>, Error> {
    match Tail::load(store, stream) {
        Ok(tail) => Ok(Some(tail)),
        Err(error) if error.kind() == ErrorKind::StreamNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unfolded(error: &fjall::Error) -> Error {
    let said = format!("what the journals hold could not be brought into the store ({})", describe(error));
    Error::new(ErrorKind::Storage, said)
}

//! Folding: what is pending becomes long rows of the store. It changes nothing that a reader sees.
//!
//! The rows of a stream are one batch, or in one table, so that a fold of it is there after a crash or is not.

mod batch;
mod pace;
mod table;

use everstream_log::StreamKey;
use fjall::PersistMode;

use crate::batch::Batch;
use crate::pending::PendingStream;
use crate::store::Store;

pub(crate) use batch::stage;
pub(crate) use pace::Pace;

/// Streams that are folded together, in the order of their numbers.
type Part<'a> = Vec<(StreamKey, &'a PendingStream)>;

/// Folds one stream, now, so that the store alone has it. Returns the bytes written.
pub(crate) fn fold_stream(store: &Store, stream: StreamKey) -> fjall::Result<usize> {
    let _order = store.order();
    let mut batch = Batch::new(store);
    store.pending.show(stream, |pending| stage(store, &mut batch, stream, pending));
    let bytes = batch.bytes;
    batch.commit(None)?;
    store.pending.forget(stream);
    Ok(bytes)
}

/// Folds what is set aside, then lets go of it, while appends go on, at their `pace`. What is written is as durable as
/// `mode` says. Not in a caller's thread.
pub(crate) fn fold_aside(store: &Store, mode: Option<PersistMode>, pace: &mut Pace<'_>) -> fjall::Result<()> {
    // Held to the end: what is deleted meanwhile may get rows all the same, and is reclaimed behind this.
    let _folding = store.folding();
    let aside = store.pending.aside();
    let mut streams: Part<'_> = aside.iter().collect();
    streams.sort_unstable_by_key(|(stream, _)| *stream);
    // What publishers said of their order stands beside the records, and has to come with them.
    let (mut in_batches, mut in_table): (Part<'_>, Part<'_>) =
        streams.into_iter().partition(|(_, pending)| pending.sequenced.is_some());
    if !store.is_worth_a_table(in_table.iter().map(|(_, pending)| pending.bytes()).sum()) {
        in_batches.append(&mut in_table);
    }
    batch::fold(store, &in_batches, pace)?;
    table::fold(store, &in_table, pace)?;
    if let Some(mode) = mode {
        store.persist(mode)?;
    }
    store.pending.forget_aside();
    Ok(())
}

/// Folds everything there is, at once.
pub(crate) fn fold_all(store: &Store, mode: Option<PersistMode>) -> fjall::Result<()> {
    fold_aside(store, None, &mut Pace::at_once())?;
    store.pending.set_aside();
    fold_aside(store, mode, &mut Pace::at_once())
}

#[cfg(test)]
mod tests;

//! Folding: what is pending becomes long rows of the store. It changes nothing that a reader sees.
//!
//! The rows of a stream are one batch, so that a fold of it is there after a crash or is not.

use everstream_log::StreamKey;
use fjall::PersistMode;

use crate::batch::Batch;
use crate::keyspace::{producer, record, stream_key};
use crate::pending::PendingStream;
use crate::store::Store;

/// A batch takes no further stream once its rows reach so many bytes: whoever makes or deletes a stream waits for one
/// batch at most.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Puts the rows of a stream's pending appends into `batch`.
pub(crate) fn stage(store: &Store, batch: &mut Batch, stream: StreamKey, pending: &PendingStream) {
    let mut closure = pending.closure.as_ref();
    for (behind, row) in (0..pending.rows.len()).rev().zip(&pending.rows) {
        let closure = if behind == 0 { closure.take() } else { None };
        let run = record::ser(row.bytes_before, &row.marks, &row.data, closure);
        batch.insert(&store.records, &record::key(stream, row.first), run);
    }
    if let Some(closure) = closure {
        // No record came with it.
        let run = record::ser(pending.tail.bytes, &[], &[], Some(closure));
        batch.insert(&store.records, &record::key(stream, pending.tail.next), run);
    }
    if pending.tail.is_closed && pending.tail.is_relay {
        batch.remove(&store.relays, &stream_key(stream));
    }
    let Some(sequenced) = &pending.sequenced else { return };
    for (id, state) in &sequenced.producers {
        batch.insert(&store.producers, &producer::producer_key(stream, id), producer::ser_state(*state));
    }
    if !sequenced.producers.is_empty() {
        batch.insert(&store.producers, &producer::count_key(stream), producer::ser_count(pending.tail.producers));
    }
    if let Some(seq) = &sequenced.stream_seq {
        batch.insert(&store.producers, &producer::stream_seq_key(stream), producer::ser_stream_seq(seq));
    }
}

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

/// Folds what is set aside, then lets go of it. What is written is as durable as `mode` says. Not in a caller's thread.
pub(crate) fn fold_aside(store: &Store, mode: Option<PersistMode>) -> fjall::Result<()> {
    let streams = store.pending.streams_aside();
    let mut streams = streams.into_iter().peekable();
    while streams.peek().is_some() {
        store.wait_for_room()?;
        {
            // Held for the whole batch: a stream deleted meanwhile must not get rows that nobody reclaims.
            let _order = store.order();
            let mut batch = Batch::new(store);
            while batch.bytes < BATCH_BYTES_MAX
                && let Some(stream) = streams.next()
            {
                store.pending.show_aside(stream, |pending| stage(store, &mut batch, stream, pending));
            }
            batch.commit(None)?;
        }
        store.seal_full()?;
    }
    if let Some(mode) = mode {
        store.persist(mode)?;
    }
    store.pending.forget_aside();
    Ok(())
}

/// Folds everything there is.
pub(crate) fn fold_all(store: &Store, mode: Option<PersistMode>) -> fjall::Result<()> {
    fold_aside(store, None)?;
    store.pending.set_aside();
    fold_aside(store, mode)
}

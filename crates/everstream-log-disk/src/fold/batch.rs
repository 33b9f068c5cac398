//! Folding by batches of the store: into its journal and its memory, as all other changes.

use std::convert::Infallible;

use everstream_log::StreamKey;

use super::{Pace, Part};
use crate::batch::Batch;
use crate::keyspace::{producer, record, stream_key};
use crate::pending::PendingStream;
use crate::store::Store;

/// A batch takes no further stream once its rows reach so many bytes: whoever makes or deletes a stream waits for one
/// batch at most.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Puts the rows of a stream's pending appends into `batch`.
pub(crate) fn stage(store: &Store, batch: &mut Batch, stream: StreamKey, pending: &PendingStream) {
    let Ok(()) = pending.write_rows::<Infallible>(&mut Vec::new(), |first, row| {
        batch.insert(&store.records, &record::key(stream, first), row);
        Ok(())
    });
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

/// Folds `part` of what is set aside.
pub(super) fn fold(store: &Store, part: &Part<'_>, pace: &mut Pace<'_>) -> fjall::Result<()> {
    let mut streams = part.iter().peekable();
    while streams.peek().is_some() {
        store.wait_for_room()?;
        let bytes = {
            // Held for the whole batch: a stream deleted meanwhile must not get rows that nobody reclaims.
            let _order = store.order();
            let mut batch = Batch::new(store);
            while batch.bytes < BATCH_BYTES_MAX
                && let Some((stream, pending)) = streams.next()
            {
                if !store.pending.is_gone(*stream) {
                    stage(store, &mut batch, *stream, pending);
                }
            }
            let bytes = batch.bytes;
            batch.commit(None)?;
            bytes
        };
        store.seal_full()?;
        pace.step(bytes);
    }
    Ok(())
}

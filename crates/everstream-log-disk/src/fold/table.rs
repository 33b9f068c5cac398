//! Folding into a table: the rows go to a sorted file of their own, past the store's journal and memory.
//!
//! For much at once that is what costs least: each byte is written once, and nothing of it stays in memory. The file is
//! on the device, with its name, before anybody sees it.

use fjall::PersistMode;

use super::{Pace, Part};
use crate::batch::Batch;
use crate::keyspace::{record, stream_key};
use crate::store::Store;

/// Folds `part` of what is set aside, none of it with anything but records and the close.
pub(super) fn fold(store: &Store, part: &Part<'_>, pace: &mut Pace<'_>) -> fjall::Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    store.wait_for_merges()?;
    let mut rows = store.records.start_ingestion()?;
    let gone = store.pending.gone();
    let mut row = Vec::new();
    // One that goes from now on is reclaimed behind this fold.
    for (stream, pending) in part.iter().filter(|(stream, _)| !gone.contains(stream)) {
        pending.write_rows(&mut row, |first, row| {
            pace.step(row.len());
            rows.write(record::key(*stream, first), row)
        })?;
    }
    store.while_placing(|| {
        // The table puts on the device, before it, the rows of records that the store has in memory. What was written
        // with either, a producer's state or the stream itself, has to be there by then, and nothing may come between.
        let _order = store.order();
        store.persist(PersistMode::SyncAll)?;
        rows.finish()
    })?;
    // Behind the rows: one that is listed as open and has its close is passed over, one that is not listed and has none
    // would stay open for ever.
    let mut batch = Batch::new(store);
    for (stream, pending) in part {
        if pending.tail.is_closed && pending.tail.is_relay {
            batch.remove(&store.relays, &stream_key(*stream));
        }
    }
    store.wait_for_room()?;
    batch.commit(None)
}

//! Gives back the space of deleted streams, in slices, so that writers in between wait for one slice at most.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use everstream_log::{Error, Offset, StreamKey};
use fjall::OwnedWriteBatch;

use crate::failure::{Refusal, unreadable};
use crate::keyspace::garbage::{self, Garbage};
use crate::keyspace::{producer, record};
use crate::store::Store;
use crate::wire;

/// Rows removed in one batch.
const SLICE_ROWS: usize = 256;

/// Wakes the reclaiming thread; it ends once every one of these is gone. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reclaimer(SyncSender<()>);

impl Reclaimer {
    /// Starts the thread, which begins with what an earlier process left.
    pub(crate) fn start(store: Arc<Store>, refusal: Arc<Refusal>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (waker, woken) = sync_channel(1);
        let _ = waker.try_send(());
        let thread = std::thread::Builder::new()
            .name("everstream-reclaim".to_owned())
            .spawn(move || run(&store, &refusal, &woken))?;
        Ok((Self(waker), thread))
    }

    /// Says that there is garbage. Never waits: a wake-up that is already there will find this garbage too.
    pub(crate) fn wake(&self) {
        let _ = self.0.try_send(());
    }
}

fn run(store: &Store, refusal: &Refusal, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = reclaim_all(store, refusal, woken) {
            tracing::warn!(%error, "the space of deleted streams is not reclaimed for now");
        }
    }
}

/// Stops between two slices when the log is being closed; the next opening goes on.
fn reclaim_all(store: &Store, refusal: &Refusal, woken: &Receiver<()>) -> Result<(), Error> {
    for guard in store.garbage.iter() {
        let garbage = garbage::deser_key(wire::share(guard.key().map_err(unreadable)?))?;
        let mut from = match garbage {
            Garbage::Stream(_) => Offset::ZERO,
            Garbage::Behind(_, offset) => offset,
        };
        while let Some(next) = reclaim_slice(store, refusal, garbage, from)? {
            from = next;
            if woken.try_recv() == Err(TryRecvError::Disconnected) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Removes the next rows of some garbage, its records and then its producers, or the garbage itself when none is left.
/// Says where to go on.
///
/// Rows before the offset of [`Garbage::Behind`] stay, the one that reaches beyond it among them: forks read them.
fn reclaim_slice(store: &Store, refusal: &Refusal, garbage: Garbage, from: Offset) -> Result<Option<Offset>, Error> {
    refusal.check()?;
    // A fold that began before the stream was deleted may still bring rows of it.
    let _folding = store.folding();
    let (Garbage::Stream(stream) | Garbage::Behind(stream, _)) = garbage;
    let mut batch = store.batch();
    let mut last = None;
    let range = record::key(stream, from)..=record::key(stream, Offset(u64::MAX));
    for guard in store.records.range(range).take(SLICE_ROWS) {
        let key = guard.key().map_err(unreadable)?;
        let (_, offset) = record::deser_key(wire::share(key.clone()))?;
        last = Some(offset);
        batch.remove(&store.records, key);
    }
    if last.is_none() && !reclaim_producers(store, stream, &mut batch)? {
        batch.remove(&store.garbage, garbage::key(garbage));
        store.wait_for_room().and_then(|()| batch.commit()).map_err(|error| refusal.begin(&error))?;
        return Ok(None);
    }
    store.wait_for_room().and_then(|()| batch.commit()).map_err(|error| refusal.begin(&error))?;
    Ok(Some(last.map_or(from, |offset| offset.plus(1))))
}

/// Puts the removal of the next producers into `batch`; whether there were any.
fn reclaim_producers(store: &Store, stream: StreamKey, batch: &mut OwnedWriteBatch) -> Result<bool, Error> {
    let (first, end) = producer::keys_of(stream);
    let mut any = false;
    for guard in store.producers.range(first..end).take(SLICE_ROWS) {
        batch.remove(&store.producers, guard.key().map_err(unreadable)?);
        any = true;
    }
    Ok(any)
}

#[cfg(test)]
mod tests;

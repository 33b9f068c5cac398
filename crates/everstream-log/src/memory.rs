//! The engine that keeps everything in this process: the reference of the contract, and the oracle in other engines' tests.
//!
//! It bounds the number of streams; the hub bounds what one stream holds.

mod fork;
mod state;
mod stream;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Alias, Create, Durability, Entry, Error, Health, Log, LogFuture, MakeOfRecords, Offset, ProducerId, ProducerState,
    ReadLimit, Record, RecordRun, StreamHead, StreamKey, StreamName, Timestamp, Tombstone,
};

use state::State;

/// A log that lives and dies with its process ([`Durability::Memory`]).
///
/// Every method does its work in one poll and never waits, so that a future dropped after its first poll has taken effect.
#[derive(Debug)]
pub struct MemoryLog {
    state: Mutex<State>,
}

impl MemoryLog {
    /// An empty log that takes `streams_max` streams at a time; one more is refused as `Full`.
    #[must_use]
    pub fn new(streams_max: u64) -> Self {
        Self { state: Mutex::new(State::new(streams_max)) }
    }

    /// The state. A panic elsewhere cannot leave it half changed: every change is checked before its first write.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `call` at the first poll, on whichever thread polls.
    fn run<'a, T, F>(&'a self, call: F) -> LogFuture<'a, T>
    where
        T: Send,
        F: FnOnce(&mut State) -> Result<T, Error> + Send + 'a,
    {
        Box::pin(async move {
            let mut state = self.lock();
            state.check_open()?;
            call(&mut state)
        })
    }
}

impl Log for MemoryLog {
    fn durability(&self) -> Durability {
        Durability::Memory
    }

    fn create(&self, create: Create) -> LogFuture<'_, StreamHead> {
        self.run(move |state| state.create(create))
    }

    fn open<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<StreamHead>> {
        self.run(move |state| Ok(state.open(name)))
    }

    fn tombstone<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<Tombstone>> {
        self.run(move |state| Ok(state.tombstone(name)))
    }

    fn find_alias<'a>(&'a self, alias: &'a Alias) -> LogFuture<'a, Option<StreamName>> {
        self.run(move |state| Ok(state.find_alias(alias)))
    }

    fn commit(&self, entries: Vec<Entry>) -> LogFuture<'_, ()> {
        self.run(move |state| state.commit(entries))
    }

    fn commit_now(&self, entries: &[Entry]) -> Option<Result<(), Error>> {
        let mut state = self.lock();
        Some(state.check_open().and_then(|()| state.commit(entries.to_vec())))
    }

    fn read(&self, stream: StreamKey, from: Offset, limit: ReadLimit) -> LogFuture<'_, Vec<Record>> {
        self.run(move |state| state.read(stream, from, limit))
    }

    fn read_with(&self, stream: StreamKey, from: Offset, limit: ReadLimit, make: MakeOfRecords) -> LogFuture<'_, ()> {
        Box::pin(async move {
            let read = self.run(move |state| {
                let records = state.read(stream, from, limit)?;
                Ok((records, state.stream(stream)?.head.settings.separator))
            });
            // Not under the lock.
            let (records, separator) = read.await?;
            make(RecordRun::of(&records, separator).into_iter().collect());
            Ok(())
        })
    }

    fn producer<'a>(&'a self, stream: StreamKey, id: &'a ProducerId) -> LogFuture<'a, Option<ProducerState>> {
        self.run(move |state| state.producer(stream, id))
    }

    fn entry_end(&self, stream: StreamKey, at: Offset) -> LogFuture<'_, Offset> {
        self.run(move |state| state.entry_end(stream, at))
    }

    fn touch(&self, stream: StreamKey, expires_at: Option<Timestamp>) -> LogFuture<'_, ()> {
        self.run(move |state| state.touch(stream, expires_at))
    }

    fn delete<'a>(&'a self, name: &'a StreamName, stream: StreamKey) -> LogFuture<'a, ()> {
        self.run(move |state| {
            state.delete(name, stream);
            Ok(())
        })
    }

    fn expired(&self, now: Timestamp, limit: usize) -> LogFuture<'_, Vec<StreamName>> {
        self.run(move |state| Ok(state.expired(now, limit)))
    }

    fn open_relays(&self) -> LogFuture<'_, Vec<StreamName>> {
        self.run(move |state| Ok(state.open_relays()))
    }

    fn stream_count(&self) -> u64 {
        self.lock().stream_count()
    }

    fn health(&self) -> Health {
        match self.lock().check_open() {
            Ok(()) => Health::Ready,
            Err(closed) => Health::ReadOnly(closed.to_string()),
        }
    }

    fn close(&self) -> LogFuture<'_, ()> {
        Box::pin(async move {
            self.lock().close();
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;

//! The engine's public face.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use everstream_log::{
    Alias, Create, Durability, Entry, Error, ErrorKind, Health, Log, LogFuture, MakeOfRecords, Offset, ProducerId,
    ProducerState, ReadLimit, Record, StreamHead, StreamKey, StreamName, Timestamp, Tombstone,
};
use tokio::sync::oneshot;

use crate::change::{Change, Changed};
use crate::commit_queue::closed;
use crate::config::DiskConfig;
use crate::directory::Directory;
use crate::engine::{Attempt, Engine};
use crate::failure::Refusal;
use crate::folder::{Folder, Journals};
use crate::recovery::{Recovery, recover_appends, recover_store};
use crate::store::{Store, table_bytes_min};
use crate::writer::{Bounds, Writer};
use crate::{directory, read};

/// A log in a data directory.
///
/// At `memory` and `os` a write runs in the caller's thread, some microseconds; on the engine's thread always at `fsync`,
/// else an append while there is no room for it in memory, and anything else while the store is busy with its files. Lookups and reads of up to 64 KiB run in the caller's
/// thread, longer reads on two threads of the engine.
///
/// Dropping it without [`Log::close`] closes it in the same way and waits for that.
#[derive(Debug)]
pub struct DiskLog {
    engine: Arc<RwLock<Option<Engine>>>,
    refusal: Arc<Refusal>,
    durability: Durability,
    stream_count: Arc<AtomicU64>,
    recovery: Recovery,
}

impl DiskLog {
    /// The format of the data directories this version writes, and the newest it reads.
    pub const FORMAT: u32 = directory::FORMAT;

    /// Opens the log in `config.directory`, making it when there is none. Blocks: it reads the journals of the last
    /// run, which are bounded whatever the history, and folds what is in them.
    ///
    /// # Errors
    /// `Unusable` when the directory is in use, not writable, not Everstream's, of a newer format or damaged beyond its
    /// journal's end; the sentence names it and says what to do. `Storage` when the device fails.
    pub fn open(config: &DiskConfig) -> Result<Self, Error> {
        let mut directory = Directory::claim(&config.directory)?;
        let is_made = directory.is_complete();
        let table_bytes_min = table_bytes_min(config.memtable_bytes_max);
        let recovered = if is_made { recover_store(&directory, table_bytes_min)? } else { Recovery::default() };
        let store = Arc::new(Store::open(&directory.store(), config.cache_bytes_max, config.memtable_bytes_max)?);
        directory.complete()?;
        let recovery = recovered.and(recover_appends(&directory, &store)?);
        let refusal = Arc::new(Refusal::default());
        let journals = Journals {
            directory: directory.journal(),
            durability: config.durability,
            // What is pending takes more room in memory than in the journal.
            prepared_bytes: config.pending_bytes_max,
        };
        let (folder, journal) = Folder::new(journals).map_err(|error| unmade(&directory.journal(), error))?;
        let bounds = Bounds {
            durability: config.durability,
            streams_max: config.streams_max,
            pending_bytes_max: config.pending_bytes_max,
        };
        let writer = Writer::new(Arc::clone(&store), Arc::clone(&refusal), bounds, (folder.clone(), journal))?;
        let stream_count = writer.stream_count();
        let engine = Engine::start(config.durability, store, writer, folder, Arc::clone(&refusal), directory)?;
        Ok(Self {
            engine: Arc::new(RwLock::new(Some(engine))),
            refusal,
            durability: config.durability,
            stream_count,
            recovery,
        })
    }

    /// What this opening had to repair.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Runs `call` while the engine cannot be closed; `call` must not wait.
    fn with<T>(&self, call: impl FnOnce(&Engine) -> T) -> Result<T, Error> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map(call).ok_or_else(closed)
    }

    /// Runs a short read in this thread.
    fn look<T>(&self, read: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        self.with(|engine| read(&engine.store))?
    }

    /// Runs a short read in this thread, a longer one on a thread of the engine.
    async fn read_anywhere<T: Send + 'static>(
        &self,
        limit: ReadLimit,
        read: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if limit.bytes_max <= ReadLimit::SHORT_BYTES_MAX {
            return self.look(read);
        }
        let reads = self.with(|engine| engine.reads.clone())?;
        reads.run(read).await
    }

    async fn change(&self, change: Change) -> Result<Changed, Error> {
        let attempt = self.with(|engine| match engine.try_change(change) {
            Attempt::Made(outcome) => Ok(outcome),
            Attempt::Declined(change) => Err((change, engine.queue.clone())),
        })?;
        match attempt {
            Ok(outcome) => outcome,
            Err((change, queue)) => queue.change(change).await,
        }
    }
}

impl Log for DiskLog {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn create(&self, create: Create) -> LogFuture<'_, StreamHead> {
        let change = Change::Create(Box::new(create));
        Box::pin(async move { self.change(change).await?.into_head() })
    }

    fn open<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<StreamHead>> {
        Box::pin(async move { self.look(|store| read::open(store, name)) })
    }

    fn tombstone<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<Tombstone>> {
        Box::pin(async move { self.look(|store| read::tombstone(store, name)) })
    }

    fn find_alias<'a>(&'a self, alias: &'a Alias) -> LogFuture<'a, Option<StreamName>> {
        Box::pin(async move { self.look(|store| read::find_alias(store, alias)) })
    }

    fn commit(&self, entries: Vec<Entry>) -> LogFuture<'_, ()> {
        Box::pin(async move { self.change(Change::Commit(entries)).await.map(drop) })
    }

    fn commit_now(&self, entries: &[Entry]) -> Option<Result<(), Error>> {
        self.with(|engine| engine.try_append(entries)).unwrap_or_else(|closed| Some(Err(closed)))
    }

    fn read(&self, stream: StreamKey, from: Offset, limit: ReadLimit) -> LogFuture<'_, Vec<Record>> {
        Box::pin(self.read_anywhere(limit, move |store| read::read(store, stream, from, limit)))
    }

    fn read_with(&self, stream: StreamKey, from: Offset, limit: ReadLimit, make: MakeOfRecords) -> LogFuture<'_, ()> {
        Box::pin(self.read_anywhere(limit, move |store| read::read(store, stream, from, limit).map(make)))
    }

    fn producer<'a>(&'a self, stream: StreamKey, id: &'a ProducerId) -> LogFuture<'a, Option<ProducerState>> {
        Box::pin(async move { self.look(|store| read::producer(store, stream, id)) })
    }

    fn entry_end(&self, stream: StreamKey, at: Offset) -> LogFuture<'_, Offset> {
        Box::pin(async move {
            // An entry may be as large as a request.
            let reads = self.with(|engine| engine.reads.clone())?;
            reads.run(move |store| read::entry_end(store, stream, at)).await
        })
    }

    fn touch(&self, stream: StreamKey, expires_at: Option<Timestamp>) -> LogFuture<'_, ()> {
        Box::pin(async move { self.change(Change::Touch(stream, expires_at)).await.map(drop) })
    }

    fn delete<'a>(&'a self, name: &'a StreamName, stream: StreamKey) -> LogFuture<'a, ()> {
        Box::pin(async move { self.change(Change::Delete(name.clone(), stream)).await.map(drop) })
    }

    fn expired(&self, now: Timestamp, limit: usize) -> LogFuture<'_, Vec<StreamName>> {
        Box::pin(async move {
            let reads = self.with(|engine| engine.reads.clone())?;
            reads.run(move |store| read::expired(store, now, limit)).await
        })
    }

    fn open_relays(&self) -> LogFuture<'_, Vec<StreamName>> {
        Box::pin(async move {
            let reads = self.with(|engine| engine.reads.clone())?;
            reads.run(read::open_relays).await
        })
    }

    fn stream_count(&self) -> u64 {
        self.stream_count.load(Ordering::Acquire)
    }

    fn health(&self) -> Health {
        match self.with(|_| self.refusal.health()) {
            Ok(health) => health,
            Err(closed) => Health::ReadOnly(closed.to_string()),
        }
    }

    fn close(&self) -> LogFuture<'_, ()> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let engine = Arc::clone(&self.engine);
            std::thread::Builder::new()
                .name("everstream-close".to_owned())
                .spawn(move || {
                    let _ = answer.send(shut_down(&engine));
                })
                .map_err(|error| Error::new(ErrorKind::Storage, "no thread to close the log with").caused_by(error))?;
            answered.await.unwrap_or_else(|_| Err(closed()))
        })
    }
}

fn unmade(directory: &Path, error: std::io::Error) -> Error {
    let said = format!(
        "no journal can be made in {} ({error}): free space or repair the device, then start again",
        directory.display()
    );
    Error::new(ErrorKind::Unusable, said).caused_by(error)
}

/// Waits for calls in other threads, then ends the engine; fine when it has ended already.
fn shut_down(engine: &RwLock<Option<Engine>>) -> Result<(), Error> {
    let engine = engine.write().unwrap_or_else(PoisonError::into_inner).take();
    engine.map_or(Ok(()), Engine::shut_down)
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        let engine = Arc::clone(&self.engine);
        // On a thread of its own: the end of the queues must not block a runtime's thread in the runtime's eyes.
        let ending = std::thread::spawn(move || shut_down(&engine));
        if let Ok(Err(error)) = ending.join() {
            tracing::error!(%error, "the log was not closed in order");
        }
    }
}

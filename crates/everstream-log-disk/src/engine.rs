//! Everything that has to go when the log is closed: the store, the threads and the claim on the directory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use everstream_log::{Durability, Entry, Error, ErrorKind};

use crate::change::{Change, Changed};
use crate::commit_queue::CommitQueue;
use crate::directory::Directory;
use crate::failure::{Refusal, describe};
use crate::folder::Folder;
use crate::read_pool::ReadPool;
use crate::reclaim::Reclaimer;
use crate::store::Store;
use crate::writer::Writer;

/// How often a caller looks again for a writer that another caller has, before it queues: a commit takes a few
/// microseconds, a wake-up of another thread more.
const SPINS_MAX: usize = 200;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Arc<Store>,
    durability: Durability,
    writer: Arc<Mutex<Writer>>,
    pub(crate) queue: CommitQueue,
    pub(crate) reads: ReadPool,
    reclaimer: Reclaimer,
    folder: Folder,
    threads: Vec<JoinHandle<()>>,
    refusal: Arc<Refusal>,
    directory: Directory,
}

/// What became of a change in the caller's thread.
pub(crate) enum Attempt {
    Made(Result<Changed, Error>),
    /// It may have to wait: the writing thread shall make it.
    Declined(Change),
}

impl Engine {
    pub(crate) fn start(
        durability: Durability,
        store: Arc<Store>,
        writer: Writer,
        folder: Folder,
        refusal: Arc<Refusal>,
        directory: Directory,
    ) -> Result<Self, Error> {
        let no_thread = |error: std::io::Error| {
            Error::new(ErrorKind::Unusable, "a thread of the log could not be started").caused_by(error)
        };
        let writer = Arc::new(Mutex::new(writer));
        let (reclaimer, reclaiming) = Reclaimer::start(Arc::clone(&store), Arc::clone(&refusal)).map_err(no_thread)?;
        let (queue, committing) =
            CommitQueue::start(Arc::clone(&writer), Arc::clone(&store), reclaimer.clone()).map_err(no_thread)?;
        let folding = folder.start(Arc::clone(&store), Arc::clone(&refusal)).map_err(no_thread)?;
        let (reads, mut threads) = ReadPool::start(&store).map_err(no_thread)?;
        threads.extend([reclaiming, committing, folding]);
        Ok(Self { store, durability, writer, queue, reads, reclaimer, folder, threads, refusal, directory })
    }

    /// Appends `entries` in this thread when that takes microseconds: never with a flush to the device, nor while another
    /// caller does not give way or there is no room in memory for them. They touch nothing but the journal and memory,
    /// whatever the store does.
    pub(crate) fn try_append(&self, entries: &[Entry]) -> Option<Result<(), Error>> {
        let mut writer = self.try_writer()?;
        (!writer.must_wait()).then(|| writer.append(entries))
    }

    /// The same of any change; of one that is no append not while the store is busy with its own files, either.
    pub(crate) fn try_change(&self, change: Change) -> Attempt {
        if let Change::Commit(entries) = &change {
            return match self.try_append(entries) {
                Some(appended) => Attempt::Made(appended.map(|()| Changed::Done)),
                None => Attempt::Declined(change),
            };
        }
        if self.store.is_busy() {
            return Attempt::Declined(change);
        }
        match self.try_writer() {
            Some(mut writer) if !writer.is_weighing_due() => Attempt::Made(self.change(&mut writer, change)),
            _ => Attempt::Declined(change),
        }
    }

    /// The writer, if a write in this thread is none of the device's and nobody else keeps the writer for long.
    fn try_writer(&self) -> Option<MutexGuard<'_, Writer>> {
        if self.durability == Durability::Fsync {
            return None;
        }
        for _ in 0..SPINS_MAX {
            match self.writer.try_lock() {
                Ok(writer) => return Some(writer),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        None
    }

    fn change(&self, writer: &mut Writer, change: Change) -> Result<Changed, Error> {
        let mut group = writer.group();
        let changed = writer.stage(&mut group, change)?;
        let garbage = group.garbage;
        writer.commit(group)?;
        if garbage {
            self.reclaimer.wake();
        }
        Ok(changed)
    }

    /// Answers what waits, ends the threads, flushes to the device and lets go of the directory. Blocks.
    pub(crate) fn shut_down(self) -> Result<(), Error> {
        let Self { store, writer, queue, reads, reclaimer, folder, threads, refusal, mut directory, .. } = self;
        queue.stop();
        reads.stop();
        drop(reclaimer);
        folder.stop();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the log panicked");
            }
        }
        // Whoever has the writer finishes first.
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = match refusal.check() {
            Err(_) => folder.keep(&store),
            Ok(()) => writer.finish(),
        };
        drop(writer);
        drop(store);
        if ended.is_ok() && refusal.check().is_ok() {
            directory.settle();
        }
        drop(directory);
        ended.map_err(|error| {
            let said = format!("the log could not be flushed to the device at its end ({})", describe(&error));
            Error::new(ErrorKind::Storage, said).caused_by(error)
        })
    }
}

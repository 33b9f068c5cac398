//! A log that fails when told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use everstream_log::{
    Alias, Create, Durability, Entry, Error, ErrorKind, Health, Log, LogFuture, MakeOfRecords, Offset, ProducerId,
    ProducerState, ReadLimit, Record, StreamHead, StreamKey, StreamName, Timestamp, Tombstone,
};
use tokio::sync::watch;

/// Wraps an engine and breaks it on demand, as disks do: a failed commit makes it refuse writes from then on, an
/// acknowledgement can be held back although the bytes are already there, and reads can fail.
#[derive(Debug)]
pub struct FaultyLog {
    inner: Arc<dyn Log>,
    commits_until_failure: Mutex<Option<u64>>,
    is_read_only: AtomicBool,
    reads_fail: AtomicBool,
    acks: watch::Sender<Acks>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Acks {
    is_held: bool,
    waiting: usize,
}

impl FaultyLog {
    /// A log that does what `inner` does until it is told otherwise.
    #[must_use]
    pub fn over(inner: Arc<dyn Log>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            commits_until_failure: Mutex::new(None),
            is_read_only: AtomicBool::new(false),
            reads_fail: AtomicBool::new(false),
            acks: watch::Sender::new(Acks::default()),
        })
    }

    /// Fails the `nth` commit from now (1 is the next one) without effect; after it every write is refused.
    pub fn fail_commit(&self, nth: u64) {
        *self.commits_until_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(nth);
    }

    /// Lets reads fail, or work again.
    pub fn fail_reads(&self, fail: bool) {
        self.reads_fail.store(fail, Ordering::SeqCst);
    }

    /// Holds back every acknowledgement from now on: a commit takes effect in the log, but does not return.
    pub fn hold_acks(&self) {
        self.acks.send_modify(|acks| acks.is_held = true);
    }

    /// Returns what was held back, and holds nothing more.
    pub fn release_acks(&self) {
        self.acks.send_modify(|acks| acks.is_held = false);
    }

    /// Waits until `count` commits are held back.
    ///
    /// # Cancel safety
    /// Can be dropped at any point.
    pub async fn until_waiting(&self, count: usize) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.acks.subscribe().wait_for(|acks| acks.waiting >= count).await;
    }

    fn admit_write(&self) -> Result<(), Error> {
        match self.is_read_only.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::ReadOnly, "a write failed before")),
            false => Ok(()),
        }
    }

    fn count_commit(&self) -> Result<(), Error> {
        let mut left = self.commits_until_failure.lock().unwrap_or_else(PoisonError::into_inner);
        match left.as_mut() {
            None => Ok(()),
            Some(more @ 2..) => {
                *more -= 1;
                Ok(())
            }
            Some(_) => {
                *left = None;
                self.is_read_only.store(true, Ordering::SeqCst);
                Err(Error::new(ErrorKind::Storage, "the commit failed, as the test wants it"))
            }
        }
    }

    async fn hold(&self) {
        self.acks.send_modify(|acks| acks.waiting += 1);
        let _ = self.acks.subscribe().wait_for(|acks| !acks.is_held).await;
        self.acks.send_modify(|acks| acks.waiting -= 1);
    }

    fn admit_read(&self) -> Result<(), Error> {
        if self.reads_fail.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Storage, "the read failed, as the test wants it"));
        }
        Ok(())
    }
}

impl Log for FaultyLog {
    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn create(&self, create: Create) -> LogFuture<'_, StreamHead> {
        Box::pin(async move {
            self.admit_write()?;
            self.inner.create(create).await
        })
    }

    fn open<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<StreamHead>> {
        self.inner.open(name)
    }

    fn tombstone<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<Tombstone>> {
        self.inner.tombstone(name)
    }

    fn find_alias<'a>(&'a self, alias: &'a Alias) -> LogFuture<'a, Option<StreamName>> {
        self.inner.find_alias(alias)
    }

    fn commit(&self, entries: Vec<Entry>) -> LogFuture<'_, ()> {
        Box::pin(async move {
            self.admit_write()?;
            self.count_commit()?;
            self.inner.commit(entries).await?;
            self.hold().await;
            Ok(())
        })
    }

    /// What is held back has to wait.
    fn commit_now(&self, entries: &[Entry]) -> Option<Result<(), Error>> {
        if self.acks.borrow().is_held {
            return None;
        }
        if let Err(error) = self.admit_write().and_then(|()| self.count_commit()) {
            return Some(Err(error));
        }
        self.inner.commit_now(entries)
    }

    fn read(&self, stream: StreamKey, from: Offset, limit: ReadLimit) -> LogFuture<'_, Vec<Record>> {
        Box::pin(async move {
            self.admit_read()?;
            self.inner.read(stream, from, limit).await
        })
    }

    fn read_with(&self, stream: StreamKey, from: Offset, limit: ReadLimit, make: MakeOfRecords) -> LogFuture<'_, ()> {
        Box::pin(async move {
            self.admit_read()?;
            self.inner.read_with(stream, from, limit, make).await
        })
    }

    fn entry_end(&self, stream: StreamKey, at: Offset) -> LogFuture<'_, Offset> {
        self.inner.entry_end(stream, at)
    }

    fn producer<'a>(&'a self, stream: StreamKey, id: &'a ProducerId) -> LogFuture<'a, Option<ProducerState>> {
        Box::pin(async move {
            self.admit_read()?;
            self.inner.producer(stream, id).await
        })
    }

    fn touch(&self, stream: StreamKey, expires_at: Option<Timestamp>) -> LogFuture<'_, ()> {
        Box::pin(async move {
            self.admit_write()?;
            self.inner.touch(stream, expires_at).await
        })
    }

    fn delete<'a>(&'a self, name: &'a StreamName, stream: StreamKey) -> LogFuture<'a, ()> {
        Box::pin(async move {
            self.admit_write()?;
            self.inner.delete(name, stream).await
        })
    }

    fn expired(&self, now: Timestamp, limit: usize) -> LogFuture<'_, Vec<StreamName>> {
        self.inner.expired(now, limit)
    }

    fn open_relays(&self) -> LogFuture<'_, Vec<StreamName>> {
        self.inner.open_relays()
    }

    fn stream_count(&self) -> u64 {
        self.inner.stream_count()
    }

    fn health(&self) -> Health {
        match self.is_read_only.load(Ordering::SeqCst) {
            true => Health::ReadOnly("a write failed before".to_owned()),
            false => self.inner.health(),
        }
    }

    fn close(&self) -> LogFuture<'_, ()> {
        self.inner.close()
    }
}

//! A few threads for reads that may touch the device at length.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use everstream_log::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

use crate::commit_queue::closed;
use crate::store::Store;

/// Two reads at a time: there are rarely more cores, and the device serves them one after another.
const THREADS: usize = 2;
/// So many reads wait at most; one more waits for its place.
const WAITING_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&Store) + Send>;

enum Message {
    Read(Read),
    Stop,
}

/// The way to the reading threads. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReadPool(mpsc::Sender<Message>);

impl ReadPool {
    /// Starts the threads.
    pub(crate) fn start(store: &Arc<Store>) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::with_capacity(THREADS);
        for _ in 0..THREADS {
            let (store, receiver) = (Arc::clone(store), Arc::clone(&receiver));
            let thread = std::thread::Builder::new().name("everstream-read".to_owned());
            threads.push(thread.spawn(move || serve(&store, &receiver))?);
        }
        Ok((Self(sender), threads))
    }

    /// Runs `read` on one of the threads. A caller that goes away meanwhile costs the read, nothing else.
    ///
    /// # Errors
    /// As `read`; `Storage` when it panics, as the store does on some damaged files: others are read on.
    pub(crate) async fn run<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let read = Box::new(move |store: &Store| {
            let read = catch_unwind(AssertUnwindSafe(|| read(store)));
            let _ = answer.send(read.unwrap_or_else(|_| Err(damaged())));
        });
        self.0.send(Message::Read(read)).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Has the threads end once what waits has been read. Blocks while the queue is full.
    pub(crate) fn stop(&self) {
        // A closed queue means that they have ended.
        let _ = self.0.blocking_send(Message::Stop);
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::Storage, "a read has panicked: what it reads may be damaged")
}

fn serve(store: &Store, receiver: &Mutex<mpsc::Receiver<Message>>) {
    while let Some(read) = next(receiver) {
        read(store);
    }
}

/// The next read. The lock is held while waiting: the other thread waits for the lock instead, which comes to the same.
fn next(receiver: &Mutex<mpsc::Receiver<Message>>) -> Option<Read> {
    let mut receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match receiver.blocking_recv()? {
            Message::Read(read) => return Some(read),
            Message::Stop => receiver.close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_that_panic_are_answered_and_do_not_end_the_threads() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(directory.path(), 1 << 20, 1 << 20).unwrap());
        let (pool, threads) = ReadPool::start(&store).unwrap();
        for _ in 0..=THREADS {
            let read: Result<(), Error> = pool.run(|_| panic!("a checksum is wrong")).await;
            assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::Storage));
        }
        assert!(matches!(pool.run(|_| Ok(1)).await, Ok(1)));
        tokio::task::spawn_blocking(move || pool.stop()).await.unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

//! The history of streams as the bodies of bounded reads: made once for all who read the same, and ahead of who reads on.
//!
//! What stands before a stream's tail never changes, so that a page of it is the same for everybody. Many read the same
//! one after the other: all who come back after an outage, every viewer of an answer from its start. A page that was made
//! for one is kept for a moment, and who asks for it while it is being made waits for that. It is made where the log reads
//! it, not on the worker; and while a page is being sent to somebody who reads on, the next one is made.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everstream_hub::{Error, Stream, Tasks};
use everstream_log::{Offset, ReadLimit, RecordRun};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::joined::join_runs;
use super::spare::Spares;
use crate::pieces::Pieces;
use shelf::Shelf;

mod shelf;

/// One answer's share of a stream: what goes to another thread and back, and through the router, once.
const PAGE: ReadLimit = ReadLimit { records_max: 16_384, bytes_max: 4 << 20 };

/// The memory that long pages may take, kept or on their way to whoever reads slowly, in KiB. Beyond it pages are short,
/// and a connection has one at a time.
const ROOM_KIB: usize = 256 << 10;

/// A read of so few records is tried as a short one, which needs no other thread and no place among those kept.
const FEW_RECORDS: u64 = 256;

/// What such a read brings at most.
const SHORT: ReadLimit = ReadLimit { bytes_max: ReadLimit::SHORT_BYTES_MAX, ..PAGE };

/// Pages that are kept, of about four megabytes each.
const PAGES_MAX: usize = 6;

/// Pages that are made ahead at a time: of all readers together. Each has one ahead of it at most.
const AHEAD_MAX: usize = 4;

/// A page that nobody has asked for so long is let go; an idle server keeps none.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Consecutive records as one body of their stream's type. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// The offset after the last record.
    pub(super) next: Offset,
    pub(super) body: Pieces,
    /// It ends where a page has to, and not where the stream ended when it was made.
    is_full: bool,
}

/// The pages that are kept, of all streams and for all workers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct History(Arc<Inner>);

struct Inner {
    tasks: Tasks,
    shelf: Mutex<Shelf<Page>>,
    /// Notified when a page is put on the shelf.
    fresh: Notify,
    ahead: Arc<Semaphore>,
    /// What is left of [`ROOM_KIB`].
    room: Arc<Semaphore>,
    spares: Spares,
}

impl History {
    /// Keeps nothing yet. Must be called inside a runtime, on which pages are let go.
    pub(crate) fn new(tasks: &Tasks) -> Self {
        let shelf = Mutex::new(Shelf::new(PAGES_MAX, KEPT_FOR));
        let (ahead, room) = (Arc::new(Semaphore::new(AHEAD_MAX)), Arc::new(Semaphore::new(ROOM_KIB)));
        let inner = Inner { tasks: tasks.clone(), shelf, fresh: Notify::new(), ahead, room, spares: Spares::default() };
        let history = Self(Arc::new(inner));
        let kept = history.clone();
        tasks.spawn_service(|ended| async move {
            tokio::select! {
                () = kept.let_go() => {}
                () = ended.cancelled() => {}
            }
        });
        history
    }

    /// The page of `stream` that begins at `start`: it is full or reaches to where the tail is now at least.
    ///
    /// # Errors
    /// As [`Stream::read_with`].
    ///
    /// # Cancel safety
    /// Safe: another who waits for the same page makes it then.
    pub(super) async fn page(&self, stream: &Stream, start: Offset) -> Result<Page, Error> {
        let tail = stream.state().tail;
        if tail.0.saturating_sub(start.0) <= FEW_RECORDS {
            let page = make(stream, start, SHORT, None).await?;
            if page.next >= tail {
                return Ok(page);
            }
        }
        // A page that was made for another is a read of the stream all the same, and keeps it alive.
        stream.touch();
        let (place, reads_on) = {
            let mut shelf = self.shelf();
            let reads_on = shelf.pages_of(stream.key()).any(|page| page.next == start);
            (shelf.place(stream.key(), start), reads_on)
        };
        self.begin_keeping();
        let page = place.get_or_try_init(|| self.make_long(stream, start)).await?.clone();
        if page.is_full {
            if reads_on && page.next < tail {
                self.read_ahead(stream, page.next);
            }
            return Ok(page);
        }
        if page.next >= tail {
            return Ok(page);
        }
        // More has been appended since it was made.
        let page = self.make_long(stream, start).await?;
        self.shelf().replace(stream.key(), start, page.clone());
        Ok(page)
    }

    /// Has the page made that somebody is about to ask for, if it is not there.
    fn read_ahead(&self, stream: &Stream, start: Offset) {
        let Ok(permit) = Arc::clone(&self.0.ahead).try_acquire_owned() else { return };
        let Some(place) = self.shelf().place_ahead(stream.key(), start) else { return };
        // The page before may have taken so long to make that the shelf was empty by now.
        self.begin_keeping();
        let (history, stream) = (self.clone(), stream.clone());
        drop(self.0.tasks.spawn(async move {
            // Who asks for it makes it again and is told what is wrong.
            let _ = place.get_or_try_init(|| history.make_long(&stream, start)).await;
            drop(permit);
        }));
    }

    /// A page as long as there is room for.
    async fn make_long(&self, stream: &Stream, start: Offset) -> Result<Page, Error> {
        match Arc::clone(&self.0.room).try_acquire_many_owned((PAGE.bytes_max >> 10) as u32) {
            Ok(room) => make(stream, start, PAGE, Some((room, self.0.spares.clone()))).await,
            Err(_) => make(stream, start, SHORT, None).await,
        }
    }

    /// Something is on the shelf: keeps buffers for it, and sees to it that both are let go again.
    fn begin_keeping(&self) {
        self.0.spares.want();
        self.0.fresh.notify_one();
    }

    /// Lets go of pages that nobody asks for any more. Never returns.
    async fn let_go(&self) {
        loop {
            self.0.fresh.notified().await;
            while !self.shelf().is_empty() {
                tokio::time::sleep(KEPT_FOR).await;
                self.shelf().let_go();
            }
            self.0.spares.let_go();
        }
    }

    /// No code panics while it holds the lock.
    fn shelf(&self) -> MutexGuard<'_, Shelf<Page>> {
        self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a page; a long one with its `means`: room for it, and buffers.
async fn make(
    stream: &Stream,
    start: Offset,
    limit: ReadLimit,
    means: Option<(OwnedSemaphorePermit, Spares)>,
) -> Result<Page, Error> {
    let content = stream.content();
    let (room, spares) = means.unzip();
    let page = stream.read_with(start, limit, move |runs| {
        let records = runs.iter().map(RecordRun::count).sum();
        let bytes = runs.iter().map(RecordRun::bytes).sum();
        Page {
            next: start.plus(records as u64),
            body: Pieces::new(join_runs(content, &runs, spares.as_ref()), room.and_then(|room| room_of(bytes, room))),
            is_full: records > 0 && !limit.admits(records, bytes),
        }
    });
    page.await
}

/// As much of `room` as so many bytes need.
fn room_of(bytes: usize, mut room: OwnedSemaphorePermit) -> Option<OwnedSemaphorePermit> {
    room.split((bytes >> 10).min(room.num_permits()))
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The processors that have no worker, and what they do for those who have.

use std::sync::Arc;

use everstream_hub::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many threads as there are processors without a worker: each may help one group of the process at a time. They are
/// the runtimes' blocking threads, which begin when they are needed and end when they are not.
#[derive(Debug, Clone)]
pub(crate) struct Helpers(Arc<Semaphore>);

/// One that nobody else has.
#[derive(Debug)]
pub(super) struct Helper(OwnedSemaphorePermit);

impl Helpers {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// One of them, unless all are helping others.
    pub(super) fn call(&self) -> Option<Helper> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(Helper)
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits()
    }
}

impl Helper {
    /// Has it do `help`, on a thread of its own.
    pub(super) fn run(self, tasks: &Tasks, help: impl FnOnce() + Send + 'static) {
        let Self(place) = self;
        drop(tasks.spawn_blocking(move || {
            help();
            drop(place);
        }));
    }
}

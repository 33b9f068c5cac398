//! The tracked set of tasks: what a drain waits for.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Every task of the process, so that a drain misses none. Cheap to clone; works across runtimes: a task runs on the
/// runtime that spawned it.
///
/// A drain has three moments: [`Tasks::draining`] (take no new work, let viewers go), [`Tasks::cutoff`] (time is up:
/// finish as you stand), and the end of the services, once everything tracked is done.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    work: TaskTracker,
    services: TaskTracker,
    draining: CancellationToken,
    cutoff: CancellationToken,
    ended: CancellationToken,
}

impl Tasks {
    /// How long after the cutoff a task may still take to put its affairs in order.
    const GRACE: Duration = Duration::from_secs(1);

    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns work on the current runtime; a drain waits for it.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.work.spawn(task)
    }

    /// Runs work that waits for nobody on a thread of the current runtime's own; a drain waits for it.
    pub fn spawn_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.work.spawn_blocking(work)
    }

    /// Spawns what others' work stands on (a writer, a sweeper). It is given a token that is cancelled once all work
    /// is done, and then has to return.
    pub fn spawn_service<F>(&self, service: impl FnOnce(CancellationToken) -> F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.services.spawn(service(self.ended.clone()))
    }

    /// Cancelled when the process starts to drain.
    #[must_use]
    pub const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when the time for draining is up.
    #[must_use]
    pub const fn cutoff(&self) -> &CancellationToken {
        &self.cutoff
    }

    /// Ends everything: no new work, `timeout` for the work in hand, a short grace after the cutoff, then the services.
    ///
    /// # Cancel safety
    /// Dropping it leaves the set draining; calling it again goes on.
    pub async fn drain(&self, timeout: Duration) {
        self.draining.cancel();
        self.work.close();
        let in_time = tokio::time::timeout(timeout, self.work.wait()).await.is_ok();
        self.cutoff.cancel();
        if !in_time && tokio::time::timeout(Self::GRACE, self.work.wait()).await.is_err() {
            tracing::warn!(tasks = self.work.len(), "tasks are left behind at the end of the drain");
        }
        self.ended.cancel();
        self.services.close();
        let _ = tokio::time::timeout(Self::GRACE, self.services.wait()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_work_and_then_ends_the_services() {
        let tasks = Tasks::new();
        let draining = tasks.draining().clone();
        let work = tasks.spawn(async move { draining.cancelled().await });
        let service = tasks.spawn_service(|ended| async move { ended.cancelled().await });
        tasks.drain(Duration::from_secs(10)).await;
        work.await.unwrap();
        service.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_although_some_work_never_does() {
        let tasks = Tasks::new();
        let stuck = tasks.spawn(std::future::pending::<()>());
        let cutoff = tasks.cutoff().clone();
        tasks.drain(Duration::from_secs(10)).await;
        assert!(cutoff.is_cancelled());
        stuck.abort();
    }
}

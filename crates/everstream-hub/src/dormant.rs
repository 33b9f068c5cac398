//! A future that costs nothing while it sleeps beside a busy one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::sleeper::{Bed, Sleeper};

/// Looks at what a task waits for beside its work only when that was woken, however often the task runs: its timers,
/// tokens and locks are not asked again for every token.
#[derive(Debug)]
pub struct Dormancy {
    bell: Arc<Bell>,
    bed: Bed,
}

/// A future within a [`Dormancy`] of its own.
#[derive(Debug)]
pub(crate) struct Dormant<F> {
    future: F,
    dormancy: Dormancy,
}

/// Whether something has woken a task for what it waits for beside its work. It has, before the first look.
#[derive(Debug)]
pub struct Rung(AtomicBool);

/// Remembers that it was rung, and wakes the task that sleeps by it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Rung,
    pub(crate) sleeper: Sleeper,
}

impl Rung {
    /// It has. The task is to be woken behind this.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has since this was asked last.
    pub fn take(&self) -> bool {
        // Nearly always it has not: then a look at the flag is all.
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

impl Default for Rung {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Bell {
    /// Calls `look` if this has been rung since, else nothing is there. What is looked at rings it by what `ringer` makes.
    #[inline]
    pub(crate) fn poll<T>(
        &self,
        bed: &mut Bed,
        cx: &Context<'_>,
        ringer: impl FnOnce() -> Waker,
        look: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Before the look: a ring in between wakes the task.
        self.sleeper.lie_down(bed, cx);
        if !self.rung.take() {
            return Poll::Pending;
        }
        look(&mut Context::from_waker(&ringer()))
    }

    pub(crate) fn ring(&self) {
        self.rung.set();
        self.sleeper.wake();
    }
}

impl Dormancy {
    /// One that looks the first time it is polled.
    #[must_use]
    pub fn new() -> Self {
        Self { bell: Arc::default(), bed: Bed::default() }
    }

    /// Calls `look` if something it looked at has woken it since, else nothing is there.
    pub fn poll<T>(&mut self, cx: &Context<'_>, look: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let Self { bell, bed } = self;
        bell.poll(bed, cx, || Waker::from(Arc::clone(bell)), look)
    }

    /// Has it look the next time it is polled: what it looks at was changed, or was found ready.
    pub fn rouse(&self) {
        self.bell.rung.set();
    }
}

impl Default for Dormancy {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Future + Unpin> Dormant<F> {
    /// Puts `future` to sleep after its first poll.
    pub(crate) fn new(future: F) -> Self {
        Self { future, dormancy: Dormancy::new() }
    }
}

impl<F: Future + Unpin> Future for Dormant<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, dormancy } = self.get_mut();
        dormancy.poll(cx, |cx| Pin::new(future).poll(cx))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, poll_fn};
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_woken_and_not_otherwise() {
        let (polls, notify) = (Cell::new(0), Notify::new());
        let mut inner = std::pin::pin!(notify.notified());
        let counted = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            inner.as_mut().poll(cx)
        });
        let mut dormant = Dormant::new(counted);
        let mut poll_once = || {
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut dormant).poll(cx)));
            futures_util::FutureExt::now_or_never(polled).unwrap()
        };
        for _ in 0..3 {
            assert!(poll_once().is_pending());
        }
        assert_eq!(polls.get(), 1);
        notify.notify_one();
        assert!(poll_once().is_ready());
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_sleeps_by_it_is_woken() {
        let began = Instant::now();
        let timer = timeout(Duration::from_secs(5), pending::<()>());
        assert!(Dormant::new(Box::pin(timer)).await.is_err());
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}

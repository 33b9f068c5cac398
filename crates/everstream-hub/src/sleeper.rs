//! The one task that is woken by something, and goes on being woken by it.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// The task to wake. Unlike an atomic waker it keeps the task's waker when it wakes it, so that a task which is polled
/// for every token says once who it is, not each time.
#[derive(Debug, Default)]
pub(crate) struct Sleeper(Mutex<Option<Waker>>);

/// What the task itself knows of that.
#[derive(Debug, Default)]
pub(crate) struct Bed(Option<Waker>);

impl Sleeper {
    /// From here on the task of `cx` is woken. Always with the same `bed`, or with several of one task that are all asked in
    /// one turn of it: each knows of itself only when the task's waker is another. What it waits for is to be looked at
    /// after that: what came before need not wake it.
    #[inline]
    pub(crate) fn lie_down(&self, bed: &mut Bed, cx: &Context<'_>) {
        if !bed.0.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.change(bed, cx.waker());
        }
    }

    #[cold]
    fn change(&self, bed: &mut Bed, waker: &Waker) {
        bed.0 = Some(waker.clone());
        // No code panics while it holds the lock, so that a poisoned one is as good as any.
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let former = task.replace(waker.clone());
        drop(task);
        // Dropping a waker may drop a task, which must not find the lock taken.
        drop(former);
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counting() -> (Arc<Counter>, Waker) {
        let counter = Arc::<Counter>::default();
        (Arc::clone(&counter), Waker::from(counter))
    }

    #[test]
    fn one_who_lies_down_once_is_woken_each_time() {
        let (sleeper, mut bed) = (Sleeper::default(), Bed::default());
        let (count, waker) = counting();
        sleeper.wake();
        sleeper.lie_down(&mut bed, &Context::from_waker(&waker));
        for wakes in 1..4 {
            sleeper.wake();
            assert_eq!(count.0.load(Ordering::Relaxed), wakes);
        }
    }

    #[test]
    fn another_task_takes_the_place_of_the_first() {
        let (sleeper, mut bed) = (Sleeper::default(), Bed::default());
        let ((first, of_first), (second, of_second)) = (counting(), counting());
        sleeper.lie_down(&mut bed, &Context::from_waker(&of_first));
        sleeper.lie_down(&mut bed, &Context::from_waker(&of_second));
        sleeper.wake();
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    }
}

//! Waking many tasks of another core for the price of one.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use slab::Slab;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::home::Home;
use crate::waiters::{Waiter, Waiters};

/// The alarm of one runtime. A publisher on another core hands over all its wakers at once and pays one cross-core
/// wake-up (a system call), not one for each task; the runtime then wakes its own tasks, which costs a queue entry each.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// At most one waker for each subscription of the runtime.
    due: Mutex<Vec<Waker>>,
    bell: Notify,
}

impl Alarm {
    /// Wakes tasks of the alarm's runtime from anywhere.
    fn ring(&self, wakers: Few<Waker>) {
        if wakers.others.is_empty() {
            return wakers.into_iter().for_each(Waker::wake);
        }
        self.due.lock().unwrap_or_else(PoisonError::into_inner).extend(wakers);
        self.bell.notify_one();
    }

    /// Runs on the alarm's runtime until the process has ended all work.
    pub(crate) async fn run(self: Arc<Self>, ended: CancellationToken) {
        loop {
            tokio::select! {
                () = self.bell.notified() => {}
                () = ended.cancelled() => return,
            }
            let due = std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner));
            due.into_iter().for_each(Waker::wake);
        }
    }
}

/// The wakers that one publish found.
#[derive(Debug)]
pub(crate) enum Wakers {
    /// Of the one that there is, who may stand for many. Nearly always that is all, and it is the same wherever it is.
    Only(Option<Waker>),
    /// Of several.
    Each(Sorted),
}

/// Wakers by the runtime they belong to. The first of each kind takes no memory of its own: mostly there is one for each
/// runtime.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    here: Few<Waker>,
    elsewhere: Few<(Arc<Alarm>, Few<Waker>)>,
}

#[derive(Debug)]
struct Few<T> {
    first: Option<T>,
    others: Vec<T>,
}

impl Wakers {
    /// Takes the wakers of all who wait; `home` is the publisher's own runtime.
    pub(crate) fn take(waiters: &mut Waiters, home: &Home) -> Self {
        match waiters {
            Waiters::None => Self::Only(None),
            Waiters::Only(_, waiter) => Self::Only(waiter.waker.take()),
            Waiters::Several(several) => Self::Each(Sorted::take(several, &home.alarm)),
        }
    }

    /// Wakes them.
    pub(crate) fn wake(self) {
        match self {
            Self::Only(waker) => waker.into_iter().for_each(Waker::wake),
            Self::Each(wakers) => wakers.wake(),
        }
    }
}

impl Sorted {
    fn take(waiters: &mut Slab<Waiter>, home: &Arc<Alarm>) -> Self {
        let mut wakers = Self::default();
        for (_, waiter) in waiters {
            let Some(waker) = waiter.waker.take() else { continue };
            if Arc::ptr_eq(&waiter.alarm, home) {
                wakers.here.push(waker);
                continue;
            }
            let known = wakers.elsewhere.iter_mut().find(|(alarm, _)| Arc::ptr_eq(alarm, &waiter.alarm));
            match known {
                Some((_, group)) => group.push(waker),
                None => {
                    let mut group = Few::default();
                    group.push(waker);
                    wakers.elsewhere.push((Arc::clone(&waiter.alarm), group));
                }
            }
        }
        wakers
    }

    /// Wakes them: other cores first, so that they work at the same time.
    fn wake(self) {
        for (alarm, group) in self.elsewhere {
            alarm.ring(group);
        }
        self.here.into_iter().for_each(Waker::wake);
    }
}

impl<T> Few<T> {
    fn push(&mut self, item: T) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.others.push(item),
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.others)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: Vec::new() }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

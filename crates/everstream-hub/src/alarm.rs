//! Waking many tasks of another core for the price of one.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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
    pub(crate) fn ring(&self, mut wakers: Vec<Waker>) {
        if wakers.len() == 1 {
            return wakers.into_iter().for_each(Waker::wake);
        }
        self.due.lock().unwrap_or_else(PoisonError::into_inner).append(&mut wakers);
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

/// A subscription's place among those who wait for more.
#[derive(Debug)]
pub(crate) struct Waiter {
    waker: Option<Waker>,
    alarm: Arc<Alarm>,
}

impl Waiter {
    pub(crate) const fn new(alarm: Arc<Alarm>) -> Self {
        Self { waker: None, alarm }
    }

    pub(crate) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(own) => own.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }
}

/// The wakers that one publish found, by the runtime they belong to.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    here: Vec<Waker>,
    elsewhere: Vec<(Arc<Alarm>, Vec<Waker>)>,
}

impl Wakers {
    /// Takes the wakers of all who wait; `home` is the alarm of the publisher's own runtime.
    pub(crate) fn take<'a>(waiters: impl Iterator<Item = &'a mut Waiter>, home: &Arc<Alarm>) -> Self {
        let mut wakers = Self::default();
        for waiter in waiters {
            let Some(waker) = waiter.waker.take() else { continue };
            if Arc::ptr_eq(&waiter.alarm, home) {
                wakers.here.push(waker);
                continue;
            }
            match wakers.elsewhere.iter_mut().find(|(alarm, _)| Arc::ptr_eq(alarm, &waiter.alarm)) {
                Some((_, group)) => group.push(waker),
                None => wakers.elsewhere.push((Arc::clone(&waiter.alarm), vec![waker])),
            }
        }
        wakers
    }

    /// Wakes them: other cores first, so that they work at the same time.
    pub(crate) fn wake(self) {
        for (alarm, group) in self.elsewhere {
            alarm.ring(group);
        }
        self.here.into_iter().for_each(Waker::wake);
    }
}

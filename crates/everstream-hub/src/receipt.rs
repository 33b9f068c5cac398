//! How an append's outcome gets back to whoever asked for it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::oneshot;

use crate::Error;
use crate::dormant::Bell;
use crate::sleeper::Bed;
use crate::stream::Sequenced;

/// Where the writer sends an append's outcome. Dropped without one it says that the process drains.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To one who waits for it.
    Awaited(oneshot::Sender<Result<Sequenced, Error>>),
    /// To one who goes on meanwhile.
    Noted(UnderWay),
}

impl Reply {
    /// Whether somebody still wants to know is not the writer's affair.
    pub(crate) fn send(self, outcome: Result<Sequenced, Error>) {
        match self {
            Self::Awaited(reply) => drop(reply.send(outcome)),
            Self::Noted(ticket) => ticket.settle(outcome.map(drop)),
        }
    }
}

/// An append is under way.
const BUSY: u8 = 1;
/// Its success is waited for.
const AWAITED: u8 = 2;
/// One has failed.
const FAILED: u8 = 4;

/// What has become of the appends of one [`Appender`](crate::Appender): at most one is under way, and none behind a
/// failure. Asked for every token, so it takes no lock and little room: one line of the cache has it all.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    /// `BUSY`, `AWAITED` and `FAILED`.
    state: AtomicU8,
    /// Set once, before `state` says so.
    failure: OnceLock<Box<Error>>,
    /// Rung by what the task waits for beside its appends. It is woken by that, by a failure, and by a success only if
    /// that is waited for.
    bell: Bell,
}

/// The writer's end of an append under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Option<Arc<Receipt>>);

impl Receipt {
    /// An append goes under way. The one before must be settled.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.state.store(BUSY, Ordering::Release);
        UnderWay(Some(Arc::clone(self)))
    }

    /// Resolves once nothing is under way.
    pub(crate) fn poll_settled(&self, bed: &mut Bed, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(settled) = self.settled(self.state.load(Ordering::Acquire)) {
            return Poll::Ready(settled);
        }
        self.bell.sleeper.lie_down(bed, cx);
        // What is settled from here on wakes; what was settled before is seen.
        match self.settled(self.state.fetch_or(AWAITED, Ordering::AcqRel)) {
            Some(settled) => {
                self.state.fetch_and(!AWAITED, Ordering::AcqRel);
                Poll::Ready(settled)
            }
            None => Poll::Pending,
        }
    }

    /// Resolves once an append has failed; costs no wake-up when none does.
    pub(crate) fn poll_failed(&self, bed: &mut Bed, cx: &Context<'_>) -> Poll<Error> {
        self.bell.sleeper.lie_down(bed, cx);
        if self.state.load(Ordering::Acquire) & FAILED == 0 {
            return Poll::Pending;
        }
        self.failure().map_or(Poll::Pending, Poll::Ready)
    }

    /// Calls `look` if something it looked at has woken the task since, else nothing is there.
    pub(crate) fn poll_aside<T>(
        self: &Arc<Self>,
        bed: &mut Bed,
        cx: &Context<'_>,
        look: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.poll(bed, cx, || Waker::from(Arc::clone(self)), look)
    }

    /// The outcome, if in `state` nothing is under way.
    fn settled(&self, state: u8) -> Option<Result<(), Error>> {
        let failure = || if state & FAILED == 0 { None } else { self.failure() };
        (state & BUSY == 0).then(|| failure().map_or(Ok(()), Err))
    }

    fn failure(&self) -> Option<Error> {
        self.failure.get().map(|failure| failure.share())
    }

    fn settle(&self, outcome: Result<(), Error>) {
        let has_failed = outcome.is_err();
        if let Err(failure) = outcome {
            // Nothing is appended behind a failure, so this is the first.
            let _ = self.failure.set(Box::new(failure));
        }
        let before = self.state.swap(if has_failed { FAILED } else { 0 }, Ordering::AcqRel);
        if has_failed || before & AWAITED != 0 {
            self.bell.sleeper.wake();
        }
    }
}

impl Wake for Receipt {
    fn wake(self: Arc<Self>) {
        self.bell.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring();
    }
}

impl UnderWay {
    fn settle(mut self, outcome: Result<(), Error>) {
        if let Some(receipt) = self.0.take() {
            receipt.settle(outcome);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(receipt) = self.0.take() {
            receipt.settle(Err(Error::draining()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_the_appends_is_looked_at_first_and_when_it_has_rung() {
        let (receipt, mut bed) = (Arc::<Receipt>::default(), Bed::default());
        let cx = Context::from_waker(Waker::noop());
        let (mut looks, mut bell) = (0, None);
        let mut poll = |bell: &mut Option<Waker>| {
            let polled = receipt.poll_aside(&mut bed, &cx, |cx| {
                looks += 1;
                *bell = Some(cx.waker().clone());
                if looks < 3 { Poll::Pending } else { Poll::Ready(looks) }
            });
            (polled, looks)
        };
        assert_eq!(poll(&mut bell), (Poll::Pending, 1));
        assert_eq!(poll(&mut bell), (Poll::Pending, 1));
        for looks in [Poll::Pending, Poll::Ready(3)] {
            bell.take().unwrap().wake();
            assert_eq!(poll(&mut bell).0, looks);
            assert_eq!(poll(&mut bell).0, Poll::Pending, "an append that settles does not ring");
            receipt.begin().settle(Ok(()));
        }
    }
}

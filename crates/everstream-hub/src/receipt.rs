//! How an append's outcome gets back to whoever asked for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use crate::Error;
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

/// What has become of the appends of one [`Appender`](crate::Appender): at most one is under way.
#[derive(Debug, Default)]
pub(crate) struct Receipt(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_busy: bool,
    failure: Option<Error>,
    /// Woken by a failure, and by a success only if that is waited for.
    waker: Option<Waker>,
    is_success_awaited: bool,
}

/// The writer's end of an append under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Option<Arc<Receipt>>);

impl Receipt {
    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An append goes under way. The one before must be settled.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.is_busy = true;
        state.is_success_awaited = false;
        UnderWay(Some(Arc::clone(self)))
    }

    /// Resolves once nothing is under way.
    pub(crate) fn poll_settled(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Poll::Ready(Err(failure.share()));
        }
        if !state.is_busy {
            return Poll::Ready(Ok(()));
        }
        state.is_success_awaited = true;
        state.wait(cx);
        Poll::Pending
    }

    /// Resolves once an append has failed; costs no wake-up when none does.
    pub(crate) fn poll_failed(&self, cx: &Context<'_>) -> Poll<Error> {
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Poll::Ready(failure.share());
        }
        state.is_success_awaited = false;
        state.wait(cx);
        Poll::Pending
    }

    fn settle(&self, outcome: Result<(), Error>) {
        let mut state = self.state();
        state.is_busy = false;
        let is_news = outcome.is_err() || state.is_success_awaited;
        state.failure = outcome.err();
        let waker = if is_news { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
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

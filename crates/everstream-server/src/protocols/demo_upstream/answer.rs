//! The body of a streamed answer: one step of the completion at each tick.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::completion::Completion;

/// Sends the first token at once and the others at a steady rate; a reader that is slow makes it wait.
#[derive(Debug)]
pub(super) struct Answer {
    completion: Completion,
    ticks: Interval,
}

impl Answer {
    pub(super) fn new(completion: Completion, tokens_per_second: u32) -> Self {
        let mut ticks = interval(Duration::from_secs(1) / tokens_per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { completion, ticks }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.completion.is_over() {
            return Poll::Ready(None);
        }
        ready!(this.ticks.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(this.completion.next()))))
    }
}

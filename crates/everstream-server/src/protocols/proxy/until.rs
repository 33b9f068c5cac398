//! Events that are cut at a moment, wherever they stand.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Sleep;

use crate::lane::Events;
use crate::sse_body::Cut;

/// Events until the time is up. Then they break off: an end that is not the stream's must not look like one.
pub(super) struct Until {
    /// Taken away with the time: whatever is behind them (a subscription) is let go at once.
    events: Option<Events>,
    time: Pin<Box<Sleep>>,
}

impl Until {
    /// Cuts `events` when `left` has passed.
    pub(super) fn new(events: Events, left: Duration) -> Self {
        Self { events: Some(events), time: Box::pin(tokio::time::sleep(left)) }
    }
}

impl Body for Until {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if this.time.as_mut().poll(cx).is_ready() {
            this.events = None;
            return Poll::Ready(Some(Err(Cut)));
        }
        events.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.events.as_ref().is_none_or(|events| events.is_end_stream())
    }
}

//! A body that is cut at a moment, wherever it stands.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

/// `inner` until the time is up. Then it breaks off: an end that is not the stream's must not look like one.
#[derive(Debug)]
pub(super) struct Until {
    inner: Body,
    time: Pin<Box<Sleep>>,
    is_over: bool,
}

impl Until {
    /// Cuts `inner` when `left` has passed.
    pub(super) fn new(inner: Body, left: Duration) -> Self {
        Self { inner, time: Box::pin(tokio::time::sleep(left)), is_over: false }
    }
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if self.time.as_mut().poll(cx).is_ready() {
            self.is_over = true;
            // Whatever is behind it (a subscription) is let go at once.
            self.inner = Body::empty();
            return Poll::Ready(Some(Err(axum::Error::new("the URL has expired"))));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

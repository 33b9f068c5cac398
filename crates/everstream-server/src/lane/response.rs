//! Responses that carry events, whoever writes them.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::{Lane, Onward, Peer};
use crate::sse_body::Cut;

/// The body of an event stream.
pub(crate) type Events = Box<dyn EventBody>;

/// What the body of an event stream can do beside being one.
pub(crate) trait EventBody: http_body::Body<Data = Bytes, Error = Cut> + fmt::Debug + Send + Unpin {
    /// Breaks off at `at`, wherever it stands: an end that is not the stream's must not look like one.
    fn cut_at(&mut self, at: Instant);

    /// Whether all was handed out and what comes next is what others are told, too. To be asked after it was pending.
    fn may_join(&self) -> bool;

    /// Leaves `peer` to the group of those who are where it is. When they are not there yet, both come back.
    ///
    /// # Errors
    /// The peer and the body.
    fn join(self: Box<Self>, peer: Peer, lane: &Lane, onward: &Arc<dyn Onward>) -> Result<(), (Peer, Events)>;
}

/// A response that carries `events`, on the lane or through hyper.
pub(crate) fn respond(events: impl EventBody + 'static) -> Response {
    let stowed = Stowed(Arc::new(Mutex::new(Some(Box::new(events)))));
    let mut response = Response::new(Body::new(StowedBody { stowed: stowed.clone(), events: None }));
    response.extensions_mut().insert(stowed);
    response
}

/// Has the events of `response`, if it carries any, break off when `left` has passed.
pub(crate) fn cut_after(response: &Response, left: Duration) {
    let Some(Stowed(events)) = response.extensions().get::<Stowed>() else { return };
    let cut_at = Instant::now().checked_add(left);
    if let (Some(events), Some(at)) = (&mut *events.lock().unwrap_or_else(PoisonError::into_inner), cut_at) {
        events.cut_at(at);
    }
}

/// Events that wait for whoever writes them: the response's own body takes them when it is first polled.
#[derive(Clone)]
pub(crate) struct Stowed(Arc<Mutex<Option<Events>>>);

impl Stowed {
    pub(super) fn take(&self) -> Option<Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The events as a body like any other.
struct StowedBody {
    stowed: Stowed,
    events: Option<Events>,
}

impl http_body::Body for StowedBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if this.events.is_none() {
            this.events = this.stowed.take();
        }
        match &mut this.events {
            Some(events) => Pin::new(&mut **events).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.events.as_ref().is_some_and(|events| events.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

//! The lane: event streams over plain HTTP/1.1, written straight to their sockets.
//!
//! hyper reads and judges the request, and writes the head of the answer, as for any other. Where the answer is an event
//! stream whose connection will be used again, it is then asked for the socket, and the body is written here: a delivery
//! is one turn of a small task and one write. At its clean end the socket goes back to hyper. What goes over the wire is
//! the same both ways; [`Handover`] says which answers stay with hyper.
//!
//! Follow one answer: [`respond`] → [`Handover::take`] → [`Handover::is_due`] → [`Rider`].

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::sse_body::Cut;

mod handover;
mod rider;

pub(crate) use handover::{Handover, MayBoard};
pub(crate) use rider::{Ended, Rider};

/// The body of an event stream.
pub(crate) type Events = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Cut> + Send>>;

/// A response that carries `events`, on the lane or through hyper.
pub(crate) fn respond(events: impl http_body::Body<Data = Bytes, Error = Cut> + Send + 'static) -> Response {
    let stowed = Stowed(Arc::new(Mutex::new(Some(Box::pin(events)))));
    let mut response = Response::new(Body::new(StowedBody { stowed: stowed.clone(), events: None }));
    response.extensions_mut().insert(stowed);
    response
}

/// The same response with its events as `wrap` makes them, whoever writes them then. One that carries no events passes.
pub(crate) fn rewrap<B>(response: Response, wrap: impl FnOnce(Events) -> B) -> Response
where
    B: http_body::Body<Data = Bytes, Error = Cut> + Send + 'static,
{
    let Some(events) = response.extensions().get::<Stowed>().and_then(Stowed::take) else { return response };
    let (mut parts, _) = response.into_parts();
    let (anew, body) = respond(wrap(events)).into_parts();
    parts.extensions.extend(anew.extensions);
    Response::from_parts(parts, body)
}

/// Events that wait for whoever writes them: the response's own body takes them when it is first polled.
#[derive(Clone)]
pub(crate) struct Stowed(Arc<Mutex<Option<Events>>>);

impl Stowed {
    fn take(&self) -> Option<Events> {
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
            Some(events) => events.as_mut().poll_frame(cx),
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

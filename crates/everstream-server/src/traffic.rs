//! What passes through hyper on one connection, as far as it can be seen from outside: enough to say when a publisher's
//! request is over and done with, so that the connection can be taken back.
//!
//! Taken back too early, bytes of an answer would be lost or bytes of a body be taken for a request. So a connection is
//! between requests only when the request's body was read to its end, the response's body has ended and everything that
//! hyper wrote has been flushed; who reads on then starts with what hyper had read ahead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, Request};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

/// Shared by the connection's socket, its requests and its responses. All are polled by the connection's own task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The latest request was a publisher's, and of those the connection is taken back after.
    publishes: AtomicBool,
    /// Its body was read to its end.
    request_ended: AtomicBool,
    /// The body of its response has ended, or will never be sent.
    response_ended: AtomicBool,
    /// Something was written and not flushed.
    unflushed: AtomicBool,
}

/// A request body that says when it was read to its end.
#[derive(Debug)]
struct RequestBody {
    inner: Incoming,
    traffic: Traffic,
}

/// A response body that says when it is no longer needed.
#[derive(Debug)]
struct ResponseBody {
    inner: Body,
    traffic: Traffic,
}

impl Traffic {
    /// A request has come. To be called before hyper goes on reading.
    pub(crate) fn begin(&self, request: Request<Incoming>) -> Request<Body> {
        let publishes = matches!(*request.method(), Method::POST | Method::PUT);
        self.0.publishes.store(publishes, Ordering::Relaxed);
        self.0.request_ended.store(http_body::Body::is_end_stream(request.body()), Ordering::Relaxed);
        self.0.response_ended.store(false, Ordering::Relaxed);
        request.map(
            |inner| {
                if publishes { Body::new(RequestBody { inner, traffic: self.clone() }) } else { Body::new(inner) }
            },
        )
    }

    /// Its answer is there.
    pub(crate) fn answer(&self, response: Response) -> Response {
        if !self.0.publishes.load(Ordering::Relaxed) {
            return response;
        }
        response.map(|inner| Body::new(ResponseBody { inner, traffic: self.clone() }))
    }

    /// Something is being written to the socket.
    pub(crate) fn wrote(&self) {
        self.0.unflushed.store(true, Ordering::Relaxed);
    }

    /// All of it was flushed.
    pub(crate) fn flushed(&self) {
        self.0.unflushed.store(false, Ordering::Relaxed);
    }

    /// Whether the body of the latest request was read to its end, so that what follows on the socket is another request.
    pub(crate) fn is_request_read(&self) -> bool {
        self.0.request_ended.load(Ordering::Relaxed)
    }

    /// Whether everything written was flushed.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.0.unflushed.load(Ordering::Relaxed)
    }

    /// Whether nothing is under way after a publisher's request.
    pub(crate) fn is_between_requests(&self) -> bool {
        let Seen { publishes, request_ended, response_ended, unflushed } = &*self.0;
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is(publishes) && is(request_ended) && is(response_ended) && !is(unflushed)
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        // A body that broke off has not ended.
        if frame.is_none() || this.inner.is_end_stream() {
            this.traffic.0.request_ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.traffic.0.response_ended.store(true, Ordering::Relaxed);
    }
}

//! Between hyper and the lane: when a socket changes hands.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, Method, Request, Version};
use http_body::Frame;

use super::Events;
use super::response::Stowed;
use crate::sse_body::Cut;
use crate::traffic::Traffic;

/// What hyper's side and the lane's side of one connection tell each other. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handover {
    traffic: Traffic,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The body of the answer under way, if the lane shall write it.
    events: Mutex<Option<Events>>,
    /// hyper has asked for the body: it has encoded the head.
    is_head_encoded: AtomicBool,
}

/// Whether the answer to a request may go to the lane: not where the head of the answer or the end of the connection is
/// up to hyper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MayBoard(bool);

impl MayBoard {
    pub(crate) fn of<B>(request: &Request<B>, is_lane_open: bool) -> Self {
        let has = |name, word: &str| list_has(request.headers(), name, word);
        let ends = has(&CONNECTION, "close") || request.headers().contains_key(UPGRADE);
        Self(is_lane_open && request.version() == Version::HTTP_11 && *request.method() != Method::HEAD && !ends)
    }
}

impl Handover {
    /// For a connection whose `traffic` is seen.
    pub(crate) fn new(traffic: Traffic) -> Self {
        Self { traffic, inner: Arc::default() }
    }

    /// Takes the events out of `response` where the lane shall write them.
    pub(crate) fn take(&self, may_board: MayBoard, response: Response) -> Response {
        if !may_board.0 || !self.traffic.is_request_read() {
            return response;
        }
        let Some(events) = response.extensions().get::<Stowed>().and_then(Stowed::take) else { return response };
        *self.inner.events.lock().unwrap_or_else(PoisonError::into_inner) = Some(events);
        self.inner.is_head_encoded.store(false, Ordering::Release);
        response.map(|_| Body::new(Placeholder(self.clone())))
    }

    /// The events, once the head before them is on its way and hyper can be left. To be asked after hyper was polled.
    pub(crate) fn is_due(&self) -> Option<Events> {
        if !self.inner.is_head_encoded.load(Ordering::Acquire) || !self.traffic.is_flushed() {
            return None;
        }
        self.inner.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Stands for the events while hyper writes the head.
struct Placeholder(Handover);

impl http_body::Body for Placeholder {
    type Data = Bytes;
    type Error = Cut;

    /// hyper encodes the head before it asks for the body, and flushes both before its turn is over.
    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.inner.is_head_encoded.store(true, Ordering::Release);
        Poll::Pending
    }
}

fn list_has(headers: &HeaderMap, name: &http::HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    })
}

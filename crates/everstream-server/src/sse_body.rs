//! A subscription as the body of a response: the one way events reach a socket, on the lane and through hyper.
//!
//! The body is a state machine over a [`Source`], such as [`Subscription`](everstream_hub::Subscription). Frames pass
//! through as they are, shared with every other subscriber; what is added around them is the business of a [`Voice`]:
//! [`Native`] for an EventSource on `/v1/stream`, [`Dialect`] for the answer to an ask, another for `live=sse`. It knows
//! none of them by name.
//!
//! A body ends when its stream has ended; before that when the process drains, the subscription has reached its age or
//! the log cannot be read. Such a parting is an error where the end of the body would be taken for the end of the stream,
//! which makes hyper leave out the last chunk: the client can tell the cut from an end, and resumes.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use everstream_hub::{Delivery, Dormancy, EventId};
use everstream_log::Epoch;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::lane;

pub use pulse::PulseConfig;
use pulse::Term;
pub(crate) use pulse::{Beat, Deadline, Pulse};
pub use voice::{Dialect, Due, Ending, Native, NativeStart, Source, Unison, Verbatim, Voice};

pub(crate) mod control;
mod joining;
mod pulse;
mod voice;

#[cfg(test)]
mod tests;

/// The header that names a stream's incarnation.
pub const STREAM_EPOCH: HeaderName = HeaderName::from_static("stream-epoch");

/// A queue of due frames that grew beyond this is given back once it is empty: an idle subscriber owns next to nothing.
const DUE_KEPT: usize = 16;

/// A subscription as a body; see the module.
pub struct SseBody<V: Voice> {
    subscription: V::Subscription,
    voice: V,
    pulse: Pulse,
    draining: CancellationToken,
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The drain and the pulse are asked only when they have something to say.
    aside: Dormancy,
    due: VecDeque<Bytes>,
    phase: Phase,
}

/// What comes after the frames that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// More of the stream.
    Open,
    /// The clean end.
    Ending,
    /// The unclean end, once the transport was given a chance to send what is before it.
    Cutting { has_yielded: bool },
    /// Nothing.
    Over,
}

/// The body was cut: its stream goes on, or its answer is a prefix.
#[derive(Debug, Clone, Copy)]
pub struct Cut;

impl<V: Voice> SseBody<V> {
    /// A body that carries `subscription` until its stream ends, its age is reached or `draining` is cancelled.
    pub fn new(subscription: V::Subscription, mut voice: V, config: PulseConfig, draining: &CancellationToken) -> Self {
        let due = voice.opening().into_iter().collect();
        Self::with(subscription, voice, Pulse::start(config), draining, due)
    }

    fn with(
        subscription: V::Subscription,
        voice: V,
        pulse: Pulse,
        draining: &CancellationToken,
        due: VecDeque<Bytes>,
    ) -> Self {
        // A token of its own: one is asked at every event, under a lock that all subscribers would share.
        let draining = draining.child_token();
        let drained = Box::pin(draining.clone().cancelled_owned());
        Self { subscription, voice, pulse, draining, drained, aside: Dormancy::new(), due, phase: Phase::Open }
    }

    /// Puts more into `due`, or moves to another phase.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let delivery = match self.voice.poll_next(&mut self.subscription, cx, &mut self.due) {
            Poll::Ready(delivery) => delivery,
            Poll::Pending => return self.poll_silence(cx),
        };
        match delivery {
            Delivery::Frames => {
                // On a busy stream there is no silence in which to notice that it is time to go.
                let beat = self.pulse.sent();
                if beat.is_some() || self.draining.is_cancelled() {
                    self.leave(beat);
                }
            }
            Delivery::Ended(end) => {
                let position = EventId::new(self.subscription.stream().epoch(), self.subscription.next_offset());
                let ending = self.voice.ending(&end, position);
                self.end(ending);
            }
            Delivery::Broken(error) => {
                let stream = self.subscription.stream().name();
                tracing::warn!(%stream, error = &error as &dyn std::error::Error, "a subscription is cut");
                self.part();
            }
        }
        Poll::Ready(())
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.due.capacity() > DUE_KEPT {
            self.due = VecDeque::new();
        }
        let Self { aside, drained, pulse, .. } = self;
        let beat = ready!(aside.poll(cx, |cx| match drained.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => pulse.poll(cx).map(Some),
        }));
        if beat == Some(Beat::KeepAlive) {
            self.due.push_back(control::keep_alive());
            self.aside.rouse();
        } else {
            self.leave(beat);
        }
        Poll::Ready(())
    }

    /// Ends before the stream does: at the end of its time, or else because of a drain.
    fn leave(&mut self, beat: Option<Beat>) {
        if beat == Some(Beat::Over(Term::Admittance)) {
            self.due.clear();
            self.end(Ending { last_frame: None, is_clean: false });
        } else {
            self.part();
        }
    }

    fn part(&mut self) {
        let ending = self.voice.parting();
        self.end(ending);
    }

    fn end(&mut self, ending: Ending) {
        self.due.extend(ending.last_frame);
        self.phase = if ending.is_clean { Phase::Ending } else { Phase::Cutting { has_yielded: false } };
    }
}

impl<V: Voice> http_body::Body for SseBody<V> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        loop {
            if let Some(frame) = this.due.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(frame))));
            }
            match this.phase {
                Phase::Open => ready!(this.poll_more(cx)),
                Phase::Cutting { has_yielded: false } => {
                    // hyper drops what it has not flushed when a body fails, and flushes when a body is pending.
                    this.phase = Phase::Cutting { has_yielded: true };
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Phase::Cutting { has_yielded: true } => {
                    this.phase = Phase::Over;
                    return Poll::Ready(Some(Err(Cut)));
                }
                Phase::Ending | Phase::Over => {
                    this.phase = Phase::Over;
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.due.is_empty() && matches!(self.phase, Phase::Ending | Phase::Over)
    }
}

/// The head of every event stream response of ours.
#[must_use]
pub fn head(epoch: Epoch) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(crate::accept::EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Ok(epoch) = HeaderValue::from_str(epoch.as_str()) {
        headers.insert(STREAM_EPOCH, epoch);
    }
    headers
}

/// The response that carries `body`, with the common head; the caller may add to it.
#[must_use]
pub fn respond<V: Voice>(body: SseBody<V>) -> Response {
    let headers = head(body.subscription.stream().epoch());
    let mut response = lane::respond(body);
    *response.headers_mut() = headers;
    response
}

impl<V: Voice> fmt::Debug for SseBody<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").field("subscription", &self.subscription).field("phase", &self.phase).finish()
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event stream was cut, so that its client resumes")
    }
}

impl std::error::Error for Cut {}

/// How long clients wait before they reconnect: 0.5 to 1.5 times `retry`, so that those who were cut together do not
/// come back together.
#[must_use]
pub fn jittered(retry: Duration, random: &mut fastrand::Rng) -> Duration {
    retry.mul_f64(0.5 + random.f64())
}

//! What is said around a stream's own events, and how its end ends the body.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{BatchSubscription, Delivery, End, EventId, Opening, Reset, Stream, Subscription};
use everstream_log::{CloseReason, Closure, Offset};

use super::control::{self, CloseEvent};
use super::jittered;

/// A way of presenting a stream to its client.
pub trait Voice: Send + Unpin + 'static {
    /// The form in which it takes the stream's records.
    type Subscription: Source;

    /// What comes before the first event.
    fn opening(&mut self) -> Option<Bytes>;

    /// Waits for the next delivery; its frames are pushed to the end of `due`, in order.
    fn poll_next(
        &mut self,
        subscription: &mut Self::Subscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Bytes>,
    ) -> Poll<Delivery>;

    /// What comes after the last event of an ended stream, whose tail is at `tail`.
    fn ending(&mut self, end: &End, tail: EventId) -> Ending;

    /// What comes when the body ends before its stream does.
    fn parting(&mut self) -> Ending;
}

/// A subscription, in whatever form.
pub trait Source: fmt::Debug + Send + Unpin + 'static {
    /// Its stream.
    fn stream(&self) -> &Stream;

    /// The offset of the next record to be delivered.
    fn next_offset(&self) -> Offset;
}

impl Source for Subscription {
    fn stream(&self) -> &Stream {
        self.stream()
    }

    fn next_offset(&self) -> Offset {
        self.next_offset()
    }
}

impl Source for BatchSubscription {
    fn stream(&self) -> &Stream {
        self.stream()
    }

    fn next_offset(&self) -> Offset {
        self.next_offset()
    }
}

/// The end of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The last frame.
    pub last_frame: Option<Bytes>,
    /// Whether the body ends as one that is whole.
    pub is_clean: bool,
}

/// For an EventSource: reconnection time, first position, reset, close.
#[derive(Debug)]
pub struct Native {
    start: NativeStart,
    retry: Duration,
    random: fastrand::Rng,
}

/// What a native subscription begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeStart {
    /// The reconnection time, a reset if there is one, and the position.
    Position(EventId, Option<Reset>),
    /// Nothing: only the close is left to say, and it says it all.
    CloseAlone,
}

impl NativeStart {
    /// The start that follows from a judged resume point.
    #[must_use]
    pub const fn of(opening: &Opening) -> Self {
        Self::Position(opening.position, opening.reset)
    }
}

impl Native {
    /// A voice that tells its client to wait about `retry` before it reconnects.
    #[must_use]
    pub const fn new(start: NativeStart, retry: Duration, random: fastrand::Rng) -> Self {
        Self { start, retry, random }
    }
}

impl Voice for Native {
    type Subscription = Subscription;

    fn poll_next(
        &mut self,
        subscription: &mut Subscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Bytes>,
    ) -> Poll<Delivery> {
        subscription.poll_next(cx, due)
    }

    fn opening(&mut self) -> Option<Bytes> {
        let NativeStart::Position(position, reset) = self.start else { return None };
        let mut out = Vec::with_capacity(64);
        control::retry(&mut out, jittered(self.retry, &mut self.random));
        if let Some(reset) = reset {
            // Before the position: a client cut between the two still holds its old id, and is told again.
            control::reset(&mut out, reset);
        }
        control::position(&mut out, position);
        Some(out.into())
    }

    fn ending(&mut self, end: &End, tail: EventId) -> Ending {
        let close = match end {
            End::Closed(closure) => CloseEvent {
                id: Some(EventId::end(tail.epoch, tail.next)),
                reason: closure.reason.as_str(),
                detail: &closure.detail,
                next: tail,
            },
            // Such a stream is gone and its end is in no log: no position, and the reconnect is answered 404.
            End::Deleted => CloseEvent { id: None, reason: "deleted", detail: b"", next: tail },
            End::Expired => CloseEvent { id: None, reason: "expired", detail: b"", next: tail },
        };
        let mut out = Vec::with_capacity(128);
        control::close(&mut out, close);
        Ending { last_frame: Some(out.into()), is_clean: true }
    }

    fn parting(&mut self) -> Ending {
        let mut out = Vec::with_capacity(16);
        control::retry(&mut out, jittered(self.retry, &mut self.random));
        everstream_codec::encode::end(&mut out);
        Ending { last_frame: Some(out.into()), is_clean: false }
    }
}

/// For the answer to an ask: the upstream's events and nothing of ours. `F` makes the dialect's own error event for an
/// answer that is a prefix, if the dialect has one.
pub struct Dialect<F> {
    error_frame: F,
}

impl<F> Dialect<F> {
    /// A voice with the dialect's way to say that an answer failed.
    pub const fn new(error_frame: F) -> Self {
        Self { error_frame }
    }
}

impl<F> Voice for Dialect<F>
where
    F: FnMut(&End) -> Option<Bytes> + Send + Unpin + 'static,
{
    type Subscription = Subscription;

    fn poll_next(
        &mut self,
        subscription: &mut Subscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Bytes>,
    ) -> Poll<Delivery> {
        subscription.poll_next(cx, due)
    }

    fn opening(&mut self) -> Option<Bytes> {
        None
    }

    fn ending(&mut self, end: &End, _tail: EventId) -> Ending {
        match end {
            End::Closed(Closure { reason: CloseReason::Completed | CloseReason::Stopped, .. }) => {
                Ending { last_frame: None, is_clean: true }
            }
            End::Closed(_) | End::Deleted | End::Expired => {
                Ending { last_frame: (self.error_frame)(end), is_clean: false }
            }
        }
    }

    fn parting(&mut self) -> Ending {
        Ending { last_frame: None, is_clean: false }
    }
}

impl<F> fmt::Debug for Dialect<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialect").finish_non_exhaustive()
    }
}

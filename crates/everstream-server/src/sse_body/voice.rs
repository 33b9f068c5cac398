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
pub trait Voice: Send + Sync + Unpin + 'static {
    /// The form in which it takes the stream's records.
    type Subscription: Source;

    /// What it says as others do.
    type Unison: Unison<Self::Subscription>;

    /// What it says between the opening and the end, if that is no other than what others with such a voice are told.
    fn unison(&self) -> Option<Self::Unison>;

    /// It was told what others were, and now goes on by itself.
    fn part_from(&mut self, _unison: &Self::Unison) {}

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

    /// Whether it reads the log.
    fn is_catching_up(&self) -> bool;

    /// Stands for the subscribers of `other`, too.
    ///
    /// # Errors
    /// `other`, which is elsewhere.
    fn absorb(&mut self, other: Self) -> Result<(), Self>
    where
        Self: Sized;

    /// Lets go one of its subscribers, which goes on by itself from `at`.
    #[must_use]
    fn split(&mut self, at: Offset) -> Self;

    /// One of its subscribers is gone.
    fn shed(&mut self);
}

/// A frame, and the offset it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What goes over the wire.
    pub bytes: Bytes,
    /// The offset behind it. Frames of one batch lead to the same one.
    pub next: Offset,
}

/// What a subscription brings, in words that are the same for all who are told.
pub trait Unison<S>: Send + 'static {
    /// Waits for the next delivery; its frames are pushed to the end of `due`, in order.
    fn poll_next(&mut self, subscription: &mut S, cx: &mut Context<'_>, due: &mut VecDeque<Due>) -> Poll<Delivery>;

    /// One more is told what this says from now on; it was told what `other` says.
    fn join(&mut self, other: &Self);
}

/// Frames as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verbatim;

impl Unison<Subscription> for Verbatim {
    fn poll_next(
        &mut self,
        subscription: &mut Subscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Due>,
    ) -> Poll<Delivery> {
        let next = subscription.next_offset();
        subscription.poll_next(cx, &mut Numbered { due, next })
    }

    fn join(&mut self, _other: &Self) {}
}

/// Gives frames their offsets: each is one record.
struct Numbered<'a> {
    due: &'a mut VecDeque<Due>,
    next: Offset,
}

impl Extend<Bytes> for Numbered<'_> {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, frames: I) {
        let Self { due, next } = self;
        due.extend(frames.into_iter().map(|bytes| {
            *next = next.plus(1);
            Due { bytes, next: *next }
        }));
    }
}

impl Source for Subscription {
    fn stream(&self) -> &Stream {
        self.stream()
    }

    fn next_offset(&self) -> Offset {
        self.next_offset()
    }

    fn is_catching_up(&self) -> bool {
        self.is_catching_up()
    }

    fn absorb(&mut self, other: Self) -> Result<(), Self> {
        self.absorb(other)
    }

    fn split(&mut self, at: Offset) -> Self {
        self.split(at)
    }

    fn shed(&mut self) {
        self.shed();
    }
}

impl Source for BatchSubscription {
    fn stream(&self) -> &Stream {
        self.stream()
    }

    fn next_offset(&self) -> Offset {
        self.next_offset()
    }

    fn is_catching_up(&self) -> bool {
        self.is_catching_up()
    }

    fn absorb(&mut self, other: Self) -> Result<(), Self> {
        self.absorb(other)
    }

    fn split(&mut self, at: Offset) -> Self {
        self.split(at)
    }

    fn shed(&mut self) {
        self.shed();
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
    /// What to begin with.
    opening: Option<Bytes>,
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
    pub fn new(start: NativeStart, retry: Duration, mut random: fastrand::Rng) -> Self {
        let opening = match start {
            NativeStart::Position(position, reset) => {
                let mut out = Vec::with_capacity(64);
                control::retry(&mut out, jittered(retry, &mut random));
                if let Some(reset) = reset {
                    // Before the position: a client cut between the two still holds its old id, and is told again.
                    control::reset(&mut out, reset);
                }
                control::position(&mut out, position);
                Some(out.into())
            }
            NativeStart::CloseAlone => None,
        };
        Self { opening, retry, random }
    }
}

impl Voice for Native {
    type Subscription = Subscription;
    type Unison = Verbatim;

    fn unison(&self) -> Option<Verbatim> {
        Some(Verbatim)
    }

    fn poll_next(
        &mut self,
        subscription: &mut Subscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Bytes>,
    ) -> Poll<Delivery> {
        subscription.poll_next(cx, due)
    }

    fn opening(&mut self) -> Option<Bytes> {
        self.opening.take()
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
    F: FnMut(&End) -> Option<Bytes> + Send + Sync + Unpin + 'static,
{
    type Subscription = Subscription;
    type Unison = Verbatim;

    fn unison(&self) -> Option<Verbatim> {
        Some(Verbatim)
    }

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
            End::Closed(Closure { reason: CloseReason::Completed, .. }) => Ending { last_frame: None, is_clean: true },
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

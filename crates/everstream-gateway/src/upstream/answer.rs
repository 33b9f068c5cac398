//! An answer whose head is there: its bytes, with every wait for them bounded.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, response};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::body::{AnswerBody, Step};
use super::failure::Failure;
use crate::outcome::OutcomeCode;
use crate::{BodyStream, BoxError};

/// How much of an answer that nobody waits for is read so that its connection can be used again.
const LEFTOVER_BYTES_MAX: usize = 16 << 10;
const LEFTOVER_WAIT_MAX: Duration = Duration::from_millis(250);

/// How long the beginning of an error's body is waited for.
const BEGINNING_WAIT_MAX: Duration = Duration::from_secs(2);

/// An answer whose head is there. In this order: what each token touches lies together.
#[repr(C)]
pub(crate) struct UpstreamAnswer {
    body: AnswerBody,
    /// The end, met but not reported yet.
    end: Option<Box<Result<(), Failure>>>,
    patience: Patience,
    /// On the heap, out of the way of the bytes.
    head: Box<response::Parts>,
}

/// How long the next bytes may take. Asked for every token, so that the timer is neither moved nor polled for each: it
/// wakes at the earliest moment at which silence may have lasted too long. The timer and what is behind it no token touches.
#[repr(C)]
struct Patience {
    /// When the present wait began.
    since: Instant,
    /// When the timer wakes; it lies elsewhere.
    wakes_at: Instant,
    /// The task that the timer wakes.
    task: Option<Waker>,
    /// Nothing but the wait's beginning has happened since.
    is_new: bool,
    timer: Pin<Box<Sleep>>,
    idle: Duration,
    deadline: Option<Instant>,
}

impl UpstreamAnswer {
    pub(super) fn new(head: response::Parts, body: AnswerBody, idle: Duration, deadline: Option<Instant>) -> Self {
        Self { body, end: None, patience: Patience::new(idle, deadline), head: Box::new(head) }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Whether this is an event stream whose events can be read.
    pub(crate) fn is_event_stream(&self) -> bool {
        is_event_stream(&self.head)
    }

    /// Whether its bytes are in a coding (compressed), although nothing but `identity` was accepted.
    pub(crate) fn is_encoded(&self) -> bool {
        is_encoded(&self.head)
    }

    /// The next bytes; `None` at a clean end.
    ///
    /// # Cancel safety
    /// Safe: no byte is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.patience.restart();
        poll_fn(|cx| {
            let bytes = self.poll_step(cx, |body, cx| body.poll_bytes(cx));
            bytes.map_ok(Option::flatten)
        })
        .await
    }

    /// A new wait for bytes begins; to be called before [`Self::poll_feed`] is polled for them.
    pub(crate) fn begin_to_wait(&mut self) {
        self.patience.restart();
    }

    /// Gives `sink` what has arrived, once there is something. Says whether there was, or else the clean end.
    pub(crate) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<bool, Failure>> {
        let step = self.poll_step(cx, |body, cx| body.poll(cx, sink));
        step.map_ok(|step| step == Some(Step::Arrived))
    }

    /// What `poll` finds in the body, in time; nothing at an end that was put back.
    fn poll_step<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut AnswerBody, &mut Context<'_>) -> Poll<Result<T, BoxError>>,
    ) -> Poll<Result<Option<T>, Failure>> {
        if let Some(end) = self.end.take() {
            return Poll::Ready((*end).map(|()| None));
        }
        match poll(&mut self.body, cx) {
            Poll::Ready(found) => Poll::Ready(found.map(Some).map_err(Failure::within_the_body)),
            Poll::Pending => self.patience.poll_exhausted(cx).map(Err),
        }
    }

    /// The beginning of the body, all of it as a rule: `bytes_max` and perhaps a chunk more, as far as it comes within two
    /// seconds. A failure on the way is left for the rest to report.
    ///
    /// # Cancel safety
    /// Dropped, it has lost what it read.
    pub(crate) async fn beginning(&mut self, bytes_max: usize) -> Bytes {
        let mut beginning = BytesMut::new();
        let reading = async {
            while beginning.len() < bytes_max {
                match self.next().await {
                    Ok(Some(bytes)) => beginning.extend_from_slice(&bytes),
                    end => {
                        self.end = Some(Box::new(end.map(drop)));
                        return;
                    }
                }
            }
        };
        let _ = timeout(BEGINNING_WAIT_MAX, reading).await;
        beginning.freeze()
    }

    /// Reads what little may be left of an answer that is whole, so that its connection can serve another ask.
    pub(crate) async fn finish(mut self) {
        let rest = async {
            let mut left = LEFTOVER_BYTES_MAX;
            loop {
                match self.next().await {
                    Ok(Some(bytes)) => left = left.checked_sub(bytes.len())?,
                    Ok(None) => return Some(()),
                    Err(_) => return None,
                }
            }
        };
        if let Ok(Some(())) = timeout(LEFTOVER_WAIT_MAX, rest).await {
            self.body.end();
        }
    }

    /// The bytes as a stream that fails where the answer does.
    pub(crate) fn into_stream(self) -> BodyStream {
        Box::pin(futures_util::stream::try_unfold(self, |mut answer| async move {
            match answer.next().await {
                Ok(Some(bytes)) => Ok(Some((bytes, answer))),
                Ok(None) => {
                    answer.body.end();
                    Ok(None)
                }
                Err(failure) => Err(BoxError::from(failure.into_error())),
            }
        }))
    }
}

/// Whether what follows `head` is an answer that can be read or passed on.
///
/// # Errors
/// It is 101, after which there is no answer, and which nobody but us must see; or its bytes are in a transfer coding
/// besides chunks, which was not asked for and which a caller could not tell.
pub(super) fn check(head: &response::Parts) -> Result<(), Failure> {
    if head.status.is_informational() {
        return Err(Failure::unasked("the upstream switched to another protocol, which nobody had asked for"));
    }
    let lists =
        head.headers.get_all(TRANSFER_ENCODING).iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let mut codings = lists.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
    if codings.any(|name| !name.eq_ignore_ascii_case(b"chunked") && !name.eq_ignore_ascii_case(b"identity")) {
        return Err(Failure::unasked("the upstream answered in a transfer coding that nobody had asked for"));
    }
    Ok(())
}

/// Whether the body of `head` is an event stream whose events can be read.
pub(super) fn is_event_stream(head: &response::Parts) -> bool {
    let value = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    head.status == StatusCode::OK && essence.eq_ignore_ascii_case("text/event-stream") && !is_encoded(head)
}

fn is_encoded(head: &response::Parts) -> bool {
    let value = head.headers.get(CONTENT_ENCODING);
    value.is_some_and(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

impl Patience {
    fn new(idle: Duration, deadline: Option<Instant>) -> Self {
        let since = Instant::now();
        let wakes_at = Self::wake_at(since + idle, deadline);
        let timer = Box::pin(sleep_until(wakes_at));
        Self { idle, deadline, since, is_new: true, timer, wakes_at, task: None }
    }

    fn wake_at(silent_until: Instant, deadline: Option<Instant>) -> Instant {
        deadline.map_or(silent_until, |deadline| deadline.min(silent_until))
    }

    /// A new wait begins.
    fn restart(&mut self) {
        self.since = Instant::now();
        self.is_new = true;
    }

    /// Resolves once the wait has lasted too long, or the answer has.
    fn poll_exhausted(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let is_new = std::mem::take(&mut self.is_new);
        let wakes_us = self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
        if is_new && wakes_us && self.since < self.wakes_at {
            return Poll::Pending;
        }
        loop {
            if self.timer.as_mut().poll(cx).is_pending() {
                self.task.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
                return Poll::Pending;
            }
            let silent_until = self.since + self.idle;
            let wake = Self::wake_at(silent_until, self.deadline);
            if wake > Instant::now() {
                self.timer.as_mut().reset(wake);
                self.wakes_at = wake;
            } else if wake == silent_until {
                return Poll::Ready(Failure::new(OutcomeCode::UpstreamStalled, "the upstream fell silent"));
            } else {
                return Poll::Ready(Failure::new(OutcomeCode::UpstreamTimeout, "the answer took longer than it may"));
            }
        }
    }
}

impl fmt::Debug for UpstreamAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamAnswer").field("status", &self.head.status).finish_non_exhaustive()
    }
}

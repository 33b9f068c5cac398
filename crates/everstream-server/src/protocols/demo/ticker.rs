//! A body that sends one frame at each tick.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Where the frames come from.
pub(super) trait Source: Send + Unpin + 'static {
    /// The wait before the first tick, and between two ticks.
    fn times(&self) -> (Duration, Duration);

    /// The frame of the tick that was due `elapsed` after the first one. Ticks that nobody could take are left out.
    fn tick(&mut self, elapsed: Duration) -> Tick;
}

/// What a tick brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tick {
    More(Bytes),
    Last(Bytes),
}

/// The body; see the module. A drain cuts it, so that its client can tell that from an end.
pub(super) struct Ticker<S> {
    source: S,
    interval: Interval,
    first: Instant,
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
}

/// The process drains.
#[derive(Debug)]
pub(super) struct Cut;

/// Tokio's timers know nothing shorter.
const PERIOD_MIN: Duration = Duration::from_millis(1);

impl<S: Source> Ticker<S> {
    pub(super) fn start(source: S, draining: CancellationToken) -> Self {
        let (delay, period) = source.times();
        let first = Instant::now() + delay;
        let mut interval = interval_at(first, period.max(PERIOD_MIN));
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { source, interval, first, drained: Box::pin(draining.cancelled_owned()), is_over: false }
    }
}

impl<S: Source> http_body::Body for Ticker<S> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        if this.drained.as_mut().poll(cx).is_ready() {
            this.is_over = true;
            return Poll::Ready(Some(Err(Cut)));
        }
        let due = ready!(this.interval.poll_tick(cx));
        let frame = match this.source.tick(due.duration_since(this.first)) {
            Tick::More(frame) => frame,
            Tick::Last(frame) => {
                this.is_over = true;
                frame
            }
        };
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server is shutting down")
    }
}

impl std::error::Error for Cut {}

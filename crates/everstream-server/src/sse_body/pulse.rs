//! The time in a subscription: comment lines in silence, and an age.
//!
//! One timer per subscription, which is not moved when an event is sent: when it fires, the moment of the last event says
//! whether there was silence. A delivery costs a look at the clock and no work on timers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How a subscription keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PulseConfig {
    /// After so much silence a comment line is sent; `None` for never.
    pub keep_alive: Option<Duration>,
    /// After this age the subscription is cut; `None` for never.
    pub age_max: Option<Duration>,
}

/// What time demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    KeepAlive,
    AgeReached,
}

/// The time in one subscription.
#[derive(Debug)]
pub(super) struct Pulse {
    keep_alive: Option<Duration>,
    ends_at: Option<Instant>,
    last_sent: Instant,
    /// Absent when nothing is ever due.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pulse {
    /// Counts from now: the moment the request was accepted.
    pub(super) fn start(config: PulseConfig) -> Self {
        let now = Instant::now();
        let ends_at = config.age_max.and_then(|age| now.checked_add(age));
        let mut pulse = Self { keep_alive: config.keep_alive, ends_at, last_sent: now, timer: None };
        pulse.timer = pulse.due_at().map(|at| Box::pin(sleep_until(at)));
        pulse
    }

    /// Something was sent just now. Says so when the age was reached meanwhile.
    pub(super) fn sent(&mut self) -> Option<Beat> {
        self.last_sent = self.timer.is_some().then(Instant::now)?;
        self.has_aged(self.last_sent).then_some(Beat::AgeReached)
    }

    /// Waits for the next demand of time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if self.has_aged(now) {
                return Poll::Ready(Beat::AgeReached);
            }
            let is_silent = self.keep_alive.is_some_and(|interval| now.duration_since(self.last_sent) >= interval);
            if is_silent {
                self.last_sent = now;
            }
            let due_at = self.due_at();
            if let (Some(timer), Some(at)) = (&mut self.timer, due_at) {
                timer.as_mut().reset(at);
            }
            if is_silent {
                return Poll::Ready(Beat::KeepAlive);
            }
        }
    }

    fn has_aged(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|at| at <= now)
    }

    fn due_at(&self) -> Option<Instant> {
        let silence = self.keep_alive.and_then(|interval| self.last_sent.checked_add(interval));
        silence.into_iter().chain(self.ends_at).min()
    }
}

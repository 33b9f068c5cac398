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
pub(crate) enum Beat {
    KeepAlive,
    Over(Term),
}

/// Why a subscription ends at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    /// It has reached its age.
    Age,
    /// What admitted it holds no longer.
    Admittance,
}

/// When a subscription ends, if its stream does not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) term: Term,
}

/// The time in one subscription, or in several that are sent the same.
#[derive(Debug)]
pub(crate) struct Pulse {
    keep_alive: Option<Duration>,
    ends: Option<Deadline>,
    last_sent: Instant,
    /// Absent when nothing is ever due.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pulse {
    /// Counts from now: the moment the request was accepted.
    pub(super) fn start(config: PulseConfig) -> Self {
        let now = Instant::now();
        let ends_at = config.age_max.and_then(|age| now.checked_add(age));
        Self::resume(config.keep_alive, now, ends_at.map(|at| Deadline { at, term: Term::Age }))
    }

    /// Goes on from the moment that something was sent last.
    pub(crate) fn resume(keep_alive: Option<Duration>, last_sent: Instant, ends: Option<Deadline>) -> Self {
        let mut pulse = Self { keep_alive, ends, last_sent, timer: None };
        pulse.set_timer();
        pulse
    }

    /// The same silence, with another end, which is not before the next poll.
    pub(crate) fn with_end(&self, ends: Option<Deadline>) -> Self {
        Self::resume(self.keep_alive, self.last_sent, ends)
    }

    /// When it ends.
    pub(crate) const fn ends(&self) -> Option<Deadline> {
        self.ends
    }

    /// Ends it then. To be polled again.
    pub(crate) fn set_end(&mut self, ends: Option<Deadline>) {
        self.ends = ends;
        self.set_timer();
    }

    /// Something was sent just now. Says so when its end was reached meanwhile.
    pub(crate) fn sent(&mut self) -> Option<Beat> {
        self.last_sent = self.timer.is_some().then(Instant::now)?;
        self.over(self.last_sent)
    }

    /// Waits for the next demand of time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if let Some(over) = self.over(now) {
                return Poll::Ready(over);
            }
            let is_silent = self.keep_alive.is_some_and(|interval| now.duration_since(self.last_sent) >= interval);
            if is_silent {
                self.last_sent = now;
            }
            self.set_timer();
            if is_silent {
                return Poll::Ready(Beat::KeepAlive);
            }
        }
    }

    fn over(&self, now: Instant) -> Option<Beat> {
        self.ends.filter(|ends| ends.at <= now).map(|ends| Beat::Over(ends.term))
    }

    fn set_timer(&mut self) {
        let silence = self.keep_alive.and_then(|interval| self.last_sent.checked_add(interval));
        let due_at = silence.into_iter().chain(self.ends.map(|ends| ends.at)).min();
        match (&mut self.timer, due_at) {
            (Some(timer), Some(at)) => timer.as_mut().reset(at),
            (timer, due_at) => *timer = due_at.map(|at| Box::pin(sleep_until(at))),
        }
    }
}

impl Deadline {
    /// The earlier of the two.
    pub(crate) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|deadline| deadline.at)
    }
}

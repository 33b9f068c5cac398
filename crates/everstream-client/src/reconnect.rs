//! When to connect again, and when to give up. A state machine without I/O and without a clock.

use std::time::Duration;

/// However small a `retry:` is, attempts are at least this far apart: no server can make a client spin.
const DELAY_MIN: Duration = Duration::from_millis(10);
/// A server may ask for longer waits than the policy's own, up to this.
const DELAY_ASKED_MAX: Duration = Duration::from_secs(3600);

/// How a subscriber reconnects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The wait after a cut, until the server names another one (`retry:`). Default 2 s.
    pub reconnection_time: Duration,
    /// Where the growth of waits ends; a server that asks for more gets more, up to an hour. Default 30 s.
    pub delay_max: Duration,
    /// Attempts in a row that bring nothing before it gives up. Default 10.
    pub attempts_max: u32,
    /// The same while the server was never reached. Default 10.
    pub first_attempts_max: u32,
}

/// How a connection ended, or failed to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// No response came: refused, no such name, timed out.
    NotConnected,
    /// The server answered that it cannot now (429, 5xx).
    Busy {
        /// The wait its `Retry-After` names.
        retry_after: Option<Duration>,
    },
    /// The body of a stream ended or fell silent.
    Cut,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Connect after this time.
    Wait(Duration),
    /// Do not connect any more.
    GiveUp {
        /// The attempts in a row that brought nothing.
        attempts: u32,
    },
}

/// The state between connections.
///
/// The wait after a good connection lies between the reconnection time `T` and `1.25 × T`; each attempt in a row that
/// brings nothing doubles the upper end, up to the policy's bound. Between the ends the wait is drawn evenly, so that
/// the clients of one server do not come back as one. A connection is good once something has arrived on it.
#[derive(Debug, Clone)]
pub struct Reconnect {
    policy: ReconnectPolicy,
    reconnection_time: Duration,
    failures: u32,
    is_good: bool,
    was_reached: bool,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            reconnection_time: Duration::from_secs(2),
            delay_max: Duration::from_secs(30),
            attempts_max: 10,
            first_attempts_max: 10,
        }
    }
}

impl Reconnect {
    /// The state before the first connection.
    #[must_use]
    pub const fn new(policy: ReconnectPolicy) -> Self {
        let reconnection_time = policy.reconnection_time;
        Self { policy, reconnection_time, failures: 0, is_good: false, was_reached: false }
    }

    /// The server named a reconnection time (`retry:`). It holds for all later connections.
    pub const fn set_reconnection_time(&mut self, time: Duration) {
        self.reconnection_time = time;
    }

    /// Something arrived on the connection.
    pub const fn progressed(&mut self) {
        self.is_good = true;
    }

    /// A connection ended. `jitter` is drawn evenly from 0 to 1 by the caller.
    pub fn disconnected(&mut self, how: Disconnect, jitter: f64) -> Next {
        self.failures = if self.is_good { 0 } else { self.failures.saturating_add(1) };
        self.is_good = false;
        self.was_reached |= how != Disconnect::NotConnected;
        let policy = &self.policy;
        let attempts_max = if self.was_reached { policy.attempts_max } else { policy.first_attempts_max };
        if self.failures >= attempts_max.max(1) {
            return Next::GiveUp { attempts: self.failures };
        }
        let asked = match how {
            Disconnect::Busy { retry_after } => retry_after.unwrap_or_default().min(DELAY_ASKED_MAX),
            Disconnect::NotConnected | Disconnect::Cut => Duration::ZERO,
        };
        let lower = self.reconnection_time.clamp(DELAY_MIN, DELAY_ASKED_MAX);
        let upper = match self.failures {
            0 => lower + lower / 4,
            failures => lower.saturating_mul(2_u32.saturating_pow(failures)).min(policy.delay_max.max(lower)),
        };
        let drawn = lower + (upper - lower).mul_f64(jitter.clamp(0.0, 1.0));
        Next::Wait(drawn.max(asked))
    }
}

#[cfg(test)]
mod tests;

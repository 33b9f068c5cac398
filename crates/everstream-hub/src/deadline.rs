//! When a stream goes away by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use everstream_log::Timestamp;

/// When a stream expires: exact in memory, coarse in the log, so that a read never costs a write. What the log has is
/// later, never earlier: who finds the stream there, after it left memory or the process died, must not find it gone
/// before its time.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// Milliseconds since the epoch; `u64::MAX` is never.
    exact_ms: AtomicU64,
    logged_ms: AtomicU64,
}

/// By so much the log's copy may be later, so that it need not be told of each use.
pub(crate) fn slack(ttl: Duration) -> Duration {
    ttl / 8
}

impl Deadline {
    /// As the log has it.
    pub(crate) fn new(at: Option<Timestamp>) -> Self {
        let at_ms = at.map_or(u64::MAX, |at| at.0);
        Self { exact_ms: AtomicU64::new(at_ms), logged_ms: AtomicU64::new(at_ms) }
    }

    pub(crate) fn get(&self) -> Option<Timestamp> {
        moment(&self.exact_ms)
    }

    /// What the log is to be told, or was.
    pub(crate) fn logged(&self) -> Option<Timestamp> {
        moment(&self.logged_ms)
    }

    pub(crate) fn has_passed(&self, now: Timestamp) -> bool {
        self.get().is_some_and(|at| at <= now)
    }

    /// Sets the deadline; the caller tells the log.
    pub(crate) fn set(&self, at: Option<Timestamp>) {
        self.set_exact(at);
        self.logged_ms.store(self.exact_ms.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Sets the deadline in memory; the log has a later one already.
    pub(crate) fn set_exact(&self, at: Option<Timestamp>) {
        self.exact_ms.store(at.map_or(u64::MAX, |at| at.0), Ordering::Relaxed);
    }

    /// Moves the deadline on. Returns true when the log's copy would be earlier and the caller has to tell the log.
    pub(crate) fn extend(&self, at: Timestamp, slack: Duration) -> bool {
        self.exact_ms.store(at.0, Ordering::Relaxed);
        let logged_ms = self.logged_ms.load(Ordering::Relaxed);
        let is_behind = logged_ms == u64::MAX || at.0 > logged_ms;
        if is_behind {
            self.logged_ms.store(at.plus(slack).0, Ordering::Relaxed);
        }
        is_behind
    }
}

fn moment(at_ms: &AtomicU64) -> Option<Timestamp> {
    let at_ms = at_ms.load(Ordering::Relaxed);
    (at_ms != u64::MAX).then_some(Timestamp(at_ms))
}

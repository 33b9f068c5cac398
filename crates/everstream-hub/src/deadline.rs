//! When a stream goes away by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use everstream_log::Timestamp;

/// When a stream expires: exact in memory, coarse in the log, so that a read never costs a write.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// Milliseconds since the epoch; `u64::MAX` is never.
    exact_ms: AtomicU64,
    logged_ms: AtomicU64,
}

impl Deadline {
    pub(crate) fn new(at: Option<Timestamp>) -> Self {
        let at_ms = at.map_or(u64::MAX, |at| at.0);
        Self { exact_ms: AtomicU64::new(at_ms), logged_ms: AtomicU64::new(at_ms) }
    }

    pub(crate) fn get(&self) -> Option<Timestamp> {
        let at_ms = self.exact_ms.load(Ordering::Relaxed);
        (at_ms != u64::MAX).then_some(Timestamp(at_ms))
    }

    pub(crate) fn has_passed(&self, now: Timestamp) -> bool {
        self.get().is_some_and(|at| at <= now)
    }

    /// Sets the deadline; the caller tells the log.
    pub(crate) fn set(&self, at: Option<Timestamp>) {
        let at_ms = at.map_or(u64::MAX, |at| at.0);
        self.exact_ms.store(at_ms, Ordering::Relaxed);
        self.logged_ms.store(at_ms, Ordering::Relaxed);
    }

    /// Moves the deadline on. Returns true when the log's copy is behind by more than `slack` and the caller has to tell
    /// the log.
    pub(crate) fn extend(&self, at: Timestamp, slack: Duration) -> bool {
        self.exact_ms.store(at.0, Ordering::Relaxed);
        let logged_ms = self.logged_ms.load(Ordering::Relaxed);
        let is_stale = logged_ms == u64::MAX || at.since(Timestamp(logged_ms)) > slack;
        if is_stale {
            self.logged_ms.store(at.0, Ordering::Relaxed);
        }
        is_stale
    }
}

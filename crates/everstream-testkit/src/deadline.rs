//! Bounded waits.

use std::time::{Duration, Instant};

/// How long a test waits for what should come at once. Only a failing test ever waits so long.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A moment after which a wait has failed.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// [`PATIENCE`] from now.
    #[must_use]
    pub fn patient() -> Self {
        Self::after(PATIENCE)
    }

    /// The time left, or `None` once the moment has passed.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// Asks `probe` again and again until it answers `Ok`, at most for [`PATIENCE`]. The probe is expected to cost a round
/// trip, so that this is no busy loop.
///
/// Panics with `what` and the probe's last objection.
#[track_caller]
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Deadline::patient();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(objection) if deadline.left().is_none() => panic!("{what}: not within {PATIENCE:?}; last: {objection}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

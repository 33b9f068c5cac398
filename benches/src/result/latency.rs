//! Latencies, and the clock they are taken with.

use std::time::Duration;

/// Latencies of one run.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.nanos.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn len(&self) -> u64 {
        self.nanos.len() as u64
    }

    /// The latency that `share` (0 to 1) of all stay below or at, in milliseconds.
    pub(crate) fn quantile_ms(&mut self, share: f64) -> f64 {
        self.nanos.sort_unstable();
        let last = self.nanos.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.nanos.get(index).copied().unwrap_or_default() as f64 / 1e6
    }
}

/// Microseconds of `total` for each of `count`.
pub(crate) fn micros_each(total: Duration, count: u64) -> f64 {
    total.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// The present moment in nanoseconds since the epoch: comparable between the processes of one machine.
#[expect(clippy::disallowed_methods, reason = "stamps are compared between processes")]
pub(crate) fn now_nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

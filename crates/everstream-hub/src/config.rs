//! The hub's bounds.

use std::time::Duration;

/// What the hub is allowed to use. Every field has a configuration key of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// The largest record, in bytes.
    pub record_bytes_max: usize,
    /// The most bytes of record data one stream may hold.
    pub stream_bytes_max: u64,
    /// The most producers that may ever append to one stream; each leaves a row in the log for as long as the stream is
    /// there, so that its retries are known for ever.
    pub producers_per_stream_max: u64,
    /// The most subscriptions of one stream.
    pub subscribers_per_stream_max: usize,
    /// The most bytes of recent frames a live stream keeps in memory; who is further behind reads the log.
    pub ring_bytes_max: usize,
    /// The most recent frames a live stream keeps in memory.
    pub ring_frames_max: usize,
    /// The most bytes one read of the log brings for a subscription that catches up.
    pub catch_up_bytes_max: usize,
    /// Appends that may wait for a writer; more make their publishers wait.
    pub queued_appends_max: usize,
    /// How long a live stream stays in memory with nobody appending, reading or subscribing.
    pub idle_max: Duration,
    /// An open stream whose creator set no expiry goes away after this long without use; zero is never.
    pub ttl: Duration,
    /// A closed stream whose creator set no expiry goes away this long after its end; zero is never.
    pub closed_ttl: Duration,
    /// How often expired and idle streams are looked for.
    pub sweep_interval: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            record_bytes_max: 1 << 20,
            stream_bytes_max: 1 << 30,
            producers_per_stream_max: 10_000,
            subscribers_per_stream_max: 100_000,
            ring_bytes_max: 256 << 10,
            ring_frames_max: 1024,
            catch_up_bytes_max: 128 << 10,
            queued_appends_max: 1024,
            idle_max: Duration::from_secs(60),
            ttl: Duration::from_secs(7 * 24 * 3600),
            closed_ttl: Duration::from_secs(24 * 3600),
            sweep_interval: Duration::from_secs(1),
        }
    }
}

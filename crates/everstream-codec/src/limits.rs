//! How much one event may hold.

use std::fmt;

/// Bounds of a decoder or splitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes held for one event: the unfinished line and what the lines before it left. Default 1 MiB.
    pub event_bytes_max: usize,
}

/// An event holds more bytes than [`Limits::event_bytes_max`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLarge {
    /// The limit that was exceeded, in bytes.
    pub limit: usize,
}

impl Limits {
    /// Limits with events of at most `event_bytes_max` bytes.
    #[must_use]
    pub const fn with_event_bytes_max(event_bytes_max: usize) -> Self {
        Self { event_bytes_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 1 << 20 }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event is larger than the limit of {} bytes", self.limit)
    }
}

impl std::error::Error for TooLarge {}

//! Positions in a stream.

use std::fmt;

/// Dense position of a record in its stream: 0, 1, 2 …; the **tail** is the offset after the last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The first position of every stream.
    pub const ZERO: Self = Self(0);

    /// The position `count` records later; saturates, since no stream reaches 2^64 records.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many records lie in `earlier..self`, or 0 when `earlier` is not before `self`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

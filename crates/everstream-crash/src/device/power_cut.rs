//! How much of what nobody synced a power cut leaves.

use fastrand::Rng;

/// What becomes of pages, lengths and directory entries that were changed and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing of it was written.
    Nothing,
    /// All of it was.
    Everything,
    /// Each on its own: any version, torn between sectors or not.
    Some,
}

impl Survival {
    /// One of them, mostly [`Survival::Some`].
    pub fn any(rng: &mut Rng) -> Self {
        match rng.u8(0..4) {
            0 => Self::Nothing,
            1 => Self::Everything,
            _ => Self::Some,
        }
    }

    /// How many of `count` changes, made one after another, survive.
    pub(super) fn draw(self, count: usize, rng: &mut Rng) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Everything => count,
            Self::Some => rng.usize(0..=count),
        }
    }
}

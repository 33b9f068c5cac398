//! `GET /random`: a number from 1 to 100 each second, the same for everybody.
//!
//! The number is a function of the second. So all viewers share it, on every thread and node, without a task that
//! makes it, a channel that carries it or anything that is kept while nobody watches.

use std::time::Duration;

use everstream_codec::encode;
use everstream_log::Timestamp;

use super::ticker::{Source, Tick};

const SECOND: Duration = Duration::from_secs(1);

/// The numbers from one moment on.
#[derive(Debug)]
pub(super) struct Numbers {
    first_second: u64,
    until_first: Duration,
}

impl Numbers {
    /// Those from the next full second on.
    pub(super) const fn from_now(now: Timestamp) -> Self {
        let first_second = now.0.div_ceil(1000);
        Self { first_second, until_first: Timestamp(first_second * 1000).since(now) }
    }
}

impl Source for Numbers {
    fn times(&self) -> (Duration, Duration) {
        (self.until_first, SECOND)
    }

    fn tick(&mut self, elapsed: Duration) -> Tick {
        let mut frame = Vec::with_capacity(16);
        encode::data(&mut frame, number(self.first_second + elapsed.as_secs()).to_string().as_bytes());
        encode::end(&mut frame);
        Tick::More(frame.into())
    }
}

/// The number of a second: seeded by it, so that neighbours have nothing in common.
fn number(second: u64) -> u8 {
    fastrand::Rng::with_seed(second).u8(1..=100)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_from_one_to_a_hundred_and_all_of_them_come() {
        let numbers: Vec<u8> = (1_700_000_000..1_700_002_000).map(number).collect();
        assert!(numbers.iter().all(|number| (1..=100).contains(number)));
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 100);
        let repeats = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(repeats < 60, "{repeats} of 1999");
    }
}

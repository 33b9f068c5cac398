//! Cursors: what clients of a live mode send back, so that caches tell one round of waiting from the next.
//!
//! Many clients wait at the same offset, and a cache in between may ask for them once. The answer to that question must
//! not be given again to the same client, or it would go round in circles: so each answer has a cursor, which clients add
//! to their next request, and which only grows.

use everstream_log::Timestamp;

use crate::protocols::streams::query::Query;

/// Midnight of 9 October 2024, in UTC: where the protocol begins to count.
const ORIGIN: Timestamp = Timestamp(1_728_432_000_000);

/// One step.
const INTERVAL_MS: u64 = 20_000;

/// How far a client that is ahead of the clock is sent on, at most: an hour.
const JITTER_STEPS_MAX: u64 = 180;

/// The least cursor that a client may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    floor: u64,
}

impl Cursor {
    /// From the `cursor` that a request presents. One that is not behind the clock is passed by a random distance, so that
    /// clients which were told the same are not told the same again. What is no cursor of ours is ignored.
    pub(super) fn of(query: &Query, now: Timestamp, random: &mut fastrand::Rng) -> Self {
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let presented = query.all("cursor").next().filter(is_number).and_then(|text| text.parse::<u64>().ok());
        let floor = match presented {
            Some(presented) if presented >= at(now) => presented.saturating_add(random.u64(1..=JITTER_STEPS_MAX)),
            _ => 0,
        };
        Self { floor }
    }

    /// The cursor to tell at `now`: never less than one told before.
    pub(super) fn tell(&mut self, now: Timestamp) -> u64 {
        self.floor = self.floor.max(at(now));
        self.floor
    }

    /// For one who must be told no less than either.
    pub(super) fn later(self, other: Self) -> Self {
        Self { floor: self.floor.max(other.floor) }
    }

    /// Whether what everybody is told at `now` will do for this client, too.
    pub(super) fn is_common(self, now: Timestamp) -> bool {
        self.floor <= at(now)
    }
}

/// What a client that presents nothing is told at `now`.
pub(super) fn at(now: Timestamp) -> u64 {
    now.0.saturating_sub(ORIGIN.0) / INTERVAL_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(ORIGIN.0 + 1000 * INTERVAL_MS + 7);

    fn cursor(query: &str) -> Cursor {
        let uri = format!("/v1/stream/a?{query}").parse().unwrap();
        Cursor::of(&Query::of(&uri), NOW, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn a_cursor_counts_intervals_of_twenty_seconds() {
        assert_eq!(at(Timestamp(0)), 0);
        assert_eq!(at(ORIGIN), 0);
        assert_eq!(at(Timestamp(ORIGIN.0 + INTERVAL_MS - 1)), 0);
        assert_eq!(at(NOW), 1000);
    }

    #[test]
    fn a_client_behind_the_clock_is_told_the_time() {
        for query in ["", "cursor=999", "cursor=", "cursor=-1", "cursor=x", "cursor=99999999999999999999"] {
            assert!(cursor(query).is_common(NOW), "{query}");
            assert_eq!(cursor(query).tell(NOW), 1000, "{query}");
        }
    }

    #[test]
    fn a_client_at_or_before_the_clock_is_sent_on_by_at_most_an_hour() {
        for presented in [1000, 1001, 5000] {
            let mut cursor = cursor(&format!("cursor={presented}"));
            assert!(!cursor.is_common(NOW));
            assert!((presented + 1..=presented + 180).contains(&cursor.tell(NOW)), "{presented}");
        }
        assert_eq!(cursor(&format!("cursor={}", u64::MAX)).tell(NOW), u64::MAX);
    }

    #[test]
    fn a_cursor_grows_with_the_clock_and_never_shrinks() {
        let mut cursor = cursor("cursor=1000");
        let (first, later) = (cursor.tell(NOW), Timestamp(NOW.0 + 400 * INTERVAL_MS));
        assert_eq!(cursor.tell(Timestamp(NOW.0 + INTERVAL_MS)), first);
        assert!(cursor.is_common(later));
        assert_eq!(cursor.tell(later), 1400);
        // The clock may be set back, and what was encoded a moment ago may say less.
        assert_eq!(cursor.tell(NOW), 1400);
        assert!(!cursor.is_common(NOW));
    }
}

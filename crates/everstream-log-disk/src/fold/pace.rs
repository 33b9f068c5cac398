//! How fast a fold goes: as fast as it has to, which is seldom as fast as it can.
//!
//! At full speed it keeps a processor for milliseconds, and whoever was about to run on that one waits as long, often
//! even while another one is idle: the scheduler lets a thread finish its slice. So it goes in short steps, and rests
//! behind each while it is well ahead of what fills up meanwhile.

use std::thread;
use std::time::Duration;

use crate::pending::Pending;

/// The bytes of rows in a step, or of a journal that is made: less than 100 µs.
const STEP_BYTES: usize = 32 * 1024;
/// What a step is followed by, where there is time.
const REST: Duration = Duration::from_micros(500);

#[derive(Debug)]
pub(crate) struct Pace<'a> {
    /// What fills up meanwhile, and waits for the fold once it is full; nothing when the fold is all there is to do.
    filling: Option<&'a Pending>,
    /// The bytes that are written by now.
    folded: usize,
    /// How many of them there were at the last step's end.
    folded_before: usize,
}

impl<'a> Pace<'a> {
    /// Of a fold beside which appends go on.
    pub(crate) const fn beside(filling: &'a Pending) -> Self {
        Self { filling: Some(filling), folded: 0, folded_before: 0 }
    }

    /// Of one that somebody waits for.
    pub(crate) const fn at_once() -> Self {
        Self { filling: None, folded: 0, folded_before: 0 }
    }

    /// Takes note of `bytes` of rows, or of the journal that is made behind them, and rests when a step is done and there is
    /// time. Not with a lock that anybody who answers takes.
    pub(crate) fn step(&mut self, bytes: usize) {
        if self.is_rest_due(bytes) {
            thread::park_timeout(REST);
        }
    }

    /// There is time while what is folded by now is twice what has come meanwhile.
    fn is_rest_due(&mut self, bytes: usize) -> bool {
        self.folded = self.folded.saturating_add(bytes);
        let is_step_done = self.folded - self.folded_before >= STEP_BYTES;
        if is_step_done {
            self.folded_before = self.folded;
        }
        is_step_done && self.filling.is_some_and(|filling| self.folded / 2 >= filling.open_bytes())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use everstream_log::{Entry, NewRecord, Offset, StreamKey, Timestamp};

    use super::*;
    use crate::tail::Tail;

    /// A set in which one record of so many bytes waits.
    fn filled(bytes: usize) -> Pending {
        let records = vec![NewRecord { time: Timestamp(0), data: Bytes::from(vec![0; bytes]) }];
        let entry = Entry { stream: StreamKey(1), first: Offset::ZERO, records, closure: None, sequencing: None };
        let empty =
            Tail { next: Offset::ZERO, bytes: 0, is_closed: false, is_relay: false, producers: 0, separator: None };
        let end = empty.behind(&entry);
        let pending = Pending::default();
        pending.apply(&[entry], &[end]);
        pending
    }

    #[test]
    fn a_fold_rests_behind_its_steps_while_it_is_ahead_of_what_fills_up() {
        // A little more than two steps, with what the stream itself takes.
        let filling = filled(2 * STEP_BYTES);
        let mut pace = Pace::beside(&filling);
        assert!((0..4).all(|_| !pace.is_rest_due(STEP_BYTES)), "it is behind");
        assert!(pace.is_rest_due(STEP_BYTES), "ahead");
        assert!(!pace.is_rest_due(STEP_BYTES - 1), "amid a step");
        assert!(pace.is_rest_due(1), "at its end");
    }

    #[test]
    fn a_fold_that_somebody_waits_for_does_not_rest() {
        assert!(!Pace::at_once().is_rest_due(STEP_BYTES));
    }
}

//! The law of resumption: where a subscription starts, judged from what its client presents.

use everstream_log::Offset;

use crate::EventId;

/// What a client presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nothing: everything from the first record held.
    Beginning,
    /// Only what comes from now on.
    Now,
    /// The id of the last event it saw.
    After(EventId),
    /// An id that is none of ours.
    Malformed,
}

/// Where the subscription starts and what its client has to be told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The offset of the first record to send.
    pub from: Offset,
    /// The position before that record, as the client's first resume point.
    pub position: EventId,
    /// Set when the presented id is worthless, so that the client must forget what it has.
    pub reset: Option<Reset>,
    /// The client has seen the stream's close: there is nothing left to send.
    pub has_seen_end: bool,
}

/// Why a client must forget what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// What is wrong with the presented id.
    pub reason: ResetReason,
    /// The position before the first record held, from which the replay goes on.
    pub first: EventId,
    /// The position at the tail.
    pub next: EventId,
}

/// What is wrong with a presented id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It is of another incarnation, or no id at all.
    EpochChanged,
    /// The records after it are not all held any more.
    Trimmed,
    /// It is after the tail.
    BeyondTail,
}

impl ResetReason {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EpochChanged => "epoch_changed",
            Self::Trimmed => "trimmed",
            Self::BeyondTail => "beyond_tail",
        }
    }
}

/// What a resume point is judged against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) epoch: everstream_log::Epoch,
    pub(crate) first: Offset,
    pub(crate) tail: Offset,
    pub(crate) is_closed: bool,
}

impl Held {
    /// Judges `start`. `canonical[..k] ++ resume(k) == canonical` holds for every id handed out in this epoch; every
    /// other id is answered with a reset and the whole.
    pub(crate) fn judge(self, start: Start) -> Opening {
        match start {
            Start::Beginning => self.opening(self.first),
            Start::Now => self.opening(self.tail),
            Start::Malformed => self.reset(ResetReason::EpochChanged),
            Start::After(id) if id.epoch != self.epoch => self.reset(ResetReason::EpochChanged),
            Start::After(id) if id.next > self.tail => self.reset(ResetReason::BeyondTail),
            Start::After(id) if id.next < self.first => self.reset(ResetReason::Trimmed),
            Start::After(id) if id.is_end && !(self.is_closed && id.next == self.tail) => {
                self.reset(ResetReason::BeyondTail)
            }
            Start::After(id) => Opening { has_seen_end: id.is_end, ..self.opening(id.next) },
        }
    }

    const fn opening(self, from: Offset) -> Opening {
        Opening { from, position: EventId::new(self.epoch, from), reset: None, has_seen_end: false }
    }

    fn reset(self, reason: ResetReason) -> Opening {
        let first = EventId::new(self.epoch, self.first);
        let next = EventId::new(self.epoch, self.tail);
        Opening { reset: Some(Reset { reason, first, next }), ..self.opening(self.first) }
    }
}

#[cfg(test)]
mod tests {
    use everstream_log::Epoch;

    use super::*;

    fn judge(start: Start) -> (u64, Option<ResetReason>, bool) {
        let epoch = Epoch::parse("k3v9").unwrap();
        let held = Held { epoch, first: Offset(2), tail: Offset(5), is_closed: true };
        let opening = held.judge(start);
        (opening.from.0, opening.reset.map(|reset| reset.reason), opening.has_seen_end)
    }

    fn after(id: &str) -> (u64, Option<ResetReason>, bool) {
        judge(Start::After(EventId::parse(id).unwrap()))
    }

    #[test]
    fn an_id_of_this_life_goes_on_exactly_behind_it() {
        assert_eq!(after("k3v9-2"), (2, None, false));
        assert_eq!(after("k3v9-4"), (4, None, false));
        assert_eq!(after("k3v9-5"), (5, None, false));
        assert_eq!(after("k3v9-5-end"), (5, None, true));
    }

    #[test]
    fn every_other_id_is_answered_with_a_reset_and_the_whole() {
        assert_eq!(after("k3v8-4"), (2, Some(ResetReason::EpochChanged), false));
        assert_eq!(after("k3v9-6"), (2, Some(ResetReason::BeyondTail), false));
        assert_eq!(after("k3v9-1"), (2, Some(ResetReason::Trimmed), false));
        assert_eq!(after("k3v9-4-end"), (2, Some(ResetReason::BeyondTail), false));
        assert_eq!(judge(Start::Malformed), (2, Some(ResetReason::EpochChanged), false));
    }

    #[test]
    fn without_an_id_the_client_says_where() {
        assert_eq!(judge(Start::Beginning), (2, None, false));
        assert_eq!(judge(Start::Now), (5, None, false));
    }
}

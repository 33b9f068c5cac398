//! Which append of a producer goes out when, and what each answer means. A state machine without I/O and without a clock.

use std::collections::VecDeque;
use std::time::Duration;

use crate::reconnect::{Disconnect, Next, Reconnect, ReconnectPolicy};

/// The appends that are not known to be in the log, in their order. Each is sent until it is answered for good.
#[derive(Debug)]
pub(super) struct Pipeline<T> {
    epoch: u64,
    next_seq: u64,
    appends: VecDeque<Append<T>>,
    in_flight_max: usize,
    epoch_rule: EpochRule,
    known: Known,
    reconnect: Reconnect,
    is_paused: bool,
    /// Whether the server has accepted anything. Before that one append goes alone: it may have to change its epoch.
    is_begun: bool,
}

#[derive(Debug)]
struct Append<T> {
    seq: u64,
    payload: T,
    phase: Phase,
    attempts: u32,
    /// Everything before this was acknowledged when it was last sent.
    acknowledged: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// To be sent.
    Ready,
    /// To be sent once everything before it is in the log: it overtook that.
    Behind,
    InFlight,
}

/// What to do about an epoch that is over before the first append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochRule {
    /// Fail: another life of this producer is at work.
    Keep,
    /// Take the next one, which fences that other life. The appends of this life are then new ones, whatever they hold.
    Claim,
}

/// What it means that the server had an append which was never sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Somebody else uses this producer's id; going on would lose appends without a word.
    Foreign,
    /// An earlier run of this very input has sent it; it is there.
    Earlier,
}

/// The answer to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It was stored by this attempt.
    Stored,
    /// It had been stored before; this is the highest number the server has of this epoch.
    Duplicate { highest: u64 },
    /// An append before it is missing.
    Gap { expected: u64 },
    /// A later epoch is at work.
    Fenced { epoch: u64 },
    /// Nothing was decided; it may or may not be stored.
    Later(Disconnect),
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// Send nothing for this long, then call [`Pipeline::resume`].
    Pause(Duration),
    Fail(Fault),
}

/// Why a producer cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A later epoch is at work.
    Fenced { epoch: u64 },
    /// Somebody else appends under this id and epoch.
    Taken,
    /// The server says that it lacks what it had acknowledged.
    Forgotten { expected: u64 },
    /// Too many attempts in a row brought nothing.
    GaveUp,
}

impl<T> Pipeline<T> {
    pub(super) fn new(
        epoch: u64,
        in_flight_max: usize,
        epoch_rule: EpochRule,
        known: Known,
        reconnect: ReconnectPolicy,
    ) -> Self {
        Self {
            epoch,
            next_seq: 0,
            appends: VecDeque::new(),
            in_flight_max: in_flight_max.max(1),
            epoch_rule,
            known,
            reconnect: Reconnect::new(reconnect),
            is_paused: false,
            is_begun: false,
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether one more append can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.appends.len() < if self.is_begun { self.in_flight_max } else { 1 }
    }

    /// Whether everything is in the log.
    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    /// Takes an append; for callers that have asked [`Self::has_room`].
    pub(super) fn push(&mut self, payload: T) {
        self.appends.push_back(Append {
            seq: self.next_seq,
            payload,
            phase: Phase::Ready,
            attempts: 0,
            acknowledged: 0,
        });
        self.next_seq += 1;
    }

    /// The next append to be sent, if one is due: its number and what it carries. It is in flight from now on.
    pub(super) fn next(&mut self) -> Option<(u64, &T)> {
        if self.is_paused {
            return None;
        }
        let front = self.appends.front()?.seq;
        let due = self
            .appends
            .iter_mut()
            .find(|append| append.phase == Phase::Ready || (append.phase == Phase::Behind && append.seq == front))?;
        due.phase = Phase::InFlight;
        due.acknowledged = front;
        due.attempts = due.attempts.saturating_add(1);
        Some((due.seq, &due.payload))
    }

    /// Takes the answer to the attempt that `epoch` and `seq` name. `jitter` is drawn evenly from 0 to 1 by the caller.
    pub(super) fn answered(&mut self, epoch: u64, seq: u64, reply: Reply, jitter: f64) -> Step {
        let is_current = epoch == self.epoch;
        let Some(append) = self.appends.iter_mut().find(|append| is_current && append.seq == seq) else {
            // Of something that is known to be stored by now.
            return Step::GoOn;
        };
        match reply {
            Reply::Stored => self.stored(seq),
            Reply::Duplicate { highest } => {
                let is_foreign = append.attempts <= 1 || highest >= self.next_seq;
                if is_foreign && self.known == Known::Foreign {
                    return Step::Fail(Fault::Taken);
                }
                self.stored(highest)
            }
            // An answer may be older than the acknowledgement of what it misses.
            Reply::Gap { expected } if expected < append.acknowledged => Step::Fail(Fault::Forgotten { expected }),
            Reply::Gap { .. } => {
                append.phase = Phase::Behind;
                Step::GoOn
            }
            Reply::Fenced { epoch } => self.fenced(epoch),
            Reply::Later(how) => {
                append.phase = Phase::Ready;
                self.failed(how, jitter)
            }
        }
    }

    /// The pause is over.
    pub(super) const fn resume(&mut self) {
        self.is_paused = false;
    }

    fn stored(&mut self, highest: u64) -> Step {
        self.is_begun = true;
        self.reconnect.progressed();
        // The server takes them in order only: what is before a stored one is stored.
        while self.appends.front().is_some_and(|append| append.seq <= highest) {
            self.appends.pop_front();
        }
        Step::GoOn
    }

    fn fenced(&mut self, epoch: u64) -> Step {
        let is_claimed = self.epoch_rule == EpochRule::Claim && !self.is_begun;
        match self.appends.front_mut() {
            // What is fenced was not stored, and nothing else was ever sent.
            Some(first) if is_claimed && first.seq == 0 => {
                self.epoch = epoch.saturating_add(1);
                first.phase = Phase::Ready;
                first.attempts = 0;
                Step::GoOn
            }
            _ => Step::Fail(Fault::Fenced { epoch }),
        }
    }

    /// One pause for all attempts that fail together.
    fn failed(&mut self, how: Disconnect, jitter: f64) -> Step {
        if self.is_paused {
            return Step::GoOn;
        }
        match self.reconnect.disconnected(how, jitter) {
            Next::Wait(wait) => {
                self.is_paused = true;
                Step::Pause(wait)
            }
            Next::GiveUp { .. } => Step::Fail(Fault::GaveUp),
        }
    }
}

#[cfg(test)]
mod tests;

//! A round on its way through a crowd, which two threads write.
//!
//! A round through a thousand sockets is a thousand calls of the kernel, one behind the other: milliseconds, in which the
//! last one waits for all others. So where a processor has no worker, a helper writes, too: the group's task from the
//! first member on, the helper from the last, a few at a time, until they meet. One that comes late finds nothing to do,
//! and nobody waits for it. Both only write: the members stay where they are, and what came of it is the group's to judge.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use everstream_hub::Tasks;

use super::Member;
use crate::lane::helpers::Helper;
use crate::lane::round::Round;
use crate::sse_body::Voice;

/// A group with fewer members is written by its task alone: at half as many, a helper takes a twentieth more CPU for half a
/// millisecond (`docs/adr/0028-helpers.md`).
pub(super) const MEMBERS_MIN: usize = 512;

/// So many sockets are taken at a time. The round is over once both threads are through with theirs.
const TAKEN: usize = 16;

/// Those who could not be written everything, by their indices, and what came of it.
pub(super) type HeldUp = Vec<(usize, io::Result<usize>)>;

/// The members of a large group while a round is written to them.
pub(super) struct Crowd<V: Voice> {
    round: Round,
    members: Vec<Member<V>>,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    /// Those whom nobody writes yet.
    members: Range<usize>,
    held_up: HeldUp,
}

impl<V: Voice> Crowd<V> {
    /// Has `helper` write `round`, too. It wakes `group` when it is through.
    pub(super) fn begin(
        round: Round,
        members: Vec<Member<V>>,
        helper: Helper,
        tasks: &Tasks,
        group: &Waker,
    ) -> Arc<Self> {
        let left = Left { members: 0..members.len(), held_up: HeldUp::new() };
        let crowd = Arc::new(Self { round, members, left: Mutex::new(left) });
        let (shared, group) = (Arc::downgrade(&crowd), group.clone());
        helper.run(tasks, move || {
            let Some(crowd) = shared.upgrade() else { return };
            while crowd.write_last() > 0 {}
            // First: the group takes the crowd back once it is the only one that has it.
            drop(crowd);
            group.wake();
        });
        crowd
    }

    /// Writes to some members more, and says to how many: none when all are taken.
    pub(super) fn write_first(&self) -> usize {
        self.write(|left| left.start..left.end.min(left.start + TAKEN))
    }

    fn write_last(&self) -> usize {
        self.write(|left| left.start.max(left.end.saturating_sub(TAKEN))..left.end)
    }

    fn write(&self, take: impl FnOnce(&Range<usize>) -> Range<usize>) -> usize {
        let taken = self.with_left(|left| {
            let taken = take(&left.members);
            let is_first = taken.start == left.members.start;
            left.members = if is_first { taken.end..left.members.end } else { left.members.start..taken.start };
            taken
        });
        for (index, member) in taken.clone().zip(self.members.get(taken.clone()).unwrap_or_default()) {
            let written = self.round.write(&member.socket);
            if !matches!(written, Ok(bytes) if bytes == self.round.len()) {
                self.with_left(|left| left.held_up.push((index, written)));
            }
        }
        taken.len()
    }

    /// No code panics while it holds the lock.
    fn with_left<T>(&self, f: impl FnOnce(&mut Left) -> T) -> T {
        f(&mut self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When nobody writes any more: the round, the members and who was held up, the last of them at the end.
    pub(super) fn end(self) -> (Round, Vec<Member<V>>, HeldUp) {
        let mut held_up = self.left.into_inner().unwrap_or_else(PoisonError::into_inner).held_up;
        held_up.sort_unstable_by_key(|(index, _)| *index);
        (self.round, self.members, held_up)
    }
}

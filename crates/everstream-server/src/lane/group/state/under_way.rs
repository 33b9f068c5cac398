//! A round of a group, from its beginning to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use super::{SOCKETS_PER_TURN_MAX, State, Step};
use crate::lane::group::Group;
use crate::lane::group::crowd::{self, Crowd};
use crate::lane::round::Round;
use crate::sse_body::Voice;

/// Who writes a round.
pub(super) enum UnderWay<V: Voice> {
    /// The group's task.
    ByUs(Round),
    /// A helper, too.
    ByTwo(Arc<Crowd<V>>),
}

impl<V: Voice> State<V> {
    pub(super) fn begin(&mut self, group: &Arc<Group<V>>, round: Round, sockets: &mut usize, cx: &Context<'_>) {
        if self.members.len() > SOCKETS_PER_TURN_MAX {
            self.pause.round_begins();
        }
        let is_crowd = self.members.len() >= crowd::MEMBERS_MIN;
        let helper = if is_crowd { group.lane.helpers().call() } else { None };
        match helper {
            None => self.write(group, round, sockets),
            Some(helper) => {
                let members = std::mem::take(&mut self.members);
                let crowd = Crowd::begin(round, members, helper, group.lane.tasks(), cx.waker());
                self.round = Some(Box::new(UnderWay::ByTwo(crowd)));
            }
        }
    }

    /// Writes some of it.
    pub(super) fn go_on(&mut self, group: &Arc<Group<V>>, round: UnderWay<V>, sockets: &mut usize) -> Step {
        match round {
            UnderWay::ByUs(round) => {
                self.write(group, round, sockets);
                Step::Goes
            }
            UnderWay::ByTwo(crowd) => self.write_crowd(crowd, sockets),
        }
    }

    /// Writes the round to those who have not got it. Nobody joins or leaves meanwhile but those who cannot take it.
    fn write(&mut self, group: &Arc<Group<V>>, round: Round, sockets: &mut usize) {
        while self.written < self.members.len() || !self.held_up.is_empty() {
            let Some(fewer) = sockets.checked_sub(1) else {
                self.round = Some(Box::new(UnderWay::ByUs(round)));
                return;
            };
            *sockets = fewer;
            let (index, written) = match (self.held_up.pop(), self.members.get(self.written)) {
                (Some(held_up), _) => held_up,
                (None, Some(member)) => (self.written, round.write(&member.socket)),
                (None, None) => break,
            };
            match written {
                Ok(written) if written == round.len() => self.written += 1,
                // The last member takes the place, and comes next.
                Ok(0) => self.let_go(group, index, round.first, VecDeque::new()),
                Ok(written) => self.let_go(group, index, round.next, round.rest(written)),
                Err(_) => self.lose(group, index),
            }
        }
        self.written = 0;
        self.at = round.next;
        self.pause.round_ends();
    }

    /// Writes a crowd its round beside a helper. When both are through, what is left is to let those go who were held up.
    fn write_crowd(&mut self, crowd: Arc<Crowd<V>>, sockets: &mut usize) -> Step {
        let written = crowd.write_first();
        *sockets = sockets.saturating_sub(written);
        let crowd = if written > 0 { Err(crowd) } else { Arc::try_unwrap(crowd) };
        match crowd {
            Ok(crowd) => {
                let (round, members, held_up) = crowd.end();
                self.written = members.len();
                (self.members, self.held_up) = (members, held_up);
                self.round = Some(Box::new(UnderWay::ByUs(round)));
                Step::Goes
            }
            Err(crowd) => {
                self.round = Some(Box::new(UnderWay::ByTwo(crowd)));
                // The helper wakes the task.
                if written > 0 { Step::Goes } else { Step::Rests }
            }
        }
    }
}

//! What a group does at each turn.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::Delivery;
use everstream_log::Offset;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::crowd::HeldUp;
use super::{Group, Member, Pause};
use crate::lane::round::Round;
use crate::lane::{Peer, Rider};
use crate::sse_body::{Beat, Deadline, Due, Pulse, Source, SseBody, Unison, Voice, control};

use under_way::UnderWay;

mod under_way;

/// So many sockets are written, read or let go in one turn: then the worker's other tasks have theirs. An append takes
/// several turns from its arrival to its answer, and its publisher waits for all of them.
const SOCKETS_PER_TURN_MAX: usize = 128;

/// Members whose time is up within this of each other leave together, so that looking for them costs little.
const END_STEP: Duration = Duration::from_millis(100);

/// So many frames may wait behind a round for somebody to join behind them; others come later.
const DUE_AHEAD_MAX: usize = 64;

/// Lists that grew beyond this are given back when they are mostly empty.
const KEPT: usize = 16;

thread_local! {
    /// The buffer of what was due to a worker's last group, for the next one. A group at rest owns none: it would be out of
    /// the caches by the time of its next event.
    static SPARE: RefCell<VecDeque<Due>> = const { RefCell::new(VecDeque::new()) };
}

/// The state of a group, in the order in which a round touches it: thousands of groups push one another out of the caches.
#[repr(C)]
pub(super) struct State<V: Voice> {
    /// Of the group's task.
    waker: Option<Waker>,
    /// Everybody has to leave: the stream has ended, or the process drains.
    is_leaving: bool,
    /// What woke the group was let go first.
    has_waited: bool,
    /// All members were written what is before this offset, except for the round.
    at: Offset,
    /// One that did not end in the turn that began it. On the heap, since it is rare.
    round: Option<Box<UnderWay<V>>>,
    /// So many members were written the round.
    written: usize,
    members: Vec<Member<V>>,
    /// What comes after the round.
    due: VecDeque<Due>,
    /// Stands for everybody here.
    subscription: V::Subscription,
    unison: V::Unison,
    pause: Pause,
    /// The end of this pulse is the earliest of the members' ends.
    pulse: Pulse,
    /// Those who wait until the members are where they are, in the order of their offsets.
    arriving: VecDeque<(Offset, Member<V>)>,
    /// The places of members whose sockets have something to say; each at most once.
    heard: Vec<usize>,
    /// Those of a crowd who could not be written the round, the last of them at the end.
    held_up: HeldUp,
}

impl<V: Voice> State<V> {
    /// Of a group that is about to admit the one subscriber that `subscription` stands for.
    pub(super) fn new(subscription: V::Subscription, unison: V::Unison, pulse: Pulse) -> Self {
        Self {
            at: subscription.next_offset(),
            subscription,
            unison,
            members: Vec::new(),
            arriving: VecDeque::new(),
            heard: Vec::new(),
            due: VecDeque::new(),
            round: None,
            written: 0,
            held_up: HeldUp::new(),
            pause: Pause::default(),
            pulse,
            has_waited: false,
            is_leaving: false,
            waker: None,
        }
    }

    /// Whether the members will be at `at` without passing it: looks what is due, if need be.
    pub(super) fn is_reachable(&mut self, at: Offset) -> bool {
        if self.is_leaving || self.is_empty() {
            return false;
        }
        if self.subscription.next_offset() == at {
            return true;
        }
        let Some(waker) = self.waker.clone().filter(|_| self.due.len() <= DUE_AHEAD_MAX) else { return false };
        // An end is found again by the task.
        let _ = self.unison.poll_next(&mut self.subscription, &mut Context::from_waker(&waker), &mut self.due);
        waker.wake();
        self.subscription.next_offset() == at
    }

    /// Stands for one more.
    ///
    /// # Errors
    /// The subscription of one that is elsewhere.
    pub(super) fn absorb(&mut self, subscription: V::Subscription) -> Result<(), V::Subscription> {
        self.subscription.absorb(subscription)
    }

    /// One more is told what the others are, and was told what `other` says.
    pub(super) fn unite(&mut self, other: &V::Unison) {
        self.unison.join(other);
    }

    /// Takes in one whom the subscription stands for already.
    pub(super) fn admit(&mut self, group: &Arc<Group<V>>, at: Offset, peer: Peer, voice: V, ends: Option<Deadline>) {
        let Peer { socket, unread, permit } = peer;
        let Ok(socket) = socket.into_std() else { return self.subscription.shed() };
        let member = Member { socket, place: None, unread, permit, voice, ends };
        if self.round.is_none() && self.due.is_empty() && self.at == at {
            self.seat(group, member);
        } else {
            self.arriving.push_back((at, member));
        }
        self.rouse();
    }

    /// The member at `place` has something to say.
    pub(super) fn hear(&mut self, place: usize) {
        self.heard.push(place);
        self.rouse();
    }

    pub(super) fn rouse(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// One turn. Ready when nobody is left.
    pub(super) fn poll(&mut self, group: &Arc<Group<V>>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
        // With many to write to, the publisher is answered first: its next event may then be in the same round.
        if self.members.len() > SOCKETS_PER_TURN_MAX && !std::mem::replace(&mut self.has_waited, true) {
            return yield_now(cx);
        }
        let mut sockets = SOCKETS_PER_TURN_MAX;
        loop {
            if self.step(group, &mut sockets, cx) == Step::Rests {
                self.has_waited = false;
                return Poll::Pending;
            }
            if self.is_empty() {
                return Poll::Ready(());
            }
            if sockets == 0 {
                return yield_now(cx);
            }
        }
    }

    /// A crowd has its members with it.
    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.arriving.is_empty() && self.round.is_none()
    }

    /// The next thing to do, for at most so many sockets.
    fn step(&mut self, group: &Arc<Group<V>>, sockets: &mut usize, cx: &mut Context<'_>) -> Step {
        if let Some(round) = self.round.take() {
            return self.go_on(group, *round, sockets);
        } else if self.seat_arrived(group) {
            // Seen, and nothing more to it.
        } else if self.is_leaving || group.lane.is_draining() {
            self.is_leaving = true;
            self.dismiss(group, sockets);
        } else if let Some(place) = self.heard.pop() {
            *sockets -= 1;
            self.listen(group, place);
        } else if self.pause.is_pausing(cx) {
            return Step::Rests;
        } else if self.pause.is_on() {
            self.pause.found_more();
            // More of what is due; an end is found again.
            let _ = self.unison.poll_next(&mut self.subscription, cx, &mut self.due);
        } else if !self.due.is_empty() {
            let until = self.arriving.front().map(|(at, _)| *at);
            let round = Round::gather(&mut self.due, self.at, until);
            self.begin(group, round, sockets, cx);
        } else {
            return self.look(group, sockets, cx);
        }
        Step::Goes
    }

    /// Looks for what the stream has, or else what time demands.
    fn look(&mut self, group: &Arc<Group<V>>, sockets: &mut usize, cx: &mut Context<'_>) -> Step {
        let Self { unison, subscription, due, pulse, pause, .. } = self;
        if due.capacity() == 0 {
            *due = SPARE.take();
        }
        let beat = match unison.poll_next(subscription, cx, due) {
            Poll::Ready(Delivery::Frames) => {
                pause.found_more();
                pulse.sent()
            }
            Poll::Ready(Delivery::Ended(_) | Delivery::Broken(_)) => {
                // Each is told by its own voice.
                self.is_leaving = true;
                None
            }
            Poll::Pending => match group.poll_time(|cx| pulse.poll(cx)) {
                Poll::Ready(beat) => Some(beat),
                Poll::Pending => return self.rest(),
            },
        };
        match beat {
            Some(Beat::KeepAlive) => {
                group.rung.set();
                let mut comment = VecDeque::from([Due { bytes: control::keep_alive(), next: self.at }]);
                self.round = Some(Box::new(UnderWay::ByUs(Round::gather(&mut comment, self.at, None))));
            }
            Some(Beat::Over(_)) => self.part(group, sockets),
            None => {}
        }
        Step::Goes
    }

    /// Gives back what a busy time has left.
    fn rest(&mut self) -> Step {
        if self.due.is_empty() && self.due.capacity() > 0 {
            let due = std::mem::take(&mut self.due);
            if due.capacity() <= KEPT {
                // At the end of a thread there is no next group.
                let _ = SPARE.try_with(|spare| spare.replace(due));
            }
        }
        if self.members.capacity() > 4 * self.members.len() + KEPT {
            self.members.shrink_to(2 * self.members.len());
        }
        if self.arriving.capacity() > KEPT && self.arriving.is_empty() {
            self.arriving = VecDeque::new();
        }
        if self.heard.capacity() > KEPT {
            self.heard = Vec::new();
        }
        Step::Rests
    }

    /// Makes those members whose offset is reached, and says whether there were any.
    fn seat_arrived(&mut self, group: &Arc<Group<V>>) -> bool {
        let mut has_some = false;
        while self.arriving.front().is_some_and(|(at, _)| *at == self.at) {
            let Some((_, member)) = self.arriving.pop_front() else { break };
            self.seat(group, member);
            has_some = true;
        }
        has_some
    }

    fn seat(&mut self, group: &Arc<Group<V>>, mut member: Member<V>) {
        match group.lane.readiness().add(&member.socket, group.weak(), self.members.len()) {
            Ok(place) => member.place = Some(place),
            Err(error) => {
                tracing::warn!(%error, "the socket of an event stream cannot be watched");
                return self.send_on(group, member, self.at, VecDeque::new());
            }
        }
        let earlier = Deadline::earlier(self.pulse.ends(), member.ends);
        if earlier != self.pulse.ends() {
            self.pulse.set_end(earlier);
            group.rung.set();
        }
        self.members.push(member);
    }

    /// Reads what the member at `place` has to say.
    fn listen(&mut self, group: &Arc<Group<V>>, place: usize) {
        let Some(index) = group.lane.readiness().take_heard(place) else { return };
        // The place may be another's by now, of another group even.
        let Some(member) = self.members.get_mut(index).filter(|member| member.place == Some(place)) else { return };
        if member.read().is_err() {
            self.lose(group, index);
        }
    }

    /// Sends those on their own way whose time is up, and finds out whose is next.
    fn part(&mut self, group: &Arc<Group<V>>, sockets: &mut usize) {
        let now = Instant::now();
        let mut index = 0;
        let mut next = None;
        while let Some(member) = self.members.get(index) {
            if member.is_over(now) && *sockets > 0 {
                *sockets -= 1;
                self.let_go(group, index, self.at, VecDeque::new());
            } else {
                next = Deadline::earlier(next, member.ends);
                index += 1;
            }
        }
        let soon = now.checked_add(END_STEP).filter(|_| *sockets > 0);
        self.pulse.set_end(next.map(|next| Deadline { at: soon.map_or(next.at, |soon| soon.max(next.at)), ..next }));
        group.rung.set();
    }

    /// Sends everybody on their own way.
    fn dismiss(&mut self, group: &Arc<Group<V>>, sockets: &mut usize) {
        while *sockets > 0 {
            *sockets -= 1;
            if let Some((at, member)) = self.arriving.pop_front() {
                self.send_on(group, member, at, VecDeque::new());
            } else if let Some(last) = self.members.len().checked_sub(1) {
                self.let_go(group, last, self.at, VecDeque::new());
            } else {
                return;
            }
        }
    }

    /// The client of a member has gone.
    fn lose(&mut self, group: &Arc<Group<V>>, index: usize) {
        if self.remove(group, index).is_some() {
            self.subscription.shed();
        }
    }

    /// A member goes on by itself from `at`, with `left` to write first.
    fn let_go(&mut self, group: &Arc<Group<V>>, index: usize, at: Offset, left: VecDeque<Bytes>) {
        if let Some(member) = self.remove(group, index) {
            self.send_on(group, member, at, left);
        }
    }

    /// Takes a member out; the last one has its index then.
    fn remove(&mut self, group: &Arc<Group<V>>, index: usize) -> Option<Member<V>> {
        if index >= self.members.len() {
            return None;
        }
        let member = self.members.swap_remove(index);
        let readiness = group.lane.readiness();
        if let Some(place) = member.place {
            readiness.remove(&member.socket, place);
        }
        if let Some(place) = self.members.get(index).and_then(|moved| moved.place) {
            readiness.set_index(place, index);
        }
        Some(member)
    }

    fn send_on(&mut self, group: &Arc<Group<V>>, member: Member<V>, at: Offset, left: VecDeque<Bytes>) {
        let Member { socket, unread, permit, mut voice, ends, .. } = member;
        let subscription = self.subscription.split(at);
        voice.part_from(&self.unison);
        let body = SseBody::resume(subscription, voice, self.pulse.with_end(ends), group.lane.draining());
        match TcpStream::from_std(socket) {
            Ok(socket) => {
                let rider = Rider::new(socket, unread, Box::new(body)).behind(left);
                Arc::clone(&group.onward).go_on(rider, permit);
            }
            Err(error) => tracing::warn!(%error, "the socket of an event stream cannot be watched"),
        }
    }
}

/// What came of looking for something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Goes,
    Rests,
}

/// Has the runtime look at its sockets before this task has another turn.
fn yield_now(cx: &mut Context<'_>) -> Poll<()> {
    ready!(std::pin::pin!(tokio::task::yield_now()).poll(cx));
    cx.waker().wake_by_ref();
    Poll::Pending
}

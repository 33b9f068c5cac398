//! Those who follow one stream from one worker, are at its tail and are told the same.
//!
//! A group has one subscription, which one publish wakes once, and one task. The task makes the bytes of a delivery once
//! (a [`Round`](super::round::Round)) and writes them to each member's socket. Whoever cannot take them all at once, or
//! has to be told something of its own, leaves the group and goes on as a [`Rider`](super::Rider), from its own offset;
//! it may come back. A member is a socket and what of its body is its own; it has no task, timer or buffer.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};

use everstream_hub::Rung;
use everstream_log::StreamKey;

use super::{Lane, Onward, Peer};
use crate::sse_body::{SseBody, Voice};
use state::State;

use member::Member;
use pause::Pause;

mod crowd;
mod member;
mod pause;
mod state;

/// A group; see the module. In this order: what an event touches lies together.
#[repr(C)]
pub(crate) struct Group<V: Voice> {
    /// By time, which is asked only when it has something to say.
    rung: Rung,
    state: Mutex<State<V>>,
    stream: StreamKey,
    lane: Lane,
    /// Where those who leave go.
    onward: Arc<dyn Onward>,
}

/// What time wakes, which must not keep the group: its timer is the group's own.
struct Ringer<V: Voice>(Weak<Group<V>>);

/// A group, whatever its members' voices.
pub(super) trait AnyGroup: Any + Send + Sync + fmt::Debug {
    /// The member at `place` has something to say.
    fn hear(&self, place: usize);

    /// Has the group look around.
    fn rouse(&self);
}

/// The task of a group: over when nobody is left.
struct Running<V: Voice>(Arc<Group<V>>);

impl<V: Voice> Group<V> {
    /// Leaves `peer`, which was told everything that `body` had for it, to the group of those who were told the same, or
    /// makes one.
    ///
    /// # Errors
    /// Both, where the group is not yet where the body is.
    pub(crate) fn join(
        body: Box<SseBody<V>>,
        peer: Peer,
        lane: &Lane,
        onward: &Arc<dyn Onward>,
    ) -> Result<(), (Peer, Box<SseBody<V>>)> {
        let Some(unison) = body.unison() else { return Err((peer, body)) };
        let (key, at) = body.position();
        let Some(group) = lane.group::<V>(key) else {
            let (subscription, voice, pulse) = body.into_parts();
            let ends = pulse.ends();
            let state = State::new(subscription, unison, pulse.with_end(None));
            let (state, lane_here, onward) = (Mutex::new(state), lane.clone(), Arc::clone(onward));
            let group = Arc::new(Self { rung: Rung::default(), state, stream: key, lane: lane_here, onward });
            lane.found(key, &group);
            group.state().admit(&group, at, peer, voice, ends);
            drop(lane.tasks().spawn(Running(group)));
            return Ok(());
        };
        let mut state = group.state();
        if !state.is_reachable(at) {
            return Err((peer, body));
        }
        let (subscription, voice, pulse) = body.into_parts();
        if let Err(subscription) = state.absorb(subscription) {
            return Err((peer, Box::new(SseBody::resume(subscription, voice, pulse, lane.draining()))));
        }
        state.unite(&unison);
        state.admit(&group, at, peer, voice, pulse.ends());
        Ok(())
    }

    /// No code panics while it holds the lock, which only this worker's tasks take.
    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `look` if time has something to say, or what it goes by was changed; else nothing is there.
    fn poll_time<T>(self: &Arc<Self>, look: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        if !self.rung.take() {
            return Poll::Pending;
        }
        look(&mut Context::from_waker(&Waker::from(Arc::new(Ringer(Arc::downgrade(self))))))
    }

    fn weak(self: &Arc<Self>) -> Weak<dyn AnyGroup> {
        let group: Arc<dyn AnyGroup> = Arc::<Self>::clone(self);
        Arc::downgrade(&group)
    }
}

impl<V: Voice> AnyGroup for Group<V> {
    fn hear(&self, place: usize) {
        self.state().hear(place);
    }

    fn rouse(&self) {
        self.state().rouse();
    }
}

impl<V: Voice> Wake for Ringer<V> {
    fn wake(self: Arc<Self>) {
        if let Some(group) = self.0.upgrade() {
            group.rung.set();
            group.rouse();
        }
    }
}

impl<V: Voice> Future for Running<V> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let group = &self.0;
        ready!(group.state().poll(group, cx));
        group.lane.forget(group.stream, &**group);
        Poll::Ready(())
    }
}

impl<V: Voice> fmt::Debug for Group<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("stream", &self.stream).finish_non_exhaustive()
    }
}

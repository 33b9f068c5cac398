//! Who follows a stream.

use std::sync::Arc;

use everstream_log::Offset;

use super::LiveStream;
use crate::alarm::Alarm;
use crate::batch::{BatchRing, EncodeBatch};
use crate::waiters::Waiter;
use crate::{Error, ErrorKind};

impl LiveStream {
    /// One more follows in batches.
    pub(crate) fn follow(&self, encode: EncodeBatch) {
        let mut state = self.state();
        let (tail, bounds) = (state.ring.tail(), self.home.ring_bounds);
        state.batches.get_or_insert_with(|| Box::new(BatchRing::new(tail, bounds, encode))).enter();
    }

    /// One of those is gone.
    pub(crate) fn unfollow(&self) {
        let mut state = self.state();
        if state.batches.as_mut().is_some_and(|batches| !batches.leave()) {
            state.batches = None;
        }
    }

    /// Makes room for one more subscriber, who is at `from`.
    pub(crate) fn enter(&self, from: Offset, alarm: &Arc<Alarm>, subscribers_max: usize) -> Result<usize, Error> {
        let mut state = self.state();
        if state.subscribers >= subscribers_max {
            let context = format!("stream {} has {subscribers_max} subscribers, as many as it may have", self.name);
            return Err(Error::new(ErrorKind::Overloaded, context));
        }
        state.subscribers += 1;
        let slot = state.waiters.insert(Waiter::new(Arc::clone(alarm), from));
        let is_first = state.subscribers == 1;
        drop(state);
        if is_first {
            self.audience.notify_waiters();
        }
        Ok(slot)
    }

    /// A slot for a subscriber that is here already, and goes on from `at`.
    pub(crate) fn split(&self, at: Offset, alarm: &Arc<Alarm>) -> usize {
        self.state().waiters.insert(Waiter::new(Arc::clone(alarm), at))
    }

    /// So many subscribers are gone, and with them `slot` if it is given; others may have taken over those of a slot.
    pub(crate) fn leave(&self, slot: Option<usize>, subscribers: usize) {
        let mut state = self.state();
        if let Some(slot) = slot {
            state.waiters.remove(slot);
        }
        let had_some = state.subscribers > 0;
        state.subscribers = state.subscribers.saturating_sub(subscribers);
        let is_last = had_some && state.subscribers == 0;
        if state.waiters.len() == 0 {
            state.ring.clear();
        }
        drop(state);
        if is_last {
            self.audience.notify_waiters();
        }
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.state().subscribers
    }
}

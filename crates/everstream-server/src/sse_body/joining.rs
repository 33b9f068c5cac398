//! A body that joins others on the lane, and goes on by itself when it has left them.

use std::collections::VecDeque;
use std::sync::Arc;

use everstream_log::{Offset, StreamKey};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pulse::{Deadline, Pulse, Term};
use super::{Phase, Source, SseBody, Voice};
use crate::lane::{EventBody, Events, Group, Lane, Onward, Peer};

impl<V: Voice> SseBody<V> {
    /// A body that has been told everything before the offset of `subscription`.
    pub(crate) fn resume(subscription: V::Subscription, voice: V, pulse: Pulse, draining: &CancellationToken) -> Self {
        Self::with(subscription, voice, pulse, draining, VecDeque::new())
    }

    /// What it says as others do.
    pub(crate) fn unison(&self) -> Option<V::Unison> {
        self.voice.unison()
    }

    /// Its stream, and the offset of what comes next.
    pub(crate) fn position(&self) -> (StreamKey, Offset) {
        (self.subscription.stream().key(), self.subscription.next_offset())
    }

    /// What is left of a body that has handed out everything.
    pub(crate) fn into_parts(self) -> (V::Subscription, V, Pulse) {
        (self.subscription, self.voice, self.pulse)
    }
}

impl<V: Voice> EventBody for SseBody<V> {
    fn cut_at(&mut self, at: Instant) {
        let cut = Some(Deadline { at, term: Term::Admittance });
        self.pulse.set_end(Deadline::earlier(self.pulse.ends(), cut));
        self.aside.rouse();
    }

    fn may_join(&self) -> bool {
        self.phase == Phase::Open
            && self.due.is_empty()
            && !self.subscription.is_catching_up()
            && self.voice.unison().is_some()
    }

    fn join(self: Box<Self>, peer: Peer, lane: &Lane, onward: &Arc<dyn Onward>) -> Result<(), (Peer, Events)> {
        Group::join(self, peer, lane, onward).map_err(|(peer, body)| -> (Peer, Events) { (peer, body) })
    }
}

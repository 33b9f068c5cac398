//! What changes of a stream in memory.

use everstream_log::{Offset, StreamHead, StreamSeq};
use slab::Slab;

use super::Found;
use crate::alarm::Waiter;
use crate::batch::{BatchRing, RingBounds};
use crate::ring::Ring;
use crate::stream::End;
use crate::{Error, HubConfig};

/// What a ring keeps for each subscriber of what all of them have taken: a large audience has a full ring to come back to.
const KEPT_BYTES_PER_SUBSCRIBER: usize = 1024;

#[derive(Debug)]
pub(super) struct State {
    pub(super) ring: Ring,
    /// The same records in batches, while somebody follows so. Boxed, since few do.
    pub(super) batches: Option<Box<BatchRing>>,
    pub(super) bounds: RingBounds,
    pub(super) first: Offset,
    pub(super) bytes: u64,
    pub(super) end: Option<End>,
    /// Why it comes to no end, although nothing more comes.
    pub(super) stranded: Option<Box<Error>>,
    /// The last position a publisher gave.
    pub(super) stream_seq: Option<StreamSeq>,
    /// How many producers have appended.
    pub(super) producers: u64,
    /// One per subscription, however many subscribers it stands for.
    pub(super) waiters: Slab<Waiter>,
    pub(super) subscribers: usize,
    pub(super) plan: Plan,
}

/// What the writer has promised to appends that are not acknowledged yet. Only the writer looks at it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) next: Offset,
    pub(super) bytes: u64,
    pub(super) closes: bool,
    pub(super) stream_seq: Option<StreamSeq>,
    pub(super) producers: u64,
}

impl State {
    /// Of a stream that is as the log says.
    pub(super) fn new(head: &StreamHead, config: &HubConfig) -> Self {
        Self {
            ring: Ring::new(head.tail, config.ring_bytes_max, config.ring_frames_max),
            batches: None,
            bounds: RingBounds { bytes_max: config.ring_bytes_max, frames_max: config.ring_frames_max },
            first: head.first,
            bytes: head.bytes,
            end: head.closure.clone().map(End::Closed),
            stranded: None,
            stream_seq: head.stream_seq.clone(),
            producers: head.producers,
            waiters: Slab::new(),
            subscribers: 0,
            plan: Plan {
                next: head.tail,
                bytes: head.bytes,
                closes: head.closure.is_some(),
                stream_seq: head.stream_seq.clone(),
                producers: head.producers,
            },
        }
    }

    /// Nothing is promised but what holds.
    pub(super) fn forget_plan(&mut self) {
        self.plan = Plan {
            next: self.ring.tail(),
            bytes: self.bytes,
            closes: matches!(self.end, Some(End::Closed(_))),
            stream_seq: self.stream_seq.clone(),
            producers: self.producers,
        };
    }

    /// What whoever has all there is finds instead of more, if nothing more comes.
    pub(super) fn over(&self) -> Option<Found> {
        let stranded = || self.stranded.as_deref().map(|error| Found::Stranded(error.share()));
        self.end.clone().map(Found::Ended).or_else(stranded)
    }

    pub(super) const fn is_gone(&self) -> bool {
        matches!(self.end, Some(End::Deleted | End::Expired))
    }

    /// Gives up what every subscriber has taken, but for a little for those who lose their connection and come back.
    pub(super) fn give_up_taken(&mut self) {
        let Some(taken) = self.waiters.iter().map(|(_, waiter)| waiter.at).min() else { return };
        let kept_bytes = self.subscribers.saturating_mul(KEPT_BYTES_PER_SUBSCRIBER);
        self.ring.give_up(taken, kept_bytes);
        if let Some(batches) = &mut self.batches {
            batches.give_up(taken, kept_bytes);
        }
    }
}

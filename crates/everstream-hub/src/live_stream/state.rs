//! What changes of a stream in memory.

use everstream_log::{Offset, StreamHead, StreamSeq};

use super::Found;
use crate::Error;
use crate::batch::BatchRing;
use crate::ring::Ring;
use crate::stream::End;
use crate::waiters::Waiters;

/// What a ring keeps for each subscriber of what all of them have taken: a large audience has a full ring to come back to.
const KEPT_BYTES_PER_SUBSCRIBER: usize = 1024;

/// Fewer subscribers than these come back to the log: nothing is kept for them.
const SUBSCRIBERS_KEPT_FOR_MIN: usize = 8;

/// In this order: each append touches what is before `first`, and nothing behind it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) plan: Plan,
    pub(super) bytes: u64,
    /// One per subscription, however many subscribers it stands for.
    pub(super) waiters: Waiters,
    pub(super) subscribers: usize,
    /// The same records as the ring's in batches, while somebody follows so. Boxed, since few do.
    pub(super) batches: Option<Box<BatchRing>>,
    /// Boxed, since it comes once.
    pub(super) end: Option<Box<End>>,
    /// Why it comes to no end, although nothing more comes.
    pub(super) stranded: Option<Box<Error>>,
    pub(super) first: Offset,
    /// Boxed, since few streams have publishers that number their appends.
    pub(super) numbering: Option<Box<Numbering>>,
}

/// What the writer has promised to appends that are not acknowledged yet. Only the writer looks at it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) next: Offset,
    pub(super) bytes: u64,
    pub(super) closes: bool,
}

/// What publishers that number their appends have said, as it holds and as the writer has promised it.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    pub(super) held: Numbers,
    pub(super) planned: Numbers,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// The last position a publisher gave.
    pub(super) stream_seq: Option<StreamSeq>,
    /// How many producers have appended.
    pub(super) producers: u64,
}

impl State {
    /// Of a stream that is as the log says.
    pub(super) fn new(head: &StreamHead) -> Self {
        let numbers = Numbers { stream_seq: head.stream_seq.clone(), producers: head.producers };
        let is_numbered = numbers.stream_seq.is_some() || numbers.producers > 0;
        Self {
            ring: Ring::new(head.tail),
            plan: Plan { next: head.tail, bytes: head.bytes, closes: head.closure.is_some() },
            bytes: head.bytes,
            waiters: Waiters::default(),
            subscribers: 0,
            batches: None,
            end: head.closure.clone().map(End::Closed).map(Box::new),
            stranded: None,
            first: head.first,
            numbering: is_numbered.then(|| Box::new(Numbering { held: numbers.clone(), planned: numbers })),
        }
    }

    /// Nothing is promised but what holds.
    pub(super) fn forget_plan(&mut self) {
        let closes = matches!(self.end.as_deref(), Some(End::Closed(_)));
        self.plan = Plan { next: self.ring.tail(), bytes: self.bytes, closes };
        if let Some(numbering) = &mut self.numbering {
            numbering.planned = numbering.held.clone();
        }
    }

    pub(super) fn numbering(&mut self) -> &mut Numbering {
        self.numbering.get_or_insert_default()
    }

    /// What whoever has all there is finds instead of more, if nothing more comes.
    pub(super) fn over(&self) -> Option<Found> {
        let stranded = || self.stranded.as_deref().map(|error| Found::Stranded(error.share()));
        self.end.as_deref().cloned().map(Found::Ended).or_else(stranded)
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.end.as_deref(), Some(End::Deleted | End::Expired))
    }

    const fn has_few(&self) -> bool {
        self.subscribers < SUBSCRIBERS_KEPT_FOR_MIN
    }

    /// Somebody has all there is. What nobody else has still to take is given up now and not with the next publish: what
    /// was just read is written again, while it is in the caches.
    pub(super) fn has_taken_all(&mut self) {
        if self.has_few() && matches!(self.waiters, Waiters::Only(..)) {
            self.give_up_taken();
        }
    }

    /// Gives up what every subscriber has taken, but for a little for those who lose their connection and come back.
    pub(super) fn give_up_taken(&mut self) {
        let Some(taken) = self.waiters.taken() else { return };
        let kept_for = if self.has_few() { 0 } else { self.subscribers };
        let kept_bytes = kept_for.saturating_mul(KEPT_BYTES_PER_SUBSCRIBER);
        self.ring.give_up(taken, kept_bytes);
        if let Some(batches) = &mut self.batches {
            batches.give_up(taken, kept_bytes);
        }
    }
}

//! A reader that takes the records in batches.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use everstream_log::Offset;

use super::{Delivery, Step, Subscription};
use crate::batch::{Batch, DueBatch, EncodeBatch};
use crate::live_stream::LiveStream;
use crate::stream::Stream;

/// A [`Subscription`] in batches: at the tail those that the writer encoded, shared by all who follow; behind it what a
/// read of the log brought, as one batch.
#[derive(Debug)]
pub struct BatchSubscription {
    /// Let go first: the batches go with the last who follows in them.
    following: Following,
    subscription: Subscription,
    encode: EncodeBatch,
}

impl BatchSubscription {
    pub(crate) fn new(subscription: Subscription, encode: EncodeBatch) -> Self {
        Self { following: Following::new(&subscription.stream, encode), subscription, encode }
    }

    /// The offset of the next record to be delivered.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        self.subscription.next_offset()
    }

    /// The stream.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        self.subscription.stream()
    }

    /// As [`Subscription::absorb`].
    ///
    /// # Errors
    /// `other`, unchanged.
    pub fn absorb(&mut self, other: Self) -> Result<(), Self> {
        let Self { following, subscription, encode } = other;
        self.subscription.absorb(subscription).map_err(|subscription| Self { following, subscription, encode })
    }

    /// As [`Subscription::split`].
    #[must_use]
    pub fn split(&mut self, at: Offset) -> Self {
        Self::new(self.subscription.split(at), self.encode)
    }

    /// As [`Subscription::shed`].
    pub fn shed(&mut self) {
        self.subscription.shed();
    }

    /// As [`Subscription::is_catching_up`].
    #[must_use]
    pub const fn is_catching_up(&self) -> bool {
        self.subscription.is_catching_up()
    }

    /// Waits for the next delivery; its batches are handed to `take`, in order. It must not touch the stream, which is
    /// looked at meanwhile.
    pub fn poll_next(&mut self, cx: &mut Context<'_>, take: &mut dyn FnMut(DueBatch)) -> Poll<Delivery> {
        let step = ready!(
            self.subscription
                .poll_step(cx, |this, cx| { this.stream.live.look_for_batches(this.next, this.slot, cx, take) })
        );
        Poll::Ready(match step {
            Step::Shared(records) => {
                self.subscription.next = self.next_offset().plus(records);
                Delivery::Frames
            }
            Step::Read(records) => {
                let records: Vec<Bytes> = records.into_iter().map(|record| record.data).collect();
                take(self.encode(&records));
                Delivery::Frames
            }
            Step::Ended(end) => Delivery::Ended(end),
            Step::Broken(error) => Delivery::Broken(error),
        })
    }

    fn encode(&mut self, records: &[Bytes]) -> DueBatch {
        let next = self.next_offset().plus(records.len() as u64);
        self.subscription.next = next;
        let Stream { live, hub } = self.subscription.stream();
        let batch = Batch { content: live.content, epoch: live.epoch, records, next, now: hub.shared.clock.now() };
        DueBatch { frame: (self.encode)(&batch), next, place: live.batch_place(next) }
    }
}

/// One that follows in batches.
#[derive(Debug)]
struct Following(Arc<LiveStream>);

impl Following {
    fn new(stream: &Stream, encode: EncodeBatch) -> Self {
        stream.live.follow(encode);
        Self(Arc::clone(&stream.live))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.unfollow();
    }
}

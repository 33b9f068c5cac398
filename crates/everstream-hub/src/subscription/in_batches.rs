//! A reader that takes the records in batches.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use everstream_log::Offset;

use super::{Delivery, Step, Subscription};
use crate::batch::{Batch, DueBatch, EncodeBatch};
use crate::stream::Stream;

/// A [`Subscription`] in batches: at the tail those that the writer encoded, shared by all who follow; behind it what a
/// read of the log brought, as one batch.
#[derive(Debug)]
pub struct BatchSubscription {
    subscription: Subscription,
    encode: EncodeBatch,
}

impl BatchSubscription {
    pub(crate) fn new(subscription: Subscription, encode: EncodeBatch) -> Self {
        subscription.stream.live.follow(encode);
        Self { subscription, encode }
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

impl Drop for BatchSubscription {
    fn drop(&mut self) {
        self.subscription.stream.live.unfollow();
    }
}

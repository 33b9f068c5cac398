//! One reader of a live stream: catch-up, live, ended.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use everstream_log::{Offset, ReadLimit, Record};

use crate::frame::encode_frames;
use crate::live_stream::Found;
use crate::stream::{End, Stream};
use crate::{Error, ErrorKind};

pub use in_batches::BatchSubscription;

mod in_batches;

/// One reader of a live stream. It is an offset and a waker: what it has not read is in the ring or in the log, never in
/// a queue of its own.
///
/// It may stand for many subscribers that are at the same offset, so that they cost one wake-up for each publish: see
/// [`Subscription::absorb`].
pub struct Subscription {
    stream: Stream,
    slot: usize,
    /// How many subscribers it stands for.
    subscribers: usize,
    next: Offset,
    reading: Option<Reading>,
    /// The log had more than a short read brings.
    is_far_behind: bool,
}

type Reading = Pin<Box<dyn Future<Output = Result<Vec<Record>, everstream_log::Error>> + Send>>;

/// What a subscription brings.
#[derive(Debug)]
pub enum Delivery {
    /// One or more frames were put into the caller's buffer.
    Frames,
    /// The stream has ended and everything before its end was delivered.
    Ended(End),
    /// The log could not be read, or its stream is [stranded](Stream::strand). What was delivered stands; the client has to
    /// come back.
    Broken(Error),
}

/// What one step of a subscription comes to.
enum Step {
    /// The caller's look found so much.
    Shared(u64),
    /// The log had these, which nobody has encoded yet.
    Read(Vec<Record>),
    Ended(End),
    Broken(Error),
}

impl Subscription {
    pub(crate) fn new(stream: Stream, from: Offset) -> Result<Self, Error> {
        let slot =
            stream.live.enter(from, &stream.hub.home.alarm, stream.hub.shared.config.subscribers_per_stream_max)?;
        Ok(Self { stream, slot, subscribers: 1, next: from, reading: None, is_far_behind: false })
    }

    /// Stands for the subscribers of `other`, too, which has to be at the same offset of the same stream: none of them is
    /// missing from the stream's count meanwhile. One that is elsewhere comes back.
    ///
    /// # Errors
    /// `other`, unchanged.
    pub fn absorb(&mut self, mut other: Self) -> Result<(), Self> {
        if !Arc::ptr_eq(&self.stream.live, &other.stream.live) || self.next != other.next {
            return Err(other);
        }
        self.subscribers += std::mem::take(&mut other.subscribers);
        Ok(())
    }

    /// Lets go one of its subscribers, which goes on by itself from `at`.
    #[must_use]
    pub fn split(&mut self, at: Offset) -> Self {
        let slot = self.stream.live.split(at, &self.stream.hub.home.alarm);
        self.subscribers = self.subscribers.saturating_sub(1);
        Self { stream: self.stream.clone(), slot, subscribers: 1, next: at, reading: None, is_far_behind: false }
    }

    /// One of its subscribers is gone.
    pub fn shed(&mut self) {
        self.subscribers = self.subscribers.saturating_sub(1);
        self.stream.live.leave(None, 1);
        self.stream.hub.shared.touch(&self.stream.live);
    }

    /// Whether it reads the log: it is behind what is in memory.
    #[must_use]
    pub const fn is_catching_up(&self) -> bool {
        self.reading.is_some()
    }

    /// The offset of the next record to be delivered.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        self.next
    }

    /// The stream.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Waits for the next delivery; frames are pushed to the end of `frames`, in order.
    ///
    /// # Cancel safety
    /// Safe: nothing is taken before it is delivered.
    pub async fn next(&mut self, frames: &mut impl Extend<Bytes>) -> Delivery {
        poll_fn(|cx| self.poll_next(cx, frames)).await
    }

    /// As [`Subscription::next`], for a caller that polls.
    pub fn poll_next(&mut self, cx: &mut Context<'_>, frames: &mut impl Extend<Bytes>) -> Poll<Delivery> {
        let step = ready!(self.poll_step(cx, |this, cx| this.stream.live.look(this.next, this.slot, cx, frames)));
        Poll::Ready(match step {
            Step::Shared(records) => {
                self.next = self.next.plus(records);
                Delivery::Frames
            }
            Step::Read(records) => {
                let live = &self.stream.live;
                let mut encoded = Vec::with_capacity(records.len());
                let data = records.iter().map(|record| &record.data);
                encode_frames(live.content, live.epoch, self.next, data, &mut encoded);
                live.restock(self.next, &encoded);
                frames.extend(encoded);
                self.next = self.next.plus(records.len() as u64);
                Delivery::Frames
            }
            Step::Ended(end) => Delivery::Ended(end),
            Step::Broken(error) => Delivery::Broken(error),
        })
    }

    /// Waits until there is a record at the subscription's offset, or the stream has ended or is stranded; takes nothing. Whatever was
    /// appended since the subscription was made is news: no wake-up is lost between the two.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn news(&mut self) {
        let found = |cx: &mut Context<'_>| match self.stream.live.look_for_news(self.next, self.slot, cx) {
            Found::Waiting => Poll::Pending,
            Found::Frames(_) | Found::Behind | Found::Ended(_) | Found::Stranded(_) => Poll::Ready(()),
        };
        poll_fn(found).await;
    }

    /// Catch-up to live is this one loop: read the log to its tail, ask the ring for exactly that offset, go live only
    /// if the ring has it, else read again.
    fn poll_step(&mut self, cx: &mut Context<'_>, mut look: impl FnMut(&Self, &Context<'_>) -> Found) -> Poll<Step> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                return Poll::Ready(self.judge(read));
            }
            match look(self, cx) {
                Found::Frames(records) => {
                    self.is_far_behind = false;
                    return Poll::Ready(Step::Shared(records));
                }
                Found::Behind => self.reading = Some(self.read()),
                Found::Ended(end) => return Poll::Ready(Step::Ended(end)),
                Found::Stranded(error) => return Poll::Ready(Step::Broken(error)),
                Found::Waiting => return Poll::Pending,
            }
        }
    }

    /// The next read. The first is short, so that whoever has missed little has it without a change of threads.
    fn read(&self) -> Reading {
        let log = Arc::clone(&self.stream.hub.shared.log);
        let (key, from) = (self.stream.live.key, self.next);
        let mut bytes_max = self.stream.hub.shared.config.catch_up_bytes_max;
        if !self.is_far_behind {
            bytes_max = bytes_max.min(ReadLimit::SHORT_BYTES_MAX);
        }
        let limit = ReadLimit { records_max: self.stream.hub.shared.config.ring_frames_max, bytes_max };
        Box::pin(async move { log.read(key, from, limit).await })
    }

    fn judge(&mut self, read: Result<Vec<Record>, everstream_log::Error>) -> Step {
        let live = &self.stream.live;
        let mut records = match read {
            Ok(records) => records,
            Err(error) => {
                return match live.end() {
                    Some(end @ (End::Deleted | End::Expired)) => Step::Ended(end),
                    _ => Step::Broken(error.into()),
                };
            }
        };
        // The log may already hold records that it has not acknowledged: nobody sees those (invariant 2).
        let tail = live.held().tail;
        records.retain(|record| record.offset < tail);
        let is_gapless = records.iter().zip(self.next.0..).all(|(record, offset)| record.offset.0 == offset);
        if records.is_empty() || !is_gapless {
            let context = format!("the log of stream {} has a hole at offset {}", live.name, self.next);
            return Step::Broken(Error::new(ErrorKind::Storage, context));
        }
        self.is_far_behind = self.next.plus(records.len() as u64) < tail;
        Step::Read(records)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stream.live.leave(Some(self.slot), self.subscribers);
        self.stream.hub.shared.touch(&self.stream.live);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = if self.reading.is_some() { "catch_up" } else { "live" };
        f.debug_struct("Subscription")
            .field("stream", &self.stream.live.name)
            .field("next", &self.next)
            .field("phase", &phase)
            .finish()
    }
}

//! A stream in memory: its tail, its end and who waits for either.

mod audience;
pub(crate) mod sequence;
mod state;
mod stranded;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Closure, Entry, Epoch, Expiry, ForkedFrom, Log, NewRecord, Offset, Sequencing, Settings, StreamHead, StreamKey,
    StreamName, Timestamp,
};
use tokio::sync::Notify;

use self::state::State;
use crate::alarm::Wakers;
use crate::batch::{BatchFrame, BatchPlace, DueBatch, EncodeBatch};
use crate::deadline::{Deadline, slack};
use crate::home::Home;
use crate::producer::Seats;
use crate::resume::Held;
use crate::stream::{Append, End};
use crate::{ContentKind, Error, ErrorKind, HubConfig, Tasks};

/// A stream in memory. Shared by its handles, subscriptions and the commands under way; the registry lets go of it when
/// nobody else holds it.
///
/// In this order: what an append touches lies together, behind the counts of the `Arc`, since thousands of streams push
/// one another out of the caches.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LiveStream {
    /// Whether it was deleted or has expired, as its state says: each request asks, and takes no lock for it.
    gone: AtomicBool,
    pub(crate) content: ContentKind,
    pub(crate) epoch: Epoch,
    /// When somebody last appended, read or subscribed, in milliseconds since the epoch.
    pub(crate) used_ms: AtomicU64,
    pub(crate) deadline: Deadline,
    /// Where it is written.
    pub(crate) home: Arc<Home>,
    pub(crate) key: StreamKey,
    /// How long it may stay unused while it is open, if use is what keeps it.
    unused_max: Option<Duration>,
    state: Mutex<State>,
    pub(crate) settings: Settings,
    pub(crate) name: StreamName,
    pub(crate) created_at: Timestamp,
    /// Set if it began with the records of another stream. Boxed, since few did.
    pub(crate) forked_from: Option<Box<ForkedFrom>>,
    /// Notified once, when the stream ends.
    pub(crate) ending: Notify,
    /// Notified when the first subscription comes and when the last one goes.
    pub(crate) audience: Notify,
    /// Of the producers that appended lately. Most streams have none.
    pub(crate) seats: OnceLock<Box<Seats>>,
}

/// Where an append stands, and in which forms somebody takes its records. Whoever comes later finds them in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) first: Offset,
    pub(crate) next: Offset,
    /// The sum of its records' lengths.
    pub(crate) bytes: u64,
    pub(crate) wants_frames: bool,
    pub(crate) encode_batch: Option<EncodeBatch>,
}

/// The records of an append as they go over the wire, in the forms that somebody takes.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) each: InFrames,
    pub(crate) batch: Option<BatchFrame>,
}

/// A frame for each record.
#[derive(Debug)]
pub(crate) enum InFrames {
    /// Nobody takes them.
    Untaken,
    /// Of the only record: a token comes alone as a rule, and takes no vector.
    One(Bytes),
    /// Of all records, in order.
    Each(Vec<Bytes>),
}

/// What a subscription at some offset finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// Frames of so many records were shared.
    Frames(u64),
    /// The ring has lost that offset: the log has it.
    Behind,
    /// Nothing more, ever.
    Ended(End),
    /// Nothing more in this process, and no end.
    Stranded(Error),
    /// Nothing yet; the waker will be called.
    Waiting,
}

impl LiveStream {
    pub(crate) fn new(head: StreamHead, name: StreamName, home: Arc<Home>, config: &HubConfig) -> Self {
        let unused_max = match head.settings.expiry {
            Expiry::Idle(ttl) => Some(ttl),
            Expiry::At(_) => None,
            Expiry::Never => Some(config.ttl).filter(|ttl| !ttl.is_zero()),
        };
        let state = State::new(&head);
        Self {
            name,
            key: head.key,
            epoch: head.epoch,
            content: ContentKind::of(&head.settings.content_type),
            settings: head.settings,
            created_at: head.created_at,
            forked_from: head.forked_from.map(Box::new),
            home,
            deadline: Deadline::new(head.expires_at),
            used_ms: AtomicU64::new(0),
            unused_max,
            ending: Notify::new(),
            audience: Notify::new(),
            seats: OnceLock::new(),
            gone: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shares the frames that are due at `from`, or leaves the waker in `slot`.
    pub(crate) fn look(&self, from: Offset, slot: usize, cx: &Context<'_>, frames: &mut impl Extend<Bytes>) -> Found {
        self.find(from, slot, cx, |state| state.ring.share(from, frames))
    }

    /// The same for one who follows in batches.
    pub(crate) fn look_for_batches(
        &self,
        from: Offset,
        slot: usize,
        cx: &Context<'_>,
        take: &mut dyn FnMut(DueBatch),
    ) -> Found {
        self.find(from, slot, cx, |state| state.batches.as_ref()?.share(from, state.end.is_some(), take))
    }

    /// The same for one who only wants to know: nothing is shared, and [`Found::Behind`] is as good as frames.
    pub(crate) fn look_for_news(&self, from: Offset, slot: usize, cx: &Context<'_>) -> Found {
        self.find(from, slot, cx, |state| Some(state.ring.tail().since(from)))
    }

    fn find(&self, from: Offset, slot: usize, cx: &Context<'_>, share: impl FnOnce(&State) -> Option<u64>) -> Found {
        let mut state = self.state();
        if let Some(waiter) = state.waiters.get_mut(slot) {
            waiter.at = from;
        }
        if let Some(end @ (End::Deleted | End::Expired)) = state.end.as_deref() {
            return Found::Ended(end.clone());
        }
        match share(&state) {
            None => Found::Behind,
            Some(0) => {
                if let Some(over) = state.over() {
                    return over;
                }
                if let Some(waiter) = state.waiters.get_mut(slot) {
                    waiter.wait(cx.waker());
                }
                state.has_taken_all();
                Found::Waiting
            }
            Some(records) => Found::Frames(records),
        }
    }

    /// Others who come to where a subscriber was shall find in memory what it had to read. One that is alone here keeps
    /// nothing: hardly anybody follows it there.
    pub(crate) fn restock(&self, first: Offset, frames: &[Bytes]) {
        let mut state = self.state();
        if state.waiters.len() > 1 {
            state.ring.restock(first, frames, self.home.ring_bounds);
        }
    }

    /// Gives an append its place behind everything planned before it.
    pub(crate) fn plan(&self, append: &Append, config: &HubConfig) -> Result<Place, Error> {
        let mut state = self.state();
        self.check_there(&state)?;
        self.check_open(&state)?;
        self.place(&mut state, append, config.stream_bytes_max)
    }

    fn check_there(&self, state: &State) -> Result<(), Error> {
        if state.is_gone() { Err(Error::not_found(&self.name)) } else { Ok(()) }
    }

    fn check_open(&self, state: &State) -> Result<(), Error> {
        if state.plan.closes {
            return Err(Error::new(ErrorKind::StreamClosed, format!("stream {} is closed", self.name)));
        }
        Ok(())
    }

    fn place(&self, state: &mut State, append: &Append, bytes_max: u64) -> Result<Place, Error> {
        let bytes: u64 = append.records.iter().map(|data| data.len() as u64).sum();
        if state.plan.bytes.saturating_add(bytes) > bytes_max {
            let context = format!("stream {} holds {} of {bytes_max} bytes", self.name, state.plan.bytes);
            return Err(Error::new(ErrorKind::StreamFull, context));
        }
        let first = state.plan.next;
        state.plan.next = first.plus(append.records.len() as u64);
        state.plan.bytes += bytes;
        state.plan.closes = append.close.is_some();
        let followers = state.batches.as_ref().map_or(0, |batches| batches.followers());
        let encode_batch = match &state.batches {
            Some(batches) if !append.records.is_empty() => {
                usize::try_from(bytes).ok().and_then(|len| batches.encode(len))
            }
            _ => None,
        };
        Ok(Place { first, next: state.plan.next, bytes, wants_frames: state.waiters.len() > followers, encode_batch })
    }

    /// The entry of an append at `first`.
    pub(crate) fn entry(
        &self,
        append: Append,
        first: Offset,
        now: Timestamp,
        sequencing: Option<Box<Sequencing>>,
    ) -> Entry {
        let records = append.records.into_iter().map(|data| NewRecord { time: now, data }).collect();
        let closure = append.close.map(|close| close.at(now));
        Entry { stream: self.key, first, records, closure, sequencing }
    }

    /// Forgets what was planned and not acknowledged, after a failed commit.
    pub(crate) fn forget_plan(&self) {
        let mut state = self.state();
        state.forget_plan();
    }

    /// Makes acknowledged records visible and wakes who waits. Cannot fail or wait.
    pub(crate) fn publish(&self, place: &Place, frames: Frames, closure: Option<&Closure>) {
        let mut state = self.state();
        let Place { first, next: tail, bytes, .. } = *place;
        state.give_up_taken();
        let bounds = self.home.ring_bounds;
        match frames.each {
            InFrames::One(frame) => state.ring.push(frame, bounds),
            InFrames::Each(frames) => frames.into_iter().for_each(|frame| state.ring.push(frame, bounds)),
            InFrames::Untaken if tail > first => state.ring.skip_to(tail),
            InFrames::Untaken => {}
        }
        if let Some(batches) = state.batches.as_mut().filter(|_| tail > first) {
            batches.push(frames.batch, tail);
        }
        state.bytes += bytes;
        if let Some(closure) = closure {
            state.end = Some(Box::new(End::Closed(closure.clone())));
        }
        self.wake(state, closure.is_some());
    }

    /// The stream is gone: whoever reads it learns so at once.
    pub(crate) fn vanish(&self, end: End) {
        let mut state = self.state();
        state.end = Some(Box::new(end));
        self.gone.store(state.is_gone(), Ordering::Release);
        self.wake(state, true);
    }

    /// Wakers are called after the lock is released, so that the woken do not meet it.
    fn wake(&self, mut state: MutexGuard<'_, State>, ends: bool) {
        let wakers = Wakers::take(&mut state.waiters, &self.home);
        drop(state);
        if ends {
            self.ending.notify_waiters();
        }
        wakers.wake();
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.state().end.as_deref().cloned()
    }

    /// The place of a batch that leads to `next`.
    pub(crate) fn batch_place(&self, next: Offset) -> BatchPlace {
        let state = self.state();
        BatchPlace::of(next, state.ring.tail(), state.end.is_some())
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn held(&self) -> Held {
        let state = self.state();
        Held { epoch: self.epoch, first: state.first, tail: state.ring.tail(), is_closed: state.end.is_some() }
    }

    /// First offset held, tail, bytes ever appended, end, subscribers: one consistent look.
    pub(crate) fn snapshot(&self) -> (Offset, Offset, u64, Option<End>, usize) {
        let state = self.state();
        (state.first, state.ring.tail(), state.bytes, state.end.as_deref().cloned(), state.subscribers)
    }

    /// Use keeps a stream alive. The log learns of it only now and then, so that a use costs no write.
    pub(crate) fn touch(self: &Arc<Self>, now: Timestamp, log: &Arc<dyn Log>, tasks: &Tasks) {
        self.used_ms.store(now.0, Ordering::Relaxed);
        let Some(ttl) = self.idle_ttl() else { return };
        if !self.deadline.extend(now.plus(ttl), slack(ttl)) {
            return;
        }
        let (live, log) = (Arc::clone(self), Arc::clone(log));
        tasks.spawn(async move {
            if let Err(error) = log.touch(live.key, live.deadline.logged()).await {
                tracing::warn!(stream = %live.name, %error, "the new expiry of a stream was not stored");
            }
        });
    }

    /// A stream that is watched is in use, however long it has been silent.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let is_in_use = || self.idle_ttl().is_some() && self.subscribers() > 0;
        self.deadline.has_passed(now) && !is_in_use()
    }

    /// How long this stream may stay unused, if it is there and use keeps it alive.
    pub(crate) fn idle_ttl(&self) -> Option<Duration> {
        let ttl = self.unused_max?;
        let state = self.state();
        let is_kept_for_its_end = state.plan.closes && self.settings.expiry == Expiry::Never;
        (!is_kept_for_its_end && !state.is_gone()).then_some(ttl)
    }
}

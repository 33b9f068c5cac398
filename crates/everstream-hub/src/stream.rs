//! The handle of a live stream.

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, Epoch, ForkedFrom, Offset, ProducerState, ReadLimit, Record, RecordRun, Sequencing, Settings,
    StreamKey, StreamName, StreamSeq, Timestamp,
};
use tokio::sync::oneshot;

use crate::fork;
use crate::hub::Hub;
use crate::live_stream::LiveStream;
use crate::live_stream::sequence::Ticket;
use crate::{BatchSubscription, ContentKind, EncodeBatch, Error, ErrorKind, Opening, Start, Subscription};

/// A handle of a stream; keeps it in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stream {
    pub(crate) live: Arc<LiveStream>,
    pub(crate) hub: Hub,
}

/// What to append, in one atomic step.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// The records, possibly none.
    pub records: Vec<Bytes>,
    /// Set to close the stream with this append.
    pub close: Option<Close>,
}

/// How to close a stream.
#[derive(Debug, Clone)]
pub struct Close {
    /// Why it ends.
    pub reason: CloseReason,
    /// What else there is to say, opaque to hub and log; may be empty. The protocols put JSON here.
    pub detail: Bytes,
}

/// An acknowledged append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub first: Offset,
    /// The offset after its last record.
    pub next: Offset,
    /// Set when the stream was closed with it.
    pub closure: Option<Closure>,
}

/// What came of an append that its publisher numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequenced {
    /// It is in the log now.
    Accepted(Appended),
    /// It was before; nothing was appended. This is the last append of its producer that was accepted, the same or a
    /// later one of the same epoch.
    Duplicate(ProducerState),
}

/// The end of a stream for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was closed and stays readable.
    Closed(Closure),
    /// It was deleted.
    Deleted,
    /// Its time was up.
    Expired,
}

/// What came of a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The stream was open and is now closed as `stopped`.
    Now(Closure),
    /// It had ended before.
    AlreadyEnded(Closure),
    /// The stop was meant for another incarnation and did nothing.
    OtherEpoch,
}

/// A stream at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// Its incarnation.
    pub epoch: Epoch,
    /// What was fixed at its making.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires unless used.
    pub expires_at: Option<Timestamp>,
    /// Set if it began with the records of another stream.
    pub forked_from: Option<ForkedFrom>,
    /// The offset of the first record held.
    pub first: Offset,
    /// The offset after the last record.
    pub tail: Offset,
    /// The sum of the data bytes of all records ever appended, and of those it took over from its source.
    pub bytes: u64,
    /// Its end, once there is one.
    pub end: Option<End>,
    /// How many subscriptions it has.
    pub subscribers: usize,
}

impl Close {
    /// A close without detail.
    #[must_use]
    pub const fn because(reason: CloseReason) -> Self {
        Self { reason, detail: Bytes::new() }
    }

    pub(crate) fn at(&self, at: Timestamp) -> Closure {
        Closure { reason: self.reason, at, detail: self.detail.clone() }
    }
}

impl Stream {
    /// Whether a creation asks for just this stream.
    pub(crate) fn matches(&self, create: &crate::CreateStream) -> bool {
        let settings = self.settings();
        settings.content_type.eq_ignore_ascii_case(&create.content_type)
            && settings.expiry == create.expiry
            && settings.alias == create.alias
            && settings.origin == create.origin
            && fork::is_same(self.live.forked_from.as_deref(), create.fork.as_ref())
            && self.live.end().is_some() == create.close.is_some()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.live.name
    }

    /// Its incarnation.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.live.epoch
    }

    /// Tells incarnations of streams apart, for a table of them.
    #[must_use]
    pub fn key(&self) -> StreamKey {
        self.live.key
    }

    /// What was fixed at its making.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.live.settings
    }

    /// How its records become events.
    #[must_use]
    pub fn content(&self) -> ContentKind {
        self.live.content
    }

    /// The stream at this moment.
    #[must_use]
    pub fn state(&self) -> StreamState {
        let (first, tail, bytes, end, subscribers) = self.live.snapshot();
        StreamState {
            epoch: self.live.epoch,
            settings: self.live.settings.clone(),
            created_at: self.live.created_at,
            expires_at: self.live.deadline.get(),
            forked_from: self.live.forked_from.as_deref().cloned(),
            first,
            tail,
            bytes,
            end,
            subscribers,
        }
    }

    /// The last position that a publisher gave its append.
    #[must_use]
    pub fn stream_seq(&self) -> Option<StreamSeq> {
        self.live.stream_seq()
    }

    /// Appends in one atomic step and returns once it holds at the log's durability; from then on every subscriber sees it.
    ///
    /// Waits while the writer's queue is full.
    ///
    /// # Errors
    /// `RecordTooLarge`, `StreamFull`, `StreamClosed`, `StreamNotFound` (deleted or expired meanwhile), `ReadOnly`,
    /// `Storage`: nothing of it was appended.
    ///
    /// # Cancel safety
    /// A dropped call has either not begun or takes full effect: the writer finishes what it was given.
    pub async fn append(&self, append: Append) -> Result<Appended, Error> {
        match self.hand_over(append)?.await? {
            Sequenced::Accepted(appended) => Ok(appended),
            Sequenced::Duplicate(_) => Err(Error::unsettled()),
        }
    }

    /// As [`Stream::append`], for an append that its publisher numbers, so that sending it again is harmless.
    ///
    /// An append that its producer has had accepted before is a [`Sequenced::Duplicate`] whatever its records are, also
    /// once the stream is closed; one that is on its way right now is waited for first. The numbers are in the log in the
    /// same atomic step as the records.
    ///
    /// # Errors
    /// `ProducerFenced`, `StreamClosed`, `ProducerGap`, `ProducerLateStart`, `StreamSeqRegressed`, `ProducersFull`, judged
    /// in this order, and those of [`Stream::append`]: nothing was appended and no number has moved.
    ///
    /// # Cancel safety
    /// As [`Stream::append`].
    pub async fn append_sequenced(&self, append: Append, sequencing: Sequencing) -> Result<Sequenced, Error> {
        let seat = match &sequencing.producer {
            None => None,
            Some(mark) => {
                let seat = self.live.seats.get_or_init(Box::default).take(&mark.id);
                seat.load(&*self.hub.shared.log, self.live.key, &mark.id).await?;
                Some(seat)
            }
        };
        let ticket = Ticket { sequencing: Box::new(sequencing), seat };
        self.hand_over_with(append, Some(Box::new(ticket)))?.await
    }

    /// Closes the stream as `stopped`, unless it has ended or `epoch` names another incarnation. Idempotent.
    ///
    /// # Errors
    /// As [`Stream::append`].
    ///
    /// # Cancel safety
    /// As [`Stream::append`].
    pub async fn stop(&self, epoch: Option<Epoch>) -> Result<Stopped, Error> {
        if epoch.is_some_and(|epoch| epoch != self.live.epoch) {
            return Ok(Stopped::OtherEpoch);
        }
        let append = Append { records: Vec::new(), close: Some(Close::because(CloseReason::Stopped)) };
        match (self.append(append).await, self.live.end()) {
            (Ok(Appended { closure: Some(closure), .. }), _) => Ok(Stopped::Now(closure)),
            (Err(error), Some(End::Closed(closure))) if error.kind() == ErrorKind::StreamClosed => {
                Ok(Stopped::AlreadyEnded(closure))
            }
            (Err(error), _) => Err(error),
            (Ok(_), _) => Err(Error::new(ErrorKind::Storage, "a close was acknowledged without its closure")),
        }
    }

    /// Resolves once the stream has ended, also if it had before.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn ended(&self) -> End {
        loop {
            let ending = self.live.ending.notified();
            if let Some(end) = self.live.end() {
                return end;
            }
            ending.await;
        }
    }

    /// Resolves once nobody subscribes.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn unwatched(&self) {
        loop {
            let change = self.live.audience.notified();
            if self.live.subscribers() == 0 {
                return;
            }
            change.await;
        }
    }

    /// Resolves once somebody subscribes, who may be gone again by then.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn watched(&self) {
        let change = self.live.audience.notified();
        if self.live.subscribers() == 0 {
            change.await;
        }
    }

    /// Records from `from` on, acknowledged ones only, in order; empty at the tail.
    ///
    /// # Errors
    /// `OffsetTrimmed`, `OffsetBeyondTail`, `StreamNotFound`, `Storage`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
        let tail = self.begin_read(from)?;
        let mut records = self.hub.shared.log.read(self.live.key, from, limit).await?;
        records.retain(|record| record.offset < tail);
        Ok(records)
    }

    /// As [`Stream::read`], for a caller that makes something large of the records: `make` runs where they are read, which
    /// is a thread of the log for reads that are not short, and has them in runs as the log has them.
    ///
    /// # Errors
    /// As [`Stream::read`].
    ///
    /// # Cancel safety
    /// Safe; what is being made then is dropped.
    pub async fn read_with<T: Send + 'static>(
        &self,
        from: Offset,
        limit: ReadLimit,
        make: impl FnOnce(Vec<RecordRun>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let tail = self.begin_read(from)?;
        let (made, taken) = oneshot::channel();
        let make = Box::new(move |mut runs: Vec<RecordRun>| {
            runs.truncate(runs.partition_point(|run| run.first() < tail));
            if let Some(last) = runs.last_mut() {
                last.truncate(tail);
            }
            let _ = made.send(make(runs));
        });
        self.hub.shared.log.read_with(self.live.key, from, limit, make).await?;
        taken.await.map_err(|_| Error::new(ErrorKind::Storage, "a read was answered without its records"))
    }

    /// The tail before a read from `from`: the log may already hold records behind it that it has not acknowledged, and
    /// nobody sees those (invariant 2).
    fn begin_read(&self, from: Offset) -> Result<Offset, Error> {
        self.hub.shared.touch(&self.live);
        let tail = self.live.held().tail;
        if from > tail {
            let context = format!("offset {from} is beyond the tail {tail} of stream {}", self.live.name);
            return Err(Error::new(ErrorKind::OffsetBeyondTail, context));
        }
        Ok(tail)
    }

    /// Judges a resume point.
    #[must_use]
    pub fn resume(&self, start: Start) -> Opening {
        self.live.held().judge(start)
    }

    /// Subscribes from `from`, which must come from [`Stream::resume`] or [`Stream::state`].
    ///
    /// # Errors
    /// `Overloaded` when the stream has as many subscribers as it may have.
    pub fn subscribe(&self, from: Offset) -> Result<Subscription, Error> {
        self.hub.shared.touch(&self.live);
        Subscription::new(self.clone(), from)
    }

    /// The same in batches, each encoded by `encode`, which all who follow a stream so have in common.
    ///
    /// # Errors
    /// As [`Stream::subscribe`].
    pub fn subscribe_in_batches(&self, from: Offset, encode: EncodeBatch) -> Result<BatchSubscription, Error> {
        self.subscribe(from).map(|subscription| BatchSubscription::new(subscription, encode))
    }

    /// Marks the stream as used just now, for uses that neither read nor append: its expiry slides.
    pub fn touch(&self) {
        self.hub.shared.touch(&self.live);
    }
}

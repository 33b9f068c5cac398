//! The writer: the one task that orders a stream's appends, persists them and then publishes them.

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{Clock, Entry, Log, Offset, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, BatchFrame};
use crate::frame::encode_frames;
use crate::live_stream::sequence::{Planning, Pledge, Ticket};
use crate::live_stream::{Frames, LiveStream};
use crate::producer::Seat;
use crate::receipt::Reply;
use crate::stream::{Append, Appended, End, Sequenced};
use crate::{Error, HubConfig};

/// What a writer is asked to do. Whoever sends one has decided: a sender that goes away changes nothing.
#[derive(Debug)]
pub(crate) enum Command {
    /// Append to a stream.
    Append { live: Arc<LiveStream>, append: Append, ticket: Option<Box<Ticket>>, reply: Reply },
    /// Take a stream out of the log, behind every append before it.
    Remove { live: Arc<LiveStream>, end: End, reply: oneshot::Sender<Result<(), Error>> },
}

/// One task per runtime; it writes the streams that became live there. What one turn of the runtime brings becomes one
/// commit: appends of many streams share it, and the first append of an idle stream waits for nothing.
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bounds: Bounds,
    pub(crate) closed_ttl: std::time::Duration,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// What one stream may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) stream_bytes_max: u64,
    pub(crate) producers_max: u64,
}

/// An append that has its place but is not acknowledged.
struct Planned {
    live: Arc<LiveStream>,
    frames: Frames,
    bytes: u64,
    appended: Appended,
    /// Set when its publisher numbers it.
    pledge: Option<Box<Pledge>>,
    reply: Reply,
}

/// A retry of an append that may not be acknowledged yet: it is answered when that is.
struct Echo {
    seat: Arc<Seat>,
    reply: Reply,
}

/// The appends of one commit.
#[derive(Default)]
struct Round {
    entries: Vec<Entry>,
    planned: Vec<Planned>,
    echoes: Vec<Echo>,
}

impl Writer {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        config: &HubConfig,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let bounds =
            Bounds { stream_bytes_max: config.stream_bytes_max, producers_max: config.producers_per_stream_max };
        Self { log, clock, bounds, closed_ttl: config.closed_ttl, commands }
    }

    /// Runs until the process has ended all work, and answers whatever was asked before that.
    pub(crate) async fn run(mut self, commands_max: usize, ended: CancellationToken) {
        let mut commands = Vec::new();
        loop {
            let received = tokio::select! {
                biased;
                received = self.commands.recv_many(&mut commands, commands_max) => received,
                () = ended.cancelled() => 0,
            };
            if received == 0 {
                return;
            }
            self.obey(&mut commands).await;
        }
    }

    async fn obey(&self, commands: &mut Vec<Command>) {
        let mut round = Round::default();
        for command in commands.drain(..) {
            match command {
                Command::Append { live, append, ticket: None, reply } => self.plan(&mut round, live, &append, reply),
                Command::Append { live, append, ticket: Some(ticket), reply } => {
                    self.plan_sequenced(&mut round, live, &append, *ticket, reply);
                }
                Command::Remove { live, end, reply } => {
                    self.finish(std::mem::take(&mut round)).await;
                    // Whether the asker still listens is not our affair.
                    let _ = reply.send(self.remove(&live, end).await);
                }
            }
        }
        self.finish(round).await;
    }

    /// Gives an append its place in the round.
    fn plan(&self, round: &mut Round, live: Arc<LiveStream>, append: &Append, reply: Reply) {
        let now = self.clock.now();
        match live.plan(append, now, self.bounds.stream_bytes_max) {
            Ok(entry) => round.place(live, append, entry, now, None, reply),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// The same for an append that its publisher numbers.
    fn plan_sequenced(&self, round: &mut Round, live: Arc<LiveStream>, append: &Append, ticket: Ticket, reply: Reply) {
        let now = self.clock.now();
        match live.plan_sequenced(append, ticket, now, &self.bounds) {
            Ok(Planning::Placed(entry, pledge)) => round.place(live, append, entry, now, Some(pledge), reply),
            Ok(Planning::Duplicate(seat)) => round.echoes.push(Echo { seat, reply }),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Persists, then publishes: the one place that makes records visible (invariant 2). It runs in the writer's task, so
    /// that no dropped request can stop between the two.
    async fn finish(&self, round: Round) {
        let Round { entries, planned, echoes } = round;
        let committed = if entries.is_empty() { Ok(()) } else { self.log.commit(entries).await.map_err(Error::from) };
        match &committed {
            Ok(()) => {
                for planned in planned {
                    self.publish(planned).await;
                }
            }
            Err(error) => {
                for planned in planned {
                    planned.forget(error);
                }
            }
        }
        for echo in echoes {
            echo.answer(&committed);
        }
    }

    async fn publish(&self, planned: Planned) {
        let Planned { live, frames, bytes, appended, pledge, reply } = planned;
        let is_closed = appended.closure.is_some();
        live.publish(&appended, frames, bytes);
        if let Some(pledge) = pledge {
            live.redeem(*pledge);
        }
        reply.send(Ok(Sequenced::Accepted(appended)));
        if is_closed {
            self.keep_closed(&live).await;
        }
    }

    /// A closed stream without an expiry of its own is kept for the configured time.
    async fn keep_closed(&self, live: &LiveStream) {
        if live.settings.expiry != everstream_log::Expiry::Never {
            return;
        }
        let expires_at = (!self.closed_ttl.is_zero()).then(|| self.clock.now().plus(self.closed_ttl));
        live.deadline.set(expires_at);
        if let Err(error) = self.log.touch(live.key, expires_at).await {
            tracing::warn!(stream = %live.name, %error, "the expiry of a closed stream was not stored");
        }
    }

    async fn remove(&self, live: &LiveStream, end: End) -> Result<(), Error> {
        if live.is_gone() {
            return Ok(());
        }
        self.log.delete(&live.name, live.key).await?;
        live.vanish(end);
        Ok(())
    }
}

impl Round {
    fn place(
        &mut self,
        live: Arc<LiveStream>,
        append: &Append,
        entry: Entry,
        now: Timestamp,
        pledge: Option<Box<Pledge>>,
        reply: Reply,
    ) {
        let bytes = append.records.iter().map(|data| data.len() as u64).sum();
        let next = entry.first.plus(append.records.len() as u64);
        let batch = batch(&live, &append.records, next, bytes, now);
        let frames = Frames { each: frames(&live, &append.records, entry.first), batch };
        let appended = Appended { first: entry.first, next, closure: entry.closure.clone() };
        self.entries.push(entry);
        self.planned.push(Planned { live, frames, bytes, appended, pledge, reply });
    }
}

/// The records as one batch, if anybody follows in batches.
fn batch(live: &LiveStream, records: &[Bytes], next: Offset, bytes: u64, now: Timestamp) -> Option<BatchFrame> {
    let encode = live.batch_encoder(usize::try_from(bytes).ok()?).filter(|_| !records.is_empty())?;
    Some(encode(&Batch { content: live.content, epoch: live.epoch, records, next, now }))
}

/// The records as frames, the first at `first`, if anybody takes them.
fn frames(live: &LiveStream, records: &[Bytes], first: Offset) -> Option<Vec<Bytes>> {
    if !live.wants_frames() {
        return None;
    }
    let mut frames = Vec::with_capacity(records.len());
    encode_frames(live.content, live.epoch, first, records.iter(), &mut frames);
    Some(frames)
}

impl Planned {
    fn forget(self, error: &Error) {
        self.live.forget_plan();
        if let Some(pledge) = self.pledge {
            pledge.forget();
        }
        self.reply.send(Err(error.share()));
    }
}

impl Echo {
    /// What was in the log before the round stays a duplicate whatever became of the round; but of a failed one nobody
    /// can tell any more which it was, and a retry is answered as well by the next attempt.
    fn answer(self, committed: &Result<(), Error>) {
        let answer = match committed {
            Ok(()) => self.seat.acknowledged().map(Sequenced::Duplicate).ok_or_else(Error::unsettled),
            Err(error) => Err(error.share()),
        };
        self.reply.send(answer);
    }
}

//! The writer: the one task that orders a stream's appends, persists them and then publishes them.

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{Clock, Entry, Log, Sequencing, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::Batch;
use crate::frame::encode_frames;
use crate::live_stream::sequence::{Planning, Pledge, Ticket};
use crate::live_stream::{Frames, LiveStream, Place};
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
struct Round {
    /// The time of its records: one look at the clock for all.
    now: Timestamp,
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
        let mut round = Round::at(self.clock.now());
        for command in commands.drain(..) {
            match command {
                Command::Append { live, append, ticket: None, reply } => self.plan(&mut round, live, append, reply),
                Command::Append { live, append, ticket: Some(ticket), reply } => {
                    self.plan_sequenced(&mut round, live, append, *ticket, reply);
                }
                Command::Remove { live, end, reply } => {
                    self.finish(std::mem::replace(&mut round, Round::at(self.clock.now()))).await;
                    // Whether the asker still listens is not our affair.
                    let _ = reply.send(self.remove(&live, end).await);
                }
            }
        }
        self.finish(round).await;
    }

    /// Gives an append its place in the round.
    fn plan(&self, round: &mut Round, live: Arc<LiveStream>, append: Append, reply: Reply) {
        match live.plan(&append, self.bounds.stream_bytes_max) {
            Ok(place) => round.add(live, append, place, None, reply),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// The same for an append that its publisher numbers.
    fn plan_sequenced(&self, round: &mut Round, live: Arc<LiveStream>, append: Append, ticket: Ticket, reply: Reply) {
        match live.plan_sequenced(&append, ticket, &self.bounds) {
            Ok(Planning::Placed(place, sequencing, pledge)) => {
                round.add(live, append, place, Some((sequencing, pledge)), reply);
            }
            Ok(Planning::Duplicate(seat)) => round.echoes.push(Echo { seat, reply }),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Persists, then publishes: the one place that makes records visible (invariant 2). It runs in the writer's task, so
    /// that no dropped request can stop between the two.
    async fn finish(&self, round: Round) {
        let Round { entries, planned, echoes, .. } = round;
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
    const fn at(now: Timestamp) -> Self {
        Self { now, entries: Vec::new(), planned: Vec::new(), echoes: Vec::new() }
    }

    fn add(
        &mut self,
        live: Arc<LiveStream>,
        append: Append,
        place: Place,
        numbered: Option<(Box<Sequencing>, Box<Pledge>)>,
        reply: Reply,
    ) {
        let now = self.now;
        let frames = frames(&live, &append.records, &place, now);
        let Place { first, next, bytes, .. } = place;
        let (sequencing, pledge) = numbered.unzip();
        let entry = Entry { sequencing, ..live.entry(append, first, now) };
        let appended = Appended { first, next, closure: entry.closure.clone() };
        self.entries.push(entry);
        self.planned.push(Planned { live, frames, bytes, appended, pledge, reply });
    }
}

/// The records in the forms that somebody takes.
fn frames(live: &LiveStream, records: &[Bytes], place: &Place, now: Timestamp) -> Frames {
    let LiveStream { content, epoch, .. } = *live;
    let each = place.wants_frames.then(|| {
        let mut frames = Vec::with_capacity(records.len());
        encode_frames(content, epoch, place.first, records.iter(), &mut frames);
        frames
    });
    let batch = place.encode_batch.map(|encode| encode(&Batch { content, epoch, records, next: place.next, now }));
    Frames { each, batch }
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

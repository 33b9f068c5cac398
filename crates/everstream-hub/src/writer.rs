//! The writer: the one task that orders a stream's appends, persists them and then publishes them.

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{Clock, Closure, Entry, Log, Sequencing, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::Batch;
use crate::dormant::Dormant;
use crate::frame::{encode_frames, frame_of};
use crate::live_stream::sequence::{Planning, Pledge, Ticket};
use crate::live_stream::{Frames, InFrames, LiveStream, Place};
use crate::producer::Seat;
use crate::receipt::Reply;
use crate::stream::{Append, Appended, End, Sequenced};
use crate::{Error, EventId, HubConfig, Tasks};

/// What a writer is asked to do. Whoever sends one has decided: a sender that goes away changes nothing.
#[derive(Debug)]
pub(crate) enum Command {
    /// Append to a stream.
    Append { live: Arc<LiveStream>, append: Append, ticket: Option<Box<Ticket>>, reply: Reply },
    /// Take a stream out of the log, behind every append before it.
    Remove { live: Arc<LiveStream>, end: End, reply: oneshot::Sender<Result<Removal, Error>> },
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The stream is gone.
    Gone,
    /// It was to go because its time was up, and has been used since.
    Spared,
}

/// One task per runtime; it writes the streams that became live there. What one turn of the runtime brings becomes one
/// commit: appends of many streams share it, and the first append of an idle stream waits for nothing.
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: HubConfig,
    pub(crate) tasks: Tasks,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// An append that has its place but is not acknowledged.
struct Planned {
    live: Arc<LiveStream>,
    place: Place,
    frames: Frames,
    closure: Option<Box<Closure>>,
    /// Set when its publisher numbers it.
    pledge: Option<Box<Pledge>>,
    reply: Reply,
}

/// A retry of an append that may not be acknowledged yet: it is answered when that is.
struct Echo {
    seat: Arc<Seat>,
    reply: Reply,
}

/// An append that was refused for how its stream will be once the round is acknowledged: to say that it is closed before
/// anybody can see how would send its publisher to look for an end that is not there. It is answered when that holds.
struct Refused {
    error: Error,
    reply: Reply,
}

/// The appends of one commit. Its vectors are used again by the next.
#[derive(Default)]
struct Round {
    /// The time of its records: one look at the clock for all.
    now: Timestamp,
    entries: Vec<Entry>,
    planned: Vec<Planned>,
    echoes: Vec<Echo>,
    refused: Vec<Refused>,
}

/// A round whose vectors have room for more appends than this gives their memory back.
const ROUND_KEPT_MAX: usize = 256;

impl Writer {
    /// Runs until the process has ended all work, and answers whatever was asked before that.
    pub(crate) async fn run(mut self, ended: CancellationToken) {
        let (mut commands, mut round) = (Vec::new(), Round::default());
        let mut ended = Dormant::new(Box::pin(ended.cancelled_owned()));
        loop {
            let received = tokio::select! {
                biased;
                received = self.commands.recv_many(&mut commands, self.config.queued_appends_max) => received,
                () = &mut ended => 0,
            };
            if received == 0 {
                return;
            }
            self.obey(&mut commands, &mut round).await;
            commands.shrink_to(ROUND_KEPT_MAX);
            round.shrink();
        }
    }

    async fn obey(&self, commands: &mut Vec<Command>, round: &mut Round) {
        round.now = self.clock.now();
        for command in commands.drain(..) {
            match command {
                Command::Append { live, append, ticket, reply } => {
                    live.touch(round.now, &self.log, &self.tasks);
                    match ticket {
                        None => self.plan(round, live, append, reply),
                        Some(ticket) => self.plan_sequenced(round, live, append, *ticket, reply),
                    }
                }
                Command::Remove { live, end, reply } => {
                    self.finish(round).await;
                    round.now = self.clock.now();
                    // Whether the asker still listens is not our affair.
                    let _ = reply.send(self.remove(&live, end, round.now).await);
                }
            }
        }
        self.finish(round).await;
    }

    /// Gives an append its place in the round.
    fn plan(&self, round: &mut Round, live: Arc<LiveStream>, append: Append, reply: Reply) {
        match live.plan(&append, &self.config) {
            Ok(place) => round.add(live, append, place, None, reply),
            Err(error) => round.refused.push(Refused { error, reply }),
        }
    }

    /// The same for an append that its publisher numbers.
    fn plan_sequenced(&self, round: &mut Round, live: Arc<LiveStream>, append: Append, ticket: Ticket, reply: Reply) {
        match live.plan_sequenced(&append, ticket, &self.config) {
            Ok(Planning::Placed(place, sequencing, pledge)) => {
                round.add(live, append, place, Some((sequencing, pledge)), reply);
            }
            Ok(Planning::Duplicate(seat)) => round.echoes.push(Echo { seat, reply }),
            Err(error) => round.refused.push(Refused { error, reply }),
        }
    }

    /// Persists, then publishes: the one place that makes records visible (invariant 2). It runs in the writer's task, so
    /// that no dropped request can stop between the two. Leaves the round empty.
    async fn finish(&self, round: &mut Round) {
        let committed = self.commit(&mut round.entries).await;
        let mut closed = Vec::new();
        match &committed {
            Ok(()) => closed.extend(round.planned.drain(..).filter_map(Planned::publish)),
            Err(error) => round.planned.drain(..).for_each(|planned| planned.forget(error)),
        }
        round.echoes.drain(..).for_each(|echo| echo.answer(&committed));
        round.refused.drain(..).for_each(|refused| refused.answer(&committed));
        for live in closed {
            self.keep_closed(&live).await;
        }
    }

    async fn commit(&self, entries: &mut Vec<Entry>) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let committed = match self.log.commit_now(entries) {
            Some(committed) => committed,
            None => self.log.commit(std::mem::take(entries)).await,
        };
        entries.clear();
        Ok(committed?)
    }

    /// A closed stream without an expiry of its own is kept for the configured time.
    async fn keep_closed(&self, live: &LiveStream) {
        if live.settings.expiry != everstream_log::Expiry::Never {
            return;
        }
        let ttl = self.config.closed_ttl;
        let expires_at = (!ttl.is_zero()).then(|| self.clock.now().plus(ttl));
        live.deadline.set(expires_at);
        if let Err(error) = self.log.touch(live.key, expires_at).await {
            tracing::warn!(stream = %live.name, %error, "the expiry of a closed stream was not stored");
        }
    }

    /// Says whether the stream is gone: one that was found expired may have been appended to since.
    async fn remove(&self, live: &LiveStream, end: End, now: Timestamp) -> Result<Removal, Error> {
        if live.is_gone() {
            return Ok(Removal::Gone);
        }
        if end == End::Expired && !live.has_expired(now) {
            return Ok(Removal::Spared);
        }
        self.log.delete(&live.name, live.key).await?;
        live.vanish(end);
        Ok(Removal::Gone)
    }
}

impl Round {
    fn add(
        &mut self,
        live: Arc<LiveStream>,
        append: Append,
        place: Place,
        numbered: Option<(Box<Sequencing>, Box<Pledge>)>,
        reply: Reply,
    ) {
        let frames = frames(&live, &append.records, &place, self.now);
        let (sequencing, pledge) = numbered.unzip();
        let entry = live.entry(append, place.first, self.now, sequencing);
        let closure = entry.closure.clone().map(Box::new);
        self.entries.push(entry);
        self.planned.push(Planned { live, place, frames, closure, pledge, reply });
    }

    fn shrink(&mut self) {
        self.entries.shrink_to(ROUND_KEPT_MAX);
        self.planned.shrink_to(ROUND_KEPT_MAX);
        self.echoes.shrink_to(ROUND_KEPT_MAX);
        self.refused.shrink_to(ROUND_KEPT_MAX);
    }
}

/// The records in the forms that somebody takes.
fn frames(live: &LiveStream, records: &[Bytes], place: &Place, now: Timestamp) -> Frames {
    let LiveStream { content, epoch, .. } = *live;
    let each = match records {
        _ if !place.wants_frames => InFrames::Untaken,
        [record] => InFrames::One(frame_of(content, EventId::new(epoch, place.next), record)),
        _ => {
            let mut frames = Vec::with_capacity(records.len());
            encode_frames(content, epoch, place.first, records.iter(), &mut frames);
            InFrames::Each(frames)
        }
    };
    let batch = place.encode_batch.map(|encode| encode(&Batch { content, epoch, records, next: place.next, now }));
    Frames { each, batch }
}

impl Planned {
    /// It is acknowledged. Returns its stream if that is closed with it.
    fn publish(self) -> Option<Arc<LiveStream>> {
        let Self { live, place, frames, closure, pledge, reply } = self;
        live.publish(&place, frames, closure.as_deref());
        if let Some(pledge) = pledge {
            live.redeem(*pledge);
        }
        let closed = closure.is_some().then(|| Arc::clone(&live));
        let Place { first, next, .. } = place;
        reply.send(Ok(Sequenced::Accepted(Appended { first, next, closure: closure.map(|closure| *closure) })));
        closed
    }

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

impl Refused {
    /// Where the round failed nobody can tell what this would have come to.
    fn answer(self, committed: &Result<(), Error>) {
        let error = match committed {
            Ok(()) => self.error,
            Err(error) => error.share(),
        };
        self.reply.send(Err(error));
    }
}

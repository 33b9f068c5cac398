//! The writer: the one task that orders a stream's appends, persists them and then publishes them.

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{Clock, Entry, Log, Offset};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, BatchFrame};
use crate::frame::encode_frames;
use crate::live_stream::LiveStream;
use crate::stream::{Append, Appended, End};
use crate::{Error, HubConfig};

/// What a writer is asked to do. Whoever sends one has decided: a sender that goes away changes nothing.
#[derive(Debug)]
pub(crate) enum Command {
    /// Append to a stream.
    Append { live: Arc<LiveStream>, append: Append, reply: oneshot::Sender<Result<Appended, Error>> },
    /// Take a stream out of the log, behind every append before it.
    Remove { live: Arc<LiveStream>, end: End, reply: oneshot::Sender<Result<(), Error>> },
}

/// One task per runtime; it writes the streams that became live there. What one turn of the runtime brings becomes one
/// commit: appends of many streams share it, and the first append of an idle stream waits for nothing.
pub(crate) struct Writer {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stream_bytes_max: u64,
    pub(crate) closed_ttl: std::time::Duration,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// An append that has its place but is not acknowledged.
struct Planned {
    live: Arc<LiveStream>,
    frames: Vec<Bytes>,
    batch: Option<BatchFrame>,
    bytes: u64,
    appended: Appended,
    reply: oneshot::Sender<Result<Appended, Error>>,
}

/// The appends of one commit.
#[derive(Default)]
struct Round {
    entries: Vec<Entry>,
    planned: Vec<Planned>,
}

impl Writer {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        config: &HubConfig,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let (stream_bytes_max, closed_ttl) = (config.stream_bytes_max, config.closed_ttl);
        Self { log, clock, stream_bytes_max, closed_ttl, commands }
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
                Command::Append { live, append, reply } => self.plan(&mut round, live, &append, reply),
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
    fn plan(
        &self,
        round: &mut Round,
        live: Arc<LiveStream>,
        append: &Append,
        reply: oneshot::Sender<Result<Appended, Error>>,
    ) {
        let entry = match live.plan(append, self.clock.now(), self.stream_bytes_max) {
            Ok(entry) => entry,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        let mut frames = Vec::with_capacity(append.records.len());
        encode_frames(live.content, live.epoch, entry.first, append.records.iter(), &mut frames);
        let bytes = append.records.iter().map(|data| data.len() as u64).sum();
        let next = entry.first.plus(append.records.len() as u64);
        let batch = self.batch(&live, &append.records, next, bytes);
        let appended = Appended { first: entry.first, next, closure: entry.closure.clone() };
        round.entries.push(entry);
        round.planned.push(Planned { live, frames, batch, bytes, appended, reply });
    }

    /// The records as one batch, if anybody follows in batches.
    fn batch(&self, live: &LiveStream, records: &[Bytes], next: Offset, bytes: u64) -> Option<BatchFrame> {
        let encode = live.batch_encoder(usize::try_from(bytes).ok()?).filter(|_| !records.is_empty())?;
        Some(encode(&Batch { content: live.content, epoch: live.epoch, records, next, now: self.clock.now() }))
    }

    /// Persists, then publishes: the one place that makes records visible (invariant 2). It runs in the writer's task, so
    /// that no dropped request can stop between the two.
    async fn finish(&self, round: Round) {
        if round.entries.is_empty() {
            return;
        }
        match self.log.commit(round.entries).await.map_err(Error::from) {
            Ok(()) => {
                for planned in round.planned {
                    self.publish(planned).await;
                }
            }
            Err(error) => {
                for planned in round.planned {
                    planned.live.forget_plan();
                    let _ = planned.reply.send(Err(error.share()));
                }
            }
        }
    }

    async fn publish(&self, planned: Planned) {
        let Planned { live, frames, batch, bytes, appended, reply } = planned;
        let closure = appended.closure.clone();
        let is_closed = closure.is_some();
        live.publish(frames, batch, bytes, closure);
        let _ = reply.send(Ok(appended));
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

//! The engine's own writing thread: takes what may have to wait for the device off the callers' threads.
//!
//! Whatever waits when the thread comes back is one group: one frame in the journal and, at `fsync`, one flush for all. The first
//! change of an idle log is a group of its own at once; there is no timer.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use everstream_log::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

use crate::change::{Change, Changed};
use crate::group::Group;
use crate::reclaim::Reclaimer;
use crate::store::Store;
use crate::writer::Writer;

/// So many calls wait at most; one more waits for its place.
const WAITING_MAX: usize = 1_024;

type Answer = Result<Changed, Error>;

enum Message {
    Change(Change, oneshot::Sender<Answer>),
    Stop,
}

/// The way to the writing thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CommitQueue(mpsc::Sender<Message>);

impl CommitQueue {
    /// Starts the thread; `writer` writes to `store`.
    pub(crate) fn start(
        writer: Arc<Mutex<Writer>>,
        store: Arc<Store>,
        reclaimer: Reclaimer,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("everstream-log".to_owned())
            .spawn(move || CommitThread { writer, store, reclaimer, receiver }.run())?;
        Ok((Self(sender), thread))
    }

    /// Waits for its turn and for the acknowledgement.
    pub(crate) async fn change(&self, change: Change) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.send(Message::Change(change, answer)).await.map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Has the thread end once it has answered what waits. Blocks while the queue is full.
    pub(crate) fn stop(&self) {
        // A closed queue means that it has ended.
        let _ = self.0.blocking_send(Message::Stop);
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::ReadOnly, "the log has been closed")
}

struct CommitThread {
    writer: Arc<Mutex<Writer>>,
    store: Arc<Store>,
    reclaimer: Reclaimer,
    receiver: mpsc::Receiver<Message>,
}

impl CommitThread {
    fn run(mut self) {
        while let Some(message) = self.receiver.blocking_recv() {
            match message {
                Message::Change(change, answer) => self.commit_what_waits(change, answer),
                Message::Stop => self.receiver.close(),
            }
        }
    }

    fn commit_what_waits(&mut self, change: Change, answer: oneshot::Sender<Answer>) {
        if !matches!(change, Change::Commit(_)) {
            // It would wait with the writer in its hand, which appends in their callers' threads need.
            self.store.wait_until_placed();
        }
        let writer = Arc::clone(&self.writer);
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.make_room();
        let mut group = writer.group();
        let mut staged = Vec::new();
        let mut next = Some((change, answer));
        while let Some((change, answer)) = next {
            if group.refuses(&change) {
                let full = std::mem::replace(&mut group, writer.group());
                self.finish(&mut writer, full, std::mem::take(&mut staged));
                writer.make_room();
            }
            match writer.stage(&mut group, change) {
                Ok(changed) => staged.push((changed, answer)),
                Err(error) => reply(answer, Err(error)),
            }
            next = self.next_waiting();
        }
        self.finish(&mut writer, group, staged);
        if writer.is_weighing_due() {
            writer.weigh();
        }
    }

    fn next_waiting(&mut self) -> Option<(Change, oneshot::Sender<Answer>)> {
        match self.receiver.try_recv() {
            Ok(Message::Change(change, answer)) => Some((change, answer)),
            Ok(Message::Stop) => {
                // What was queued behind is still received.
                self.receiver.close();
                None
            }
            Err(_) => None,
        }
    }

    fn finish(&self, writer: &mut Writer, group: Group, staged: Vec<(Changed, oneshot::Sender<Answer>)>) {
        let garbage = group.garbage;
        let outcome = writer.commit(group);
        if garbage && outcome.is_ok() {
            self.reclaimer.wake();
        }
        for (changed, answer) in staged {
            let outcome = match &outcome {
                Ok(()) => Ok(changed),
                Err(error) => Err(Error::new(error.kind(), error.to_string())),
            };
            reply(answer, outcome);
        }
    }
}

fn reply(answer: oneshot::Sender<Answer>, outcome: Answer) {
    // A caller that went away has no use for it; its change holds all the same.
    let _ = answer.send(outcome);
}

#[cfg(test)]
mod tests;

//! What belongs to one runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::alarm::Alarm;
use crate::hub::Shared;
use crate::ring::RingBounds;
use crate::writer::{Command, Writer};
use crate::{Error, HubConfig};

/// A command on its way into a full queue. On the heap: it is rare, and its room would be that of all who give orders.
pub(crate) type Queueing = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What belongs to one runtime: the queue of its writer and the alarm of its subscriptions. Shared as a whole by handles
/// and streams: one count moves when one of them is cloned.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) writer: mpsc::Sender<Command>,
    pub(crate) alarm: Arc<Alarm>,
    /// Of its streams.
    pub(crate) ring_bounds: RingBounds,
}

impl Home {
    /// Queues a command; waits only while the queue is full.
    ///
    /// # Errors
    /// `Draining` once the writer has ended.
    pub(crate) async fn order(&self, command: Command) -> Result<(), Error> {
        match self.queue(command)? {
            None => Ok(()),
            Some(queueing) => queueing.await,
        }
    }

    /// Queues a command; where the queue is full, says what is to be waited for.
    ///
    /// # Errors
    /// `Draining` once the writer has ended.
    pub(crate) fn queue(&self, command: Command) -> Result<Option<Queueing>, Error> {
        match self.writer.try_send(command) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(command)) => {
                let writer = self.writer.clone();
                Ok(Some(Box::pin(async move { writer.send(command).await.map_err(|_| Error::draining()) })))
            }
            Err(TrySendError::Closed(_)) => Err(Error::draining()),
        }
    }

    /// Spawns a writer and an alarm on the current runtime.
    pub(crate) fn here(shared: &Arc<Shared>) -> Arc<Self> {
        let (sender, commands) = mpsc::channel(shared.config.queued_appends_max);
        let writer = Writer {
            log: Arc::clone(&shared.log),
            clock: Arc::clone(&shared.clock),
            config: shared.config.clone(),
            tasks: shared.tasks.clone(),
            commands,
        };
        shared.tasks.spawn_service(|ended| writer.run(ended));
        let alarm = Arc::new(Alarm::default());
        shared.tasks.spawn_service(|ended| Arc::clone(&alarm).run(ended));
        let HubConfig { ring_bytes_max: bytes_max, ring_frames_max: frames_max, .. } = shared.config;
        Arc::new(Self { writer: sender, alarm, ring_bounds: RingBounds { bytes_max, frames_max } })
    }
}

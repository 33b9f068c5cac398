//! The sweeper: takes out what has expired and lets go of what is idle.

use std::sync::atomic::Ordering;

use everstream_log::{StreamName, Timestamp};
use tokio::time::MissedTickBehavior;

use crate::deadline::slack;
use crate::hub::Hub;
use crate::live_stream::LiveStream;
use crate::{Error, ErrorKind};

/// How many expired streams are taken out before others get a turn.
const EXPIRED_PER_STEP: usize = 256;
/// How many steps one sweep has; what is left waits for the next.
const STEPS_PER_SWEEP: usize = 64;

impl Hub {
    /// Spawns the sweeper on the current runtime; one per process.
    pub fn spawn_sweeper(&self) {
        let hub = self.clone();
        self.tasks().spawn_service(|ended| async move {
            let mut ticks = tokio::time::interval(hub.config().sweep_interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    _ = ticks.tick() => hub.sweep().await,
                }
            }
        });
    }

    /// One sweep: expired streams go, idle ones leave the memory.
    pub async fn sweep(&self) {
        let now = self.clock().now();
        if let Err(error) = self.sweep_expired(now).await {
            // A read-only log cannot forget; the health check says so, once is enough.
            if error.kind() != ErrorKind::ReadOnly {
                tracing::warn!(%error, "expired streams could not be removed");
            }
        }
        let idle_max = self.config().idle_max;
        let is_idle = |live: &LiveStream| now.since(Timestamp(live.used_ms.load(Ordering::Relaxed))) >= idle_max;
        // Only memory knows that a stream is stranded. They are no more than there were relays when the log failed.
        self.shared.registry.evict(|live| is_idle(live) && live.stranded().is_none());
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<(), Error> {
        for _ in 0..STEPS_PER_SWEEP {
            let names = self.log().expired(now, EXPIRED_PER_STEP).await?;
            for name in &names {
                self.sweep_stream(name).await?;
            }
            if names.len() < EXPIRED_PER_STEP {
                break;
            }
        }
        Ok(())
    }

    /// Removes the stream if it has really expired; if it was used since the log last heard of it, tells the log.
    async fn sweep_stream(&self, name: &StreamName) -> Result<(), Error> {
        let stream = match self.stream(name).await {
            Ok(stream) => stream,
            // Looking at it was enough to remove it.
            Err(error) if error.is_absence() => return Ok(()),
            Err(error) => return Err(error),
        };
        if let (true, Some(ttl)) = (stream.live.subscribers() > 0, stream.live.idle_ttl()) {
            stream.live.deadline.extend(self.clock().now().plus(ttl), slack(ttl));
        }
        Ok(self.log().touch(stream.live.key, stream.live.deadline.logged()).await?)
    }
}

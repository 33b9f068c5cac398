//! The hub: finds, makes, loads and removes streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use everstream_log::{Alias, Clock, CloseReason, Health, Log, StreamName, Timestamp};
use tokio::sync::oneshot;

use crate::home::Home;
use crate::live_stream::LiveStream;
use crate::registry::{Known, Registry};
use crate::stream::{Append, Close, End};
use crate::writer::{Command, Removal};
use crate::{Error, ErrorKind, HubConfig, Stream, Tasks};

/// How often a creation or a load starts over because the name changed hands meanwhile. Every further round needs
/// another stream of that name to come or go in the same instant.
pub(crate) const ATTEMPTS_MAX: usize = 16;

/// The live streams of a process, on top of one log. Cheap to clone; a clone made by [`Hub::on_this_runtime`] writes the
/// streams it loads on its own runtime.
#[derive(Debug, Clone)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
    pub(crate) home: Arc<Home>,
}

/// What all handles have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: HubConfig,
    pub(crate) tasks: Tasks,
    pub(crate) registry: Registry,
}

impl Hub {
    /// A hub on `log`. Must be called inside a Tokio runtime, which will write the streams this handle loads.
    pub fn new(log: Arc<dyn Log>, clock: Arc<dyn Clock>, config: HubConfig, tasks: Tasks) -> Self {
        let shared = Arc::new(Shared { log, clock, config, tasks, registry: Registry::default() });
        Self { home: Home::here(&shared), shared }
    }

    /// A handle of the same hub whose streams are written on the current runtime, so that a stream's appends, its writer
    /// and its first viewers meet on one core.
    #[must_use]
    pub fn on_this_runtime(&self) -> Self {
        Self { home: Home::here(&self.shared), shared: Arc::clone(&self.shared) }
    }

    /// The stream of this name.
    ///
    /// # Errors
    /// `StreamNotFound` (also when it has expired), `StreamDeleted` (also when it has expired and forks read its records),
    /// `Storage`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn stream(&self, name: &StreamName) -> Result<Stream, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let live = match self.shared.registry.get(name) {
                Known::Live(live) => live,
                Known::Absent(seen) => {
                    let Some(head) = self.shared.log.open(name).await? else {
                        return Err(self.shared.absent(name).await?);
                    };
                    let live = LiveStream::new(head, name.clone(), Arc::clone(&self.home), &self.shared.config);
                    match self.shared.registry.enter(live, seen) {
                        Some(live) => live,
                        None => continue,
                    }
                }
            };
            if live.is_gone() {
                self.shared.registry.remove(&live);
                continue;
            }
            let now = self.shared.clock.now();
            if live.has_expired(now) {
                self.remove(live, End::Expired).await?;
                continue;
            }
            return Ok(self.handle(live, now));
        }
        Err(restless(name))
    }

    /// The stream of this name as [`Hub::stream`] finds it, if it is in memory and no call of the log is needed to know
    /// that it is there at `now`, which is the clock's.
    #[must_use]
    pub fn stream_in_memory(&self, name: &StreamName, now: Timestamp) -> Option<Stream> {
        match self.shared.registry.get(name) {
            Known::Live(live) if !live.is_gone() && !live.has_expired(now) => Some(self.handle(live, now)),
            Known::Live(_) | Known::Absent(_) => None,
        }
    }

    /// The stream that holds `alias`, if any.
    ///
    /// # Errors
    /// `Storage`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn find_alias(&self, alias: &Alias) -> Result<Option<Stream>, Error> {
        let Some(name) = self.shared.log.find_alias(alias).await? else { return Ok(None) };
        match self.stream(&name).await {
            Ok(stream) if stream.settings().alias.as_ref() == Some(alias) => Ok(Some(stream)),
            Ok(_) => Ok(None),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a stream; its subscribers learn that it was deleted. While forks read its records its name stays taken, and
    /// it is answered as `StreamDeleted`.
    ///
    /// # Errors
    /// `StreamNotFound`, `StreamDeleted`, `ReadOnly`, `Storage`.
    ///
    /// # Cancel safety
    /// A dropped call has either not begun or takes full effect.
    pub async fn delete(&self, name: &StreamName) -> Result<(), Error> {
        let stream = self.stream(name).await?;
        self.remove(stream.live, End::Deleted).await
    }

    /// Takes a stream out, unless it is to go because it has expired and has been used meanwhile.
    pub(crate) async fn remove(&self, live: Arc<LiveStream>, end: End) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Remove { live: Arc::clone(&live), end, reply };
        live.home.order(command).await?;
        match answer.await.map_err(|_| Error::draining())?? {
            Removal::Gone => self.shared.registry.remove(&live),
            Removal::Spared => {}
        }
        Ok(())
    }

    /// Closes, as `interrupted`, the streams that a relay of a dead process left open, so that no reader waits on them.
    /// To be called once, before anybody is served.
    ///
    /// # Errors
    /// `ReadOnly`, `Storage`.
    ///
    /// # Cancel safety
    /// Dropped in the middle it has closed some of them; calling it again closes the rest.
    pub async fn recover(&self, detail: Bytes) -> Result<Vec<StreamName>, Error> {
        let orphans = self.shared.log.open_relays().await?;
        for name in &orphans {
            let close = Some(Close { reason: CloseReason::Interrupted, detail: detail.clone() });
            let closed = match self.stream(name).await {
                Ok(stream) => stream.append(Append { records: Vec::new(), close }).await.map(drop),
                Err(error) => Err(error),
            };
            match closed {
                Err(error) if !error.is_absence() => return Err(error),
                _ => {}
            }
        }
        Ok(orphans)
    }

    /// Whether the log takes writes.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.log.health()
    }

    /// The bounds.
    #[must_use]
    pub fn config(&self) -> &HubConfig {
        &self.shared.config
    }

    /// The tracked set of tasks.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.shared.log
    }

    /// How many streams are in memory.
    #[must_use]
    pub fn live_streams(&self) -> usize {
        self.shared.registry.len()
    }

    /// A handle of a stream that is used at `now`.
    pub(crate) fn handle(&self, live: Arc<LiveStream>, now: Timestamp) -> Stream {
        live.used_ms.store(now.0, Ordering::Relaxed);
        Stream { live, hub: self.clone() }
    }
}

impl Shared {
    /// Why there is no stream of this name.
    async fn absent(&self, name: &StreamName) -> Result<Error, Error> {
        Ok(match self.log.tombstone(name).await? {
            Some(_) => Error::deleted(name),
            None => Error::not_found(name),
        })
    }

    /// The stream is read, or watched; of an append the writer says so.
    pub(crate) fn touch(&self, live: &Arc<LiveStream>) {
        live.touch(self.clock.now(), &self.log, &self.tasks);
    }
}

pub(crate) fn restless(name: &StreamName) -> Error {
    Error::new(ErrorKind::Overloaded, format!("stream {name} is made and removed faster than it can be found"))
}

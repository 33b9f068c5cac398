//! The asks whose relay runs in this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use everstream_log::StreamName;
use http::HeaderMap;
use tokio::sync::watch;

use crate::presence::Presence;

/// How far a relay is.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// The upstream has not answered yet.
    Calling,
    /// The upstream answers in events; these of its headers go along.
    Answering(Arc<HeaderMap>),
    /// The stream was closed before that.
    Over,
}

impl Phase {
    /// The stream is closed. What was known of the upstream's answer stays known; says whether anything changed.
    pub(crate) fn close(&mut self) -> bool {
        let is_news = matches!(self, Self::Calling);
        if is_news {
            *self = Self::Over;
        }
        is_news
    }
}

/// What others may see of a running relay.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) presence: Presence,
}

/// The running relays by stream. At most as many as asks may be in flight.
#[derive(Debug, Default)]
pub(crate) struct RunningAsks {
    by_stream: Mutex<HashMap<StreamName, Running>>,
}

/// Keeps a relay listed; taken off the list when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    asks: Arc<RunningAsks>,
    name: StreamName,
}

impl Running {
    /// What there is to see of a relay that does not run here (any more).
    pub(crate) fn over() -> Self {
        Self { phase: watch::channel(Phase::Over).1, presence: Presence::new() }
    }
}

impl RunningAsks {
    /// Lists a relay before its stream is there, so that whoever finds the stream finds the relay. `None` when a relay of
    /// this name is listed: then the stream is there, or its name changes hands.
    pub(crate) fn list(self: &Arc<Self>, name: &StreamName, running: &Running) -> Option<Listed> {
        match self.lock().entry(name.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                place.insert(running.clone());
                Some(Listed { asks: Arc::clone(self), name: name.clone() })
            }
        }
    }

    pub(crate) fn find(&self, name: &StreamName) -> Option<Running> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<StreamName, Running>> {
        // Each change is one call of the map: a panic in between is impossible, so that the map is whole.
        self.by_stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.asks.lock().remove(&self.name);
    }
}

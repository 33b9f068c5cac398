//! Which streams are in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everstream_log::StreamName;

use crate::live_stream::LiveStream;

/// The live streams by name. One name never has two live streams: whoever loads one from the log enters it with the
/// generation it saw before loading, and loads again if something has left the registry since.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    streams: HashMap<StreamName, Arc<LiveStream>>,
    generation: Generation,
}

/// Counts what has left the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Generation(u64);

/// What the registry knows of a name.
pub(crate) enum Known {
    Live(Arc<LiveStream>),
    /// Not in memory; what is loaded now may be entered with this generation.
    Absent(Generation),
}

impl Registry {
    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &StreamName) -> Known {
        let inner = self.inner();
        match inner.streams.get(name) {
            Some(live) => Known::Live(Arc::clone(live)),
            None => Known::Absent(inner.generation),
        }
    }

    /// Enters what was loaded; `None` if it may be out of date by now. If another loader was quicker, theirs counts.
    pub(crate) fn enter(&self, live: LiveStream, seen: Generation) -> Option<Arc<LiveStream>> {
        let mut inner = self.inner();
        if let Some(other) = inner.streams.get(&live.name) {
            return Some(Arc::clone(other));
        }
        if inner.generation != seen {
            return None;
        }
        let live = Arc::new(live);
        inner.streams.insert(live.name.clone(), Arc::clone(&live));
        Some(live)
    }

    /// Takes out exactly this stream, which is gone from the log.
    pub(crate) fn remove(&self, gone: &Arc<LiveStream>) {
        let mut inner = self.inner();
        if inner.streams.get(&gone.name).is_some_and(|live| Arc::ptr_eq(live, gone)) {
            inner.streams.remove(&gone.name);
        }
        inner.generation.0 += 1;
    }

    /// Takes out every stream that nobody holds and that `is_idle`, and returns how many they were.
    pub(crate) fn evict(&self, is_idle: impl Fn(&LiveStream) -> bool) -> usize {
        let mut inner = self.inner();
        let before = inner.streams.len();
        inner.streams.retain(|_, live| Arc::strong_count(live) > 1 || !is_idle(live));
        let evicted = before - inner.streams.len();
        if evicted > 0 {
            inner.generation.0 += 1;
            // Give the room of a past crowd back.
            if inner.streams.capacity() > 4 * inner.streams.len().max(64) {
                inner.streams.shrink_to_fit();
            }
        }
        evicted
    }

    pub(crate) fn len(&self) -> usize {
        self.inner().streams.len()
    }
}

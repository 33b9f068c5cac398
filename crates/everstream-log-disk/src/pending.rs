//! Appends that are acknowledged and not in the store yet, in memory; a reader sees them behind what the store has.
//!
//! Two sets: the *open* one, which appends go to, and the one *set aside*, which is being folded into the store and does
//! not grow any more. A stream's records in the store, in the set aside and in the open set follow one another without a
//! gap. While a fold is going on the first two may overlap: so whoever reads asks here first where this begins, then
//! reads the store up to there, and never finds a hole.

mod set;
mod stream;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use everstream_log::{Closure, Entry, Offset, ProducerId, ProducerState, StreamKey, StreamSeq};

use crate::read::{Collect, Page, Taken};
use crate::tail::Tail;

pub(crate) use set::PendingSet;
pub(crate) use stream::PendingStream;

/// What is pending, shared by the writer, the readers and the folding thread.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sets: RwLock<Sets>,
    /// The memory that the open set takes, about.
    open_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Sets {
    open: PendingSet,
    /// Shared with the fold, which takes its time and must not keep appends waiting for this lock.
    aside: Arc<PendingSet>,
    /// The streams of it that are deleted, or in the store already.
    gone: HashSet<StreamKey>,
}

/// The end of a stream with appends here.
#[derive(Debug)]
pub(crate) struct PendingHead {
    pub(crate) tail: Tail,
    pub(crate) closure: Option<Closure>,
    pub(crate) stream_seq: Option<StreamSeq>,
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// As much as there is or as the page takes.
    Yes,
    /// The offset is before what is here: the store has it.
    Store,
    /// The offset is after the tail.
    Beyond,
}

impl Pending {
    /// The memory that the open set takes, about, in bytes.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes.load(Ordering::Acquire)
    }

    /// Takes entries whose commit is acknowledged with this, and where each of them has its stream end.
    pub(crate) fn apply(&self, entries: &[Entry], ends: &[Tail]) {
        let mut bytes = 0;
        let mut sets = self.write();
        for (entry, end) in entries.iter().zip(ends) {
            let stream = sets.open.get_or_insert(entry.stream, || {
                bytes += PendingStream::own_bytes();
                PendingStream::new(end.before(entry))
            });
            bytes += stream.push(&entry.records, entry.closure.as_ref(), entry.sequencing.as_deref());
            stream.tail = *end;
        }
        self.open_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Makes the open set the one to be folded. There must be none such yet.
    pub(crate) fn set_aside(&self) {
        let mut sets = self.write();
        let next = PendingSet::like(&sets.open);
        sets.aside = Arc::new(std::mem::replace(&mut sets.open, next));
        self.open_bytes.store(0, Ordering::Release);
    }

    /// What is set aside, those of [`Self::is_gone`] among it.
    pub(crate) fn aside(&self) -> Arc<PendingSet> {
        Arc::clone(&self.read().aside)
    }

    /// Whether what is set aside of a stream has nothing to do in the store any more.
    pub(crate) fn is_gone(&self, stream: StreamKey) -> bool {
        self.read().gone.contains(&stream)
    }

    /// Of which streams that is so by now.
    pub(crate) fn gone(&self) -> HashSet<StreamKey> {
        self.read().gone.clone()
    }

    /// Lets go of the set aside, which is in the store by now.
    pub(crate) fn forget_aside(&self) {
        let mut sets = self.write();
        let folded = (std::mem::take(&mut sets.aside), std::mem::take(&mut sets.gone));
        drop(sets);
        // Not under the lock: these are thousands of buffers.
        drop(folded);
    }

    /// Lets go of a stream's appends: they are in the store, or the stream is deleted.
    pub(crate) fn forget(&self, stream: StreamKey) {
        let mut sets = self.write();
        if sets.aside.get(stream).is_some() {
            sets.gone.insert(stream);
        }
        let gone = sets.open.remove(stream);
        drop(sets);
        drop(gone);
    }

    /// Shows what is pending of a stream, the older part first.
    pub(crate) fn show(&self, stream: StreamKey, mut see: impl FnMut(&PendingStream)) {
        let sets = self.read();
        sets.parts(stream).for_each(&mut see);
    }

    /// Whether a stream has appends here.
    pub(crate) fn has(&self, stream: StreamKey) -> bool {
        self.read().parts(stream).next().is_some()
    }

    /// Where the appends of a stream begin.
    pub(crate) fn first(&self, stream: StreamKey) -> Option<Offset> {
        self.read().parts(stream).next().map(PendingStream::first)
    }

    /// Where a stream with appends here ends.
    pub(crate) fn tail(&self, stream: StreamKey) -> Option<Tail> {
        self.read().parts(stream).last().map(|part| part.tail)
    }

    pub(crate) fn head(&self, stream: StreamKey) -> Option<PendingHead> {
        let sets = self.read();
        let tail = sets.parts(stream).last()?.tail;
        let seq = |part: &PendingStream| part.sequenced.as_ref().and_then(|sequenced| sequenced.stream_seq.clone());
        let stream_seq = sets.parts(stream).filter_map(seq).last();
        let closure = sets.parts(stream).find_map(|part| part.closure.as_deref().cloned());
        Some(PendingHead { tail, closure, stream_seq })
    }

    pub(crate) fn producer(&self, stream: StreamKey, id: &ProducerId) -> Option<ProducerState> {
        let state = |part: &PendingStream| part.sequenced.as_ref()?.producers.get(id).copied();
        self.read().parts(stream).filter_map(state).last()
    }

    /// The relayed streams that are closed here and may be open in the store.
    pub(crate) fn closed_relays(&self) -> HashSet<StreamKey> {
        let sets = self.read();
        let aside = sets.aside.iter().filter(|(stream, _)| !sets.gone.contains(stream));
        let all = aside.chain(sets.open.iter());
        all.filter(|(_, part)| part.tail.is_closed && part.tail.is_relay).map(|(stream, _)| stream).collect()
    }

    /// Reads a stream from the page's offset on.
    pub(crate) fn read_into(&self, stream: StreamKey, page: &mut Page<impl Collect>) -> Served {
        let sets = self.read();
        let (Some(first), Some(last)) = (sets.parts(stream).next(), sets.parts(stream).last()) else {
            return Served::Store;
        };
        if page.next < first.first() {
            return Served::Store;
        }
        if page.next > last.tail.next {
            return Served::Beyond;
        }
        sets.parts(stream).any(|part| part.read(page) == Taken::Full);
        Served::Yes
    }

    /// The offset after the entry that has the record at `at`; nothing when that is not here.
    pub(crate) fn entry_end(&self, stream: StreamKey, at: Offset) -> Option<Offset> {
        let sets = self.read();
        let mut parts = sets.parts(stream).filter(|part| part.first() <= at && at < part.tail.next);
        parts.next().and_then(|part| part.entry_end(at))
    }

    fn read(&self) -> RwLockReadGuard<'_, Sets> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Sets> {
        self.sets.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sets {
    /// A stream's appends, the older part first.
    fn parts(&self, stream: StreamKey) -> impl Iterator<Item = &PendingStream> {
        let aside = self.aside.get(stream).filter(|_| self.gone.is_empty() || !self.gone.contains(&stream));
        aside.into_iter().chain(self.open.get(stream))
    }
}

#[cfg(test)]
mod tests;

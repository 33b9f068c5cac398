//! The folding thread: turns what is set aside into rows of the store, then removes the journal that held it.
//!
//! It also has the next journal ready, with zeros for as much as may come to it, so that whoever finds the open set full
//! changes over to a new one without a call to the system.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use everstream_log::Durability;
use fjall::PersistMode;

use crate::failure::Refusal;
use crate::fold::{Pace, fold_all, fold_aside};
use crate::journal::{Journal, sync_files, sync_names};
use crate::store::Store;

/// The way to the folding thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Folder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journals: Journals,
    state: Mutex<State>,
    changed: Condvar,
}

/// Where journals are made, and how.
#[derive(Debug, Clone)]
pub(crate) struct Journals {
    pub(crate) directory: PathBuf,
    pub(crate) durability: Durability,
    /// So many bytes of a journal are made ready before it is used.
    pub(crate) prepared_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// The number of the journal made last.
    number: u64,
    /// The journal to change over to; none at `memory`.
    spare: Option<Journal>,
    /// The journal of what is set aside.
    old: Option<Journal>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is set aside.
    #[default]
    Idle,
    /// Something is, and is being folded or about to be.
    Due,
    /// The thread has ended, in order or not.
    Over,
}

impl Journals {
    /// How far a fold has to get before the journal that held it may go.
    const fn mode(&self) -> Option<PersistMode> {
        match self.durability {
            Durability::Memory => None,
            Durability::Os => Some(PersistMode::Buffer),
            Durability::Fsync => Some(PersistMode::SyncData),
        }
    }

    /// One of the first two, which much may never come to: at `os` nothing is made ready for it.
    fn make_first(&self, number: u64) -> io::Result<Option<Journal>> {
        let prepared_bytes = if self.durability == Durability::Os { 0 } else { self.prepared_bytes };
        self.make(number, prepared_bytes, &mut Pace::at_once())
    }

    fn make(&self, number: u64, prepared_bytes: usize, pace: &mut Pace<'_>) -> io::Result<Option<Journal>> {
        if self.durability == Durability::Memory {
            return Ok(None);
        }
        let journal = Journal::create(&self.directory, number, prepared_bytes, pace)?;
        Ok(Some(if self.durability == Durability::Fsync { journal.synced(&self.directory)? } else { journal }))
    }
}

impl Folder {
    /// Makes the first two journals, of which it returns the first.
    pub(crate) fn new(journals: Journals) -> io::Result<(Self, Option<Journal>)> {
        let first = journals.make_first(1)?;
        let spare = journals.make_first(2)?;
        let state = Mutex::new(State { number: 2, spare, ..State::default() });
        Ok((Self(Arc::new(Shared { journals, state, changed: Condvar::new() })), first))
    }

    /// Starts the thread.
    pub(crate) fn start(&self, store: Arc<Store>, refusal: Arc<Refusal>) -> io::Result<JoinHandle<()>> {
        let folder = self.clone();
        std::thread::Builder::new().name("everstream-fold".to_owned()).spawn(move || folder.run(&store, &refusal))
    }

    /// Sets aside what is open, to be folded, and changes `journal` over to the next one. Says no while an earlier fold
    /// goes on. Never waits.
    pub(crate) fn begin(&self, store: &Store, journal: &mut Option<Journal>) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Idle {
            return false;
        }
        store.pending.set_aside();
        let spare = state.spare.take();
        state.old = std::mem::replace(journal, spare);
        state.phase = Phase::Due;
        self.0.changed.notify_all();
        true
    }

    /// Whether a fold goes on, so that [`Self::begin`] would say no.
    pub(crate) fn is_busy(&self) -> bool {
        self.state().phase == Phase::Due
    }

    /// Waits until no fold goes on. Says whether there can be another one.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.phase == Phase::Due {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.phase == Phase::Idle
    }

    /// Has the thread end after the fold that goes on.
    pub(crate) fn stop(&self) {
        self.wait();
        self.state().phase = Phase::Over;
        self.0.changed.notify_all();
    }

    /// Folds all there is and removes the journals. For the end, when nobody writes any more.
    pub(crate) fn finish(&self, store: &Store, journal: Option<Journal>) -> fjall::Result<()> {
        fold_all(store, None)?;
        store.persist(PersistMode::SyncAll)?;
        let mut state = self.state();
        for journal in [state.old.take(), journal, state.spare.take()].into_iter().flatten() {
            journal.remove()?;
        }
        Ok(sync_names(&self.0.journals.directory)?)
    }

    /// Puts what there is on the device as it is, journals as journals, which the next opening reads. For the end when
    /// nothing can be folded.
    pub(crate) fn keep(&self, store: &Store) -> fjall::Result<()> {
        sync_files(&self.0.journals.directory)?;
        store.persist(PersistMode::SyncAll)
    }

    fn run(&self, store: &Store, refusal: &Refusal) {
        let mut ending = Ending { folder: self, refusal, is_in_order: false };
        while let Some((old, number)) = self.next_due() {
            match self.fold(store, old, number) {
                Ok(spare) => {
                    let mut state = self.state();
                    (state.spare, state.number, state.phase) = (spare, number, Phase::Idle);
                    self.0.changed.notify_all();
                }
                Err(error) => {
                    refusal.begin(&error);
                    return;
                }
            }
        }
        ending.is_in_order = true;
    }

    /// Waits for the next fold: its journal, and the number of the next one to be made.
    fn next_due(&self) -> Option<(Option<Journal>, u64)> {
        let mut state = self.state();
        loop {
            match state.phase {
                Phase::Idle => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Phase::Due => return Some((state.old.take(), state.number.saturating_add(1))),
                Phase::Over => return None,
            }
        }
    }

    fn fold(&self, store: &Store, old: Option<Journal>, number: u64) -> fjall::Result<Option<Journal>> {
        let journals = &self.0.journals;
        let mut pace = Pace::beside(&store.pending);
        fold_aside(store, journals.mode(), &mut pace)?;
        // Made before the old one goes: a number is not used twice.
        let spare = journals.make(number, journals.prepared_bytes, &mut pace)?;
        if let Some(old) = old {
            old.remove()?;
        }
        Ok(spare)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the thread has ended, so that nobody waits for it; out of order, by a panic perhaps, that nobody writes any
/// more either.
struct Ending<'a> {
    folder: &'a Folder,
    refusal: &'a Refusal,
    is_in_order: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.is_in_order {
            self.refusal.begin(&fjall::Error::Poisoned);
        }
        self.folder.state().phase = Phase::Over;
        self.folder.0.changed.notify_all();
    }
}

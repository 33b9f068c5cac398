//! Tells the actors where the server is, and the killer how far they are.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use everstream_testkit::{Api, Deadline, PATIENCE};

/// Shared by all threads of the test; cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

struct State {
    api: Api,
    /// Grows with each start of the server.
    life: u64,
    is_open: bool,
    acks: u64,
    producers_stop: bool,
}

impl Gate {
    pub(crate) fn open(api: Api) -> Self {
        let state = State { api, life: 1, is_open: true, acks: 0, producers_stop: false };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    /// The server and its life, once it is another than `seen`.
    #[track_caller]
    pub(crate) fn await_life_after(&self, seen: u64) -> (Api, u64) {
        let state = self.wait("the server's next life", |state| state.is_open && state.life > seen);
        (state.api, state.life)
    }

    pub(crate) fn note_ack(&self) {
        self.change(|state| state.acks += 1);
    }

    /// Waits until `count` more appends were acknowledged.
    #[track_caller]
    pub(crate) fn await_acks(&self, count: u64) {
        let goal = self.lock().acks + count;
        drop(self.wait("acknowledgements", |state| state.acks >= goal));
    }

    pub(crate) fn shut(&self) {
        self.change(|state| state.is_open = false);
    }

    pub(crate) fn reopen(&self, api: Api) {
        self.change(|state| {
            state.api = api;
            state.life += 1;
            state.is_open = true;
        });
    }

    pub(crate) fn stop_producers(&self) {
        self.change(|state| state.producers_stop = true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().producers_stop
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn wait(&self, what: &str, is_there: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let deadline = Deadline::patient();
        let mut state = self.lock();
        while !is_there(&state) {
            let left = deadline.left().unwrap_or_else(|| panic!("{what}: not within {PATIENCE:?}"));
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

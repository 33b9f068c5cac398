//! The producers that lately appended to a live stream, so that judging an append asks the log once and not each time.
//!
//! A [`Seat`] is taken before an append is given to the writer and held until the writer has answered it. While somebody
//! holds a seat it is the only one of its producer, and nobody reads that producer's state from the log; a seat that
//! nobody holds says what the log says. So letting go of it forgets nothing, and a retry can never meet an older state.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everstream_log::{Health, Log, ProducerId, ProducerState, StreamKey, Verdict, judge};
use tokio::sync::OnceCell;

use crate::{Error, ErrorKind};

/// So many seats are kept although nobody holds them.
const SEATS_KEPT_MAX: usize = 128;

/// The seats of one live stream.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seats: HashMap<ProducerId, Arc<Seat>>,
    /// How many seats there may be before the free ones go.
    sweep_at: usize,
}

/// What is known of one producer.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    standing: OnceCell<Mutex<Standing>>,
}

/// Only the writer changes it, once it is loaded.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// As the log has acknowledged it.
    acknowledged: Option<ProducerState>,
    /// As it will be once what is planned is acknowledged.
    planned: Option<ProducerState>,
}

impl Seats {
    /// The seat of this producer.
    pub(crate) fn take(&self, id: &ProducerId) -> Arc<Seat> {
        // No code panics while it holds the lock, so that a poisoned one is as good as any.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = inner.seats.get(id) {
            return Arc::clone(seat);
        }
        if inner.seats.len() >= inner.sweep_at.max(SEATS_KEPT_MAX) {
            inner.seats.retain(|_, seat| Arc::strong_count(seat) > 1);
            // Seats that are held all at once are as many as requests under way; looking at each again for every new
            // one would cost their square.
            inner.sweep_at = 2 * inner.seats.len();
        }
        let seat = Arc::new(Seat::default());
        inner.seats.insert(id.clone(), Arc::clone(&seat));
        seat
    }
}

impl Seat {
    /// Reads the producer's state unless that was done before.
    ///
    /// # Errors
    /// `StreamNotFound`, `Storage`; `ReadOnly` when a write has failed, since the log may then have what it never
    /// acknowledged.
    ///
    /// # Cancel safety
    /// Safe; the next caller reads it.
    pub(crate) async fn load(&self, log: &dyn Log, stream: StreamKey, id: &ProducerId) -> Result<(), Error> {
        let load = || async {
            let state = log.producer(stream, id).await?;
            if let Health::ReadOnly(sentence) = log.health() {
                return Err(Error::new(ErrorKind::ReadOnly, sentence));
            }
            Ok(Mutex::new(Standing { acknowledged: state, planned: state }))
        };
        self.standing.get_or_try_init(load).await.map(drop)
    }

    /// Judges an append behind everything planned before it.
    ///
    /// # Errors
    /// `Storage` when the seat was not loaded.
    pub(crate) fn judge(&self, epoch: u64, seq: u64) -> Result<Verdict, Error> {
        Ok(judge(self.standing()?.planned, epoch, seq))
    }

    /// Whether the stream never saw this producer, planned appends included.
    pub(crate) fn is_new(&self) -> bool {
        self.standing().is_ok_and(|standing| standing.planned.is_none())
    }

    /// What the log has acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<ProducerState> {
        self.standing().ok()?.acknowledged
    }

    pub(crate) fn plan(&self, state: ProducerState) {
        if let Ok(mut standing) = self.standing() {
            standing.planned = Some(state);
        }
    }

    /// An append has been acknowledged that leaves the producer in `state`.
    pub(crate) fn acknowledge(&self, state: ProducerState) {
        if let Ok(mut standing) = self.standing() {
            standing.acknowledged = Some(state);
        }
    }

    /// Forgets what was planned and not acknowledged.
    pub(crate) fn forget_plan(&self) {
        if let Ok(mut standing) = self.standing() {
            standing.planned = standing.acknowledged;
        }
    }

    fn standing(&self) -> Result<MutexGuard<'_, Standing>, Error> {
        let unloaded = || Error::new(ErrorKind::Storage, "an append came before its producer's state");
        Ok(self.standing.get().ok_or_else(unloaded)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ProducerId {
        ProducerId::parse(&number.to_be_bytes()).unwrap()
    }

    fn len(seats: &Seats) -> usize {
        seats.inner.lock().unwrap().seats.len()
    }

    #[test]
    fn free_seats_are_bounded_and_held_ones_stay() {
        let seats = Seats::default();
        let held = seats.take(&id(0));
        for number in 1..10 * SEATS_KEPT_MAX {
            seats.take(&id(number));
            assert!(len(&seats) <= SEATS_KEPT_MAX);
        }
        assert!(Arc::ptr_eq(&held, &seats.take(&id(0))));
    }

    #[test]
    fn a_crowd_of_held_seats_is_let_go_once_it_is_over() {
        let seats = Seats::default();
        let crowd: Vec<_> = (0..10 * SEATS_KEPT_MAX).map(|number| seats.take(&id(number))).collect();
        assert_eq!(len(&seats), crowd.len());
        drop(crowd);
        for number in 0..30 * SEATS_KEPT_MAX {
            seats.take(&id(1_000_000 + number));
        }
        assert!(len(&seats) <= SEATS_KEPT_MAX);
    }
}

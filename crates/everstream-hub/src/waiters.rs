//! Who waits for more of a stream.

use std::sync::Arc;
use std::task::Waker;

use everstream_log::Offset;
use slab::Slab;

use crate::alarm::Alarm;

/// A subscription's place among those who wait for more.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) waker: Option<Waker>,
    pub(crate) alarm: Arc<Alarm>,
    /// Where it was when it looked last: it has taken what is before.
    pub(crate) at: Offset,
}

/// The subscriptions of a stream by their slots. Nearly always there is one, which may stand for many: it lies with the
/// stream and not on the heap, since each publish looks for it.
#[derive(Debug, Default)]
pub(crate) enum Waiters {
    #[default]
    None,
    Only(usize, Waiter),
    Several(Box<Slab<Waiter>>),
}

impl Waiter {
    pub(crate) const fn new(alarm: Arc<Alarm>, at: Offset) -> Self {
        Self { waker: None, alarm, at }
    }

    pub(crate) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(own) => own.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }
}

impl Waiters {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Only(..) => 1,
            Self::Several(several) => several.len(),
        }
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Waiter> {
        match self {
            Self::None => None,
            Self::Only(own, waiter) => (*own == slot).then_some(waiter),
            Self::Several(several) => several.get_mut(slot),
        }
    }

    /// Takes one in, and says in which slot.
    pub(crate) fn insert(&mut self, waiter: Waiter) -> usize {
        match std::mem::take(self) {
            Self::None => {
                *self = Self::Only(0, waiter);
                0
            }
            Self::Only(taken, first) => {
                let slot = usize::from(taken == 0);
                *self = Self::Several(Box::new([(taken, first), (slot, waiter)].into_iter().collect()));
                slot
            }
            Self::Several(mut several) => {
                let slot = several.insert(waiter);
                *self = Self::Several(several);
                slot
            }
        }
    }

    /// Lets go of the one in `slot`, if there is one.
    pub(crate) fn remove(&mut self, slot: usize) {
        match self {
            Self::Only(own, _) if *own == slot => *self = Self::None,
            Self::None | Self::Only(..) => {}
            Self::Several(several) => {
                several.try_remove(slot);
                if several.len() == 1 {
                    let last = std::mem::take(&mut **several).into_iter().next();
                    *self = last.map_or(Self::None, |(slot, waiter)| Self::Only(slot, waiter));
                }
            }
        }
    }

    /// What all of them have taken; nothing where nobody is.
    pub(crate) fn taken(&self) -> Option<Offset> {
        match self {
            Self::None => None,
            Self::Only(_, waiter) => Some(waiter.at),
            Self::Several(several) => several.iter().map(|(_, waiter)| waiter.at).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(at: u64) -> Waiter {
        Waiter::new(Arc::default(), Offset(at))
    }

    /// Who is where: a slot for each offset.
    fn check(waiters: &mut Waiters, expected: &[(usize, u64)]) {
        assert_eq!(waiters.len(), expected.len());
        for (slot, at) in expected {
            assert_eq!(waiters.get_mut(*slot).map(|waiter| waiter.at), Some(Offset(*at)));
        }
        assert_eq!(waiters.taken(), expected.iter().map(|(_, at)| Offset(*at)).min());
        assert_eq!(matches!(waiters, Waiters::Several(_)), expected.len() > 1);
    }

    #[test]
    fn each_keeps_its_slot_whoever_comes_and_goes() {
        let mut waiters = Waiters::default();
        check(&mut waiters, &[]);
        assert_eq!([5, 3, 4].map(|at| waiters.insert(waiter(at))), [0, 1, 2]);
        check(&mut waiters, &[(0, 5), (1, 3), (2, 4)]);
        for nobody in [3, 7] {
            waiters.remove(nobody);
        }
        waiters.remove(1);
        waiters.remove(0);
        check(&mut waiters, &[(2, 4)]);
        assert!(waiters.get_mut(0).is_none());
        waiters.remove(0);
        assert_eq!(waiters.insert(waiter(9)), 0);
        check(&mut waiters, &[(2, 4), (0, 9)]);
        waiters.remove(2);
        assert_eq!(waiters.insert(waiter(1)), 1);
        check(&mut waiters, &[(0, 9), (1, 1)]);
        waiters.remove(1);
        waiters.remove(0);
        check(&mut waiters, &[]);
    }
}

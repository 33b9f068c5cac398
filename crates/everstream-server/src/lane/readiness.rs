//! Which members of a worker's groups have something to say.
//!
//! The sockets of members are not with the runtime, where each would need memory of its own and a task to wake, but in a
//! second set of sockets that the kernel watches for us. The set as a whole is one descriptor of the runtime.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;
use tokio::io::unix::AsyncFd;

use super::group::AnyGroup;

/// How many sockets are asked for at a time.
const EVENTS_MAX: usize = 256;

/// The watched sockets.
#[derive(Debug)]
pub(super) struct Readiness {
    registry: Registry,
    places: Mutex<Slab<Place>>,
}

/// Where a member is to be found.
#[derive(Debug)]
struct Place {
    group: Weak<dyn AnyGroup>,
    /// Among the group's members.
    index: usize,
    /// The group knows that it has something to say.
    is_heard: bool,
}

impl Readiness {
    /// An empty set. Must be called inside the runtime that is to watch it.
    ///
    /// # Errors
    /// When there are no descriptors left.
    #[expect(
        deprecated,
        reason = "what came instead is unsafe: it has the caller vouch for the descriptor, and mio does"
    )]
    pub(super) fn open() -> io::Result<(Self, AsyncFd<Poll>)> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        Ok((Self { registry, places: Mutex::default() }, AsyncFd::new(poll)?))
    }

    /// No code panics while it holds the lock.
    fn places(&self) -> MutexGuard<'_, Slab<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places().is_empty()
    }

    /// Watches `socket`, of the member `index` of `group`, and gives it a place.
    ///
    /// # Errors
    /// When the kernel watches as many as it may.
    pub(super) fn add(&self, socket: &TcpStream, group: Weak<dyn AnyGroup>, index: usize) -> io::Result<usize> {
        let place = self.places().insert(Place { group, index, is_heard: false });
        let watched = self.registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(place), Interest::READABLE);
        watched.inspect_err(|_| drop(self.places().try_remove(place)))?;
        Ok(place)
    }

    /// Watches `socket` no more.
    pub(super) fn remove(&self, socket: &TcpStream, place: usize) {
        self.places().try_remove(place);
        // One that is not in the set needs nothing.
        let _ = self.registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
    }

    /// The member of `place` is another one of its group now.
    pub(super) fn set_index(&self, place: usize, index: usize) {
        if let Some(place) = self.places().get_mut(place) {
            place.index = index;
        }
    }

    /// Which member of its group it is; what it says from now on is news again.
    pub(super) fn take_heard(&self, place: usize) -> Option<usize> {
        let mut places = self.places();
        let place = places.get_mut(place)?;
        place.is_heard = false;
        Some(place.index)
    }

    /// Tells the groups of all that have something to say.
    ///
    /// # Errors
    /// As the set's own descriptor: there is nothing that could be waited for any more.
    pub(super) async fn hear(&self, set: &mut AsyncFd<Poll>, events: &mut Events) -> io::Result<()> {
        let mut guard = set.readable_mut().await?;
        loop {
            guard.get_inner_mut().poll(events, Some(Duration::ZERO))?;
            for event in events.iter() {
                self.tell(event.token().0);
            }
            if events.iter().count() < EVENTS_MAX {
                guard.clear_ready();
                return Ok(());
            }
        }
    }

    fn tell(&self, token: usize) {
        let mut places = self.places();
        let Some(place) = places.get_mut(token).filter(|place| !place.is_heard) else { return };
        place.is_heard = true;
        let group = place.group.upgrade();
        drop(places);
        if let Some(group) = group {
            group.hear(token);
        }
    }
}

/// Room for what [`Readiness::hear`] asks for.
pub(super) fn events() -> Events {
    Events::with_capacity(EVENTS_MAX)
}

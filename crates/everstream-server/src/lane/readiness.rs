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

/// How many sockets are asked for at a time; then the worker's other tasks have their turn. When thousands leave at once,
/// each takes some microseconds to be let go, and those who stay wait for a few of them only.
const EVENTS_MAX: usize = 32;

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

    /// Tells the groups of all that have something to say, a few at a turn.
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
            tokio::task::yield_now().await;
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

#[cfg(test)]
mod tests {
    use std::future::{Future as _, poll_fn};
    use std::net::TcpListener;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    /// Counts how often it was told of a member.
    #[derive(Debug, Default)]
    struct Told(AtomicUsize);

    impl AnyGroup for Told {
        fn hear(&self, _place: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn rouse(&self) {}
    }

    #[tokio::test]
    async fn those_who_leave_at_once_are_heard_a_few_at_a_turn() {
        const LEAVING: usize = 3 * EVENTS_MAX;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (readiness, mut set) = Readiness::open().unwrap();
        let told = Arc::new(Told::default());
        let sockets: Vec<TcpStream> = (0..LEAVING)
            .map(|index| {
                drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
                let (socket, _) = listener.accept().unwrap();
                let group: Arc<dyn AnyGroup> = Arc::<Told>::clone(&told);
                readiness.add(&socket, Arc::downgrade(&group), index).unwrap();
                socket
            })
            .collect();
        let (mut events, mut before) = (events(), 0);
        while before < sockets.len() {
            let mut hearing = pin!(readiness.hear(&mut set, &mut events));
            let mut is_over = false;
            while !is_over {
                let heard = poll_fn(|cx| Poll::Ready(hearing.as_mut().poll(cx))).await;
                is_over = heard.map(Result::unwrap).is_ready();
                let now = told.0.load(Ordering::Relaxed);
                assert!(now - before <= EVENTS_MAX, "{} were heard in one turn", now - before);
                before = now;
                tokio::task::yield_now().await;
            }
        }
    }
}

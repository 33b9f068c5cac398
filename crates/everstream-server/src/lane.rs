//! The lane: event streams over plain HTTP/1.1, written straight to their sockets.
//!
//! hyper reads and judges the request, and writes the head of the answer, as for any other. Where the answer is an event
//! stream whose connection will be used again, it is then asked for the socket, and the body is written here. One that is
//! behind its stream is written by itself, by a [`Rider`]. One that is at the tail joins the [`Group`] of those who are
//! there, too, on the same worker and told the same: a publish wakes the group once, makes the bytes once and writes them
//! to each of its sockets. What has to be said to one alone (its age, an end, what a full socket did not take) is a
//! rider's again.
//!
//! At its clean end the socket goes back to hyper. What goes over the wire is the same both ways; [`Handover`] says which
//! answers stay with hyper.
//!
//! Follow one answer: [`respond`] → [`Handover::take`] → [`Handover::is_due`] → [`Rider`] → [`EventBody::join`] →
//! [`Group`].

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, io};

use everstream_hub::Tasks;
use everstream_log::StreamKey;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::admission::Permit;
use crate::sse_body::Voice;
use group::AnyGroup;
use readiness::Readiness;

pub(crate) use group::Group;
pub(crate) use handover::{Handover, MayBoard};
pub(crate) use helpers::Helpers;
pub(crate) use response::{EventBody, Events, cut_after, respond};
pub(crate) use rider::{Ended, Rider};

mod chunk;
mod group;
mod handover;
mod helpers;
mod readiness;
mod response;
mod rider;
mod round;

#[cfg(test)]
mod tests;

/// What belongs to a connection whose answer is on the lane.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    /// What the client sent meanwhile.
    pub(crate) unread: Vec<u8>,
    pub(crate) permit: Permit,
}

/// Where an answer goes on by itself when it leaves its group.
pub(crate) trait Onward: fmt::Debug + Send + Sync {
    /// Serves `rider` to its end, and then what comes on the connection that `permit` is for.
    fn go_on(self: Arc<Self>, rider: Rider, permit: Permit);
}

/// The groups of one worker, and the sockets of their members. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tasks: Tasks,
    helpers: Helpers,
    readiness: Readiness,
    groups: Mutex<HashMap<Key, Weak<dyn AnyGroup>>>,
    /// Looked at by every group at every turn: the token has a lock that all workers share.
    is_draining: AtomicBool,
}

/// A group is of one stream and one kind of voice.
type Key = (StreamKey, TypeId);

impl Lane {
    /// A lane without members, for the current runtime, whose tasks are among `tasks` and may have `helpers`.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn open(tasks: &Tasks, helpers: Helpers) -> io::Result<Self> {
        let (readiness, mut set) = Readiness::open()?;
        let (groups, is_draining) = (Mutex::default(), false.into());
        let inner = Inner { tasks: tasks.clone(), helpers, readiness, groups, is_draining };
        let lane = Self(Arc::new(inner));
        let hearing = lane.clone();
        tasks.spawn_service(|ended| async move {
            let mut events = readiness::events();
            loop {
                tokio::select! {
                    heard = hearing.readiness().hear(&mut set, &mut events) => {
                        if let Err(error) = heard {
                            tracing::error!(%error, "the sockets of event streams cannot be watched any more");
                            return;
                        }
                    }
                    () = ended.cancelled() => return,
                }
            }
        });
        let leaving = lane.clone();
        tasks.spawn_service(|ended| async move {
            tokio::select! {
                () = leaving.draining().cancelled() => leaving.drain(),
                () = ended.cancelled() => {}
            }
        });
        Ok(lane)
    }

    fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    fn helpers(&self) -> &Helpers {
        &self.0.helpers
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    fn draining(&self) -> &CancellationToken {
        self.0.tasks.draining()
    }

    fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Acquire)
    }

    /// No code panics while it holds the lock.
    fn groups(&self) -> MutexGuard<'_, HashMap<Key, Weak<dyn AnyGroup>>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group of those who follow a stream with voices of one kind, if there is one.
    fn group<V: Voice>(&self, stream: StreamKey) -> Option<Arc<Group<V>>> {
        let group = self.groups().get(&(stream, TypeId::of::<V>()))?.upgrade()?;
        let group: Arc<dyn Any + Send + Sync> = group;
        group.downcast().ok()
    }

    /// Others will find `group`.
    fn found<V: Voice>(&self, stream: StreamKey, group: &Arc<Group<V>>) {
        let group: Arc<dyn AnyGroup> = Arc::<Group<V>>::clone(group);
        self.groups().insert((stream, TypeId::of::<V>()), Arc::downgrade(&group));
    }

    /// `group` has no members any more.
    fn forget<V: Voice>(&self, stream: StreamKey, group: &Group<V>) {
        let key = (stream, TypeId::of::<V>());
        let mut groups = self.groups();
        if groups.get(&key).is_some_and(|known| std::ptr::addr_eq(known.as_ptr(), group)) {
            groups.remove(&key);
            if groups.capacity() > 4 * groups.len() + 64 {
                groups.shrink_to_fit();
            }
        }
    }

    fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Release);
        let groups: Vec<_> = self.groups().values().filter_map(Weak::upgrade).collect();
        groups.iter().for_each(|group| group.rouse());
    }
}

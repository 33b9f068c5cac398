//! The storm itself: every subscriber connects and resumes as fast as one thread can make them.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mio::{Events, Poll};

use super::streams::path_of;
use crate::generator::follower::{Follower, SCRATCH};
use crate::result::Latencies;

const EVENTS_MAX: usize = 1024;
/// All have caught up by then, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Resumers<'a> {
    pub(super) address: SocketAddr,
    /// The id of the last event that the subscribers of each stream have seen.
    pub(super) last_seen: &'a [String],
    pub(super) missed: u64,
}

/// What came of it.
pub(super) struct Resumed {
    /// From the first connect to the last event.
    pub(super) took: Duration,
    /// From a subscriber's own connect to its last event.
    pub(super) each: Latencies,
}

struct Subscriber {
    follower: Follower,
    since: Instant,
}

impl Resumers<'_> {
    /// Resumes with `count` subscribers.
    ///
    /// # Errors
    /// When an event is missing or comes out of order, or [`PATIENCE`] is over.
    pub(super) fn resume(&self, count: usize) -> Result<Resumed> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut each = Latencies::default();
        let began = Instant::now();
        let mut subscribers = Vec::with_capacity(count);
        for number in 0..count {
            subscribers.push(self.subscribe(&poll, number)?);
        }
        // How old an event is says nothing here.
        let (mut scratch, mut ages) = (vec![0; SCRATCH], Latencies::default());
        let (mut caught_up, end) = (0, 2 * self.missed);
        while caught_up < count {
            ensure!(began.elapsed() < PATIENCE, "{caught_up} of {count} have caught up");
            match poll.poll(&mut events, Some(Duration::from_secs(1))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let subscriber = subscribers.get_mut(event.token().0).context("nobody's event")?;
                let Subscriber { follower, since } = subscriber;
                let came = follower.read(&mut scratch, &mut ages)?;
                ensure!(follower.next <= end, "event {end} came, which there is not");
                if came > 0 && follower.next == end {
                    each.add(since.elapsed());
                    caught_up += 1;
                }
            }
        }
        Ok(Resumed { took: began.elapsed(), each })
    }

    fn subscribe(&self, poll: &Poll, number: usize) -> Result<Subscriber> {
        let stream = number % self.last_seen.len();
        let last_seen = self.last_seen.get(stream).context("no such stream")?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_seen}\r\n\r\n",
            path_of(stream)
        );
        let since = Instant::now();
        let mut follower = Follower::open(self.address, &request, poll.registry(), number)?;
        follower.next = self.missed;
        Ok(Subscriber { follower, since })
    }
}

//! Publishers and many subscribers of one server, on one epoll loop and one thread.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mio::{Events, Poll};

use super::follower::{Follower, SCRATCH};
use super::publisher::{Event, Publisher};
use super::stamp::stamped;
use super::timer::Timer;
use crate::peer::{Peer, Running};
use crate::result::{Latencies, now_nanos};

/// After the last event everything has arrived by then, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Subscribers that are on their way in at the same time: fewer than any server's backlog holds.
const ENTERING_MAX: usize = 64;
const EVENTS_MAX: usize = 1024;
/// Events that are published at most without a look at what has come.
const TURN_AFTER: u32 = 64;
/// Reads after which a saturating load looks for the publisher's answer. Otherwise it would wait for a turn of all
/// subscribers, and the load generator would set the pace.
const PRESS_AFTER: usize = 32;
/// Publishers count from here, subscribers from 0.
const PUBLISHERS_FROM: usize = 1 << 32;

/// How many of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) streams: usize,
    pub(crate) subscribers: usize,
    /// Connections; a stream is always published to on the same one.
    pub(crate) publishers: usize,
    /// Bytes of an event's data.
    pub(crate) size: usize,
}

/// An event of one of the streams.
#[derive(Debug, Clone, Copy)]
struct Due {
    peer: &'static dyn Peer,
    stream: usize,
    number: u64,
    /// In nanoseconds since the epoch: what its latency counts from.
    since: u64,
    /// Bytes of its data.
    size: usize,
}

impl Event for Due {
    fn put(&self, out: &mut Vec<u8>) {
        self.peer.publish(self.stream, &stamped(self.number, self.since, self.size), out);
    }
}

/// Subscriber `n` follows stream `n % streams`.
pub(crate) struct Crowd<'a> {
    server: &'a Running,
    shape: Shape,
    poll: Poll,
    events: Events,
    timer: Timer,
    scratch: Vec<u8>,
    followers: Vec<Follower>,
    publishers: Vec<Publisher<Due>>,
    /// How many events each stream got.
    published: Vec<u64>,
    pub(crate) latencies: Latencies,
    pub(crate) deliveries: u64,
    completion: Option<Completion>,
}

impl<'a> Crowd<'a> {
    /// Subscribes them all and waits for every head. The streams are there.
    pub(crate) fn gather(server: &'a Running, shape: Shape) -> Result<Self> {
        let poll = Poll::new()?;
        let mut crowd = Self {
            server,
            shape,
            events: Events::with_capacity(EVENTS_MAX),
            timer: Timer::new(poll.registry())?,
            scratch: vec![0; SCRATCH],
            followers: Vec::with_capacity(shape.subscribers),
            publishers: Vec::with_capacity(shape.publishers),
            published: vec![0; shape.streams],
            latencies: Latencies::default(),
            deliveries: 0,
            completion: None,
            poll,
        };
        let mut entered = 0;
        while crowd.followers.len() < shape.subscribers {
            let number = crowd.followers.len();
            let request = server.peer.subscribe(number % shape.streams);
            crowd.followers.push(Follower::open(server.process.address, &request, crowd.poll.registry(), number)?);
            if crowd.followers.len().is_multiple_of(ENTERING_MAX) || crowd.followers.len() == shape.subscribers {
                crowd.turn_until("not every subscriber was answered", |crowd| {
                    crowd.followers.get(entered..).unwrap_or_default().iter().all(|follower| follower.has_head)
                })?;
                entered = crowd.followers.len();
            }
        }
        // Last, since some servers close a connection that has been silent for seconds.
        for number in 0..shape.publishers {
            let token = PUBLISHERS_FROM + number;
            crowd.publishers.push(Publisher::open(server.publish_at, crowd.poll.registry(), token)?);
        }
        Ok(crowd)
    }

    /// Publishes `rate` events a second for `time`, to the streams in turn, and waits until every subscriber has all of
    /// its stream. The latency of each counts from when it was due.
    pub(crate) fn publish_steadily(&mut self, rate: f64, time: Duration) -> Result<()> {
        let (began, began_nanos) = (Instant::now(), now_nanos());
        let every = Duration::from_secs_f64(1.0 / rate);
        for number in 0_u32.. {
            let due = every * number;
            if due >= time {
                break;
            }
            // Whoever is late still has to read what comes.
            if number.is_multiple_of(TURN_AFTER) {
                self.turn(Duration::ZERO)?;
            }
            while self.timer.set(began + due)? {
                self.turn(PATIENCE)?;
            }
            self.publish(number as usize % self.shape.streams, began_nanos + u64::try_from(due.as_nanos())?)?;
        }
        self.settle()
    }

    /// Publishes to the one stream as soon as the event before is acknowledged and at most `window` are not yet with
    /// every subscriber; for `time`, and then waits until they are.
    pub(crate) fn publish_saturating(&mut self, window: usize, time: Duration) -> Result<()> {
        let first = self.published.first().copied().unwrap_or_default();
        let subscribers = self.followers.len();
        self.completion = Some(Completion { window, base: first, counts: VecDeque::new(), subscribers });
        let began = Instant::now();
        while began.elapsed() < time {
            self.press()?;
            self.turn(PATIENCE)?;
        }
        self.completion.iter_mut().for_each(|completion| completion.window = 0);
        self.settle()
    }

    /// Publishes the next event of a saturating load, if it may be.
    fn press(&mut self) -> Result<()> {
        let (Some(completion), Some(publisher)) = (&mut self.completion, self.publishers.first_mut()) else {
            return Ok(());
        };
        publisher.proceed(self.poll.registry())?;
        if publisher.is_idle() && completion.counts.len() < completion.window {
            completion.counts.push_back(0);
            self.publish(0, now_nanos())?;
        }
        Ok(())
    }

    /// Forgets what was measured so far, but not what is due next.
    pub(crate) fn forget(&mut self) {
        self.latencies = Latencies::default();
        self.deliveries = 0;
    }

    fn publish(&mut self, stream: usize, since: u64) -> Result<()> {
        let count = self.published.get_mut(stream).context("no such stream")?;
        let due = Due { peer: self.server.peer, stream, number: *count, since, size: self.shape.size };
        *count += 1;
        let publisher = self.publishers.get_mut(stream % self.shape.publishers).context("no publisher")?;
        publisher.publish(due)
    }

    /// Waits until every subscriber has every event of its stream, and checks that they were whole.
    fn settle(&mut self) -> Result<()> {
        let due: u64 = (0..self.followers.len()).map(|number| self.due(number)).sum();
        let mut has: u64 = self.followers.iter().map(|follower| follower.next).sum();
        let mut before = self.deliveries;
        self.turn_until("subscribers are late", |crowd| {
            has += crowd.deliveries - before;
            before = crowd.deliveries;
            has >= due && crowd.publishers.iter().all(Publisher::is_idle)
        })
        .with_context(|| self.behind())?;
        for (number, follower) in self.followers.iter().enumerate() {
            let due = self.due(number);
            ensure!(follower.next == due, "a subscriber got {} events of {due}", follower.next);
            let bytes = due * self.shape.size as u64;
            ensure!(follower.bytes >= bytes, "a subscriber got {} bytes where {bytes} were sent", follower.bytes);
        }
        Ok(())
    }

    /// Who lacks what, for a complaint.
    fn behind(&self) -> String {
        let late = |(number, follower): (usize, &Follower)| follower.next < self.due(number);
        let subscribers = self.followers.iter().enumerate().filter(|&one| late(one)).count();
        let lacking: u64 = (0..self.followers.len()).map(|number| self.due(number)).sum::<u64>()
            - self.followers.iter().map(|follower| follower.next).sum::<u64>();
        let publishers = self.publishers.iter().filter(|publisher| !publisher.is_idle()).count();
        format!("{subscribers} subscribers lack {lacking} events, {publishers} publishers wait for an answer")
    }

    /// How many events subscriber `number` should have.
    fn due(&self, number: usize) -> u64 {
        self.published.get(number % self.shape.streams).copied().unwrap_or_default()
    }

    fn turn_until(&mut self, complaint: &'static str, mut is_done: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_done(self) {
            ensure!(Instant::now() < deadline, complaint);
            self.turn(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// Waits for something to happen and takes it in.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for (place, event) in events.iter().filter(|event| event.token() != Timer::TOKEN).enumerate() {
            self.take(event.token().0)?;
            if place % PRESS_AFTER == PRESS_AFTER - 1 {
                self.press()?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// Takes in what has come to a follower or a publisher.
    fn take(&mut self, number: usize) -> Result<()> {
        if let Some(follower) = self.followers.get_mut(number) {
            let from = follower.next;
            let count = follower.read(&mut self.scratch, &mut self.latencies)?;
            self.deliveries += count;
            if let Some(completion) = &mut self.completion {
                completion.take(from, count);
            }
        } else if let Some(publisher) = number.checked_sub(PUBLISHERS_FROM).and_then(|n| self.publishers.get_mut(n)) {
            publisher.proceed(self.poll.registry())?;
        }
        Ok(())
    }
}

/// Which events of a saturating load are with every subscriber of the one stream.
#[derive(Debug)]
struct Completion {
    /// How many may not be; none is published any more when it is 0.
    window: usize,
    /// The first event that is not.
    base: u64,
    /// How many subscribers have each from there on.
    counts: VecDeque<usize>,
    subscribers: usize,
}

impl Completion {
    /// A subscriber got `count` events from `from` on.
    fn take(&mut self, from: u64, count: u64) {
        for number in from..from + count {
            let place =
                number.checked_sub(self.base).and_then(|place| self.counts.get_mut(usize::try_from(place).ok()?));
            if let Some(have) = place {
                *have += 1;
            }
        }
        while self.counts.front() == Some(&self.subscribers) {
            self.counts.pop_front();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_complete_when_the_last_subscriber_has_it() {
        let mut completion = Completion { window: 3, base: 5, counts: [0, 0, 0].into(), subscribers: 2 };
        completion.take(5, 3);
        assert_eq!(completion.counts, [1, 1, 1]);
        completion.take(5, 1);
        assert_eq!((completion.base, completion.counts.len()), (6, 2));
        completion.take(6, 2);
        assert_eq!((completion.base, completion.counts.len()), (8, 0));
    }
}

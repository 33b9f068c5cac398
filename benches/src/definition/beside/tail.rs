//! Live reading: many connections over some streams, appends at a steady rate. What must hold: every subscriber gets
//! every event of its stream, once and in order.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::{Events, Poll};

use super::append::PREFIX;
use super::server::Running;
use crate::generator::follower::{Follower, SCRATCH};
use crate::generator::publisher::{JsonRecord, Publisher};
use crate::generator::stamp::stamped;
use crate::generator::timer::Timer;
use crate::result::{Latencies, now_nanos};

/// Connections that append.
const PUBLISHERS: usize = 8;
/// After the last append everything has arrived by then, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a stream is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub(super) enum Dialect {
    /// `live=sse` of the Durable Streams protocol.
    LiveSse,
    /// An EventSource on the stream's own URL; Everstream's own.
    EventSource,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub(super) subscribers: usize,
    pub(super) streams: usize,
    /// Appends per second to all streams together.
    pub(super) rate: f64,
    pub(super) time: Duration,
    /// Bytes of an event's data.
    pub(super) size: usize,
}

/// What it came to.
pub(super) struct Outcome {
    pub(super) latencies: Latencies,
    pub(super) cpu: Duration,
    pub(super) deliveries: u64,
    /// Resident memory that each subscriber added.
    pub(super) kib_per_subscriber: f64,
}

impl Dialect {
    pub(super) const BOTH: [Self; 2] = [Self::LiveSse, Self::EventSource];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LiveSse => "live=sse",
            Self::EventSource => "EventSource",
        }
    }

    fn request(self, stream: usize) -> String {
        match self {
            Self::LiveSse => format!("GET {PREFIX}{stream}?offset=-1&live=sse HTTP/1.1\r\nHost: bench\r\n\r\n"),
            Self::EventSource => {
                format!("GET {PREFIX}{stream} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")
            }
        }
    }
}

impl Tail {
    /// Measures one server, whose streams are there and empty.
    pub(super) fn measure(self, server: &Running, dialect: Dialect) -> Result<Outcome> {
        let before_kib = server.process.resident_kib()?;
        let mut crowd = Crowd::gather(self, server.address, dialect)?;
        let added_kib = server.process.resident_kib()?.saturating_sub(before_kib);
        let cpu_before = server.process.cpu()?;
        let sent = crowd.publish()?;
        crowd.settle(&sent)?;
        let cpu = server.process.cpu()?.saturating_sub(cpu_before);
        let deliveries = crowd.subscribers.iter().map(|subscriber| subscriber.next).sum();
        let kib_per_subscriber = added_kib as f64 / self.subscribers as f64;
        Ok(Outcome { latencies: crowd.latencies, cpu, deliveries, kib_per_subscriber })
    }
}

/// Subscribers and publishers on one poll: first the ones, then the others.
struct Crowd {
    tail: Tail,
    poll: Poll,
    events: Events,
    timer: Timer,
    scratch: Vec<u8>,
    subscribers: Vec<Follower>,
    publishers: Vec<Publisher<JsonRecord>>,
    latencies: Latencies,
}

impl Crowd {
    /// Subscribes them all and waits for every head.
    fn gather(tail: Tail, address: SocketAddr, dialect: Dialect) -> Result<Self> {
        let poll = Poll::new()?;
        let mut crowd = Self {
            tail,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH],
            subscribers: Vec::with_capacity(tail.subscribers),
            publishers: Vec::with_capacity(PUBLISHERS),
            latencies: Latencies::default(),
            timer: Timer::new(poll.registry())?,
            poll,
        };
        for number in 0..tail.subscribers {
            let request = dialect.request(number % tail.streams);
            crowd.subscribers.push(Follower::open(address, &request, crowd.poll.registry(), number)?);
        }
        for number in 0..PUBLISHERS {
            crowd.publishers.push(Publisher::open(address, crowd.poll.registry(), tail.subscribers + number)?);
        }
        let deadline = Instant::now() + PATIENCE;
        while !crowd.subscribers.iter().all(|subscriber| subscriber.has_head) {
            ensure!(Instant::now() < deadline, "not every subscriber was answered");
            crowd.turn()?;
        }
        Ok(crowd)
    }

    /// Appends at the rate until the time is up; returns how many events each stream got.
    fn publish(&mut self) -> Result<Vec<u64>> {
        let mut sent = vec![0; self.tail.streams];
        let (began, began_nanos) = (Instant::now(), now_nanos());
        let every = Duration::from_secs_f64(1.0 / self.tail.rate);
        for number in 0_u32.. {
            let due = every * number;
            if due >= self.tail.time {
                break;
            }
            while self.timer.set(began + due)? {
                self.turn()?;
            }
            let stream = number as usize % self.tail.streams;
            let count = sent.get_mut(stream).context("a stream that is none")?;
            // Stamped with when it was due: waiting for an earlier append is part of the latency.
            let at = began_nanos + u64::try_from(due.as_nanos())?;
            let text = stamped(*count, at, self.tail.size);
            *count += 1;
            let publisher = self.publishers.get_mut(stream % PUBLISHERS).context("no publisher")?;
            publisher.publish(JsonRecord { path: format!("{PREFIX}{stream}"), text })?;
        }
        Ok(sent)
    }

    /// Waits until every subscriber has every event of its stream.
    fn settle(&mut self, sent: &[u64]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let is_done = |(number, subscriber): (usize, &Follower)| {
            sent.get(number % sent.len()).is_some_and(|&sent| subscriber.next >= sent)
        };
        while !self.subscribers.iter().enumerate().all(is_done) {
            ensure!(Instant::now() < deadline, "subscribers are late");
            self.turn()?;
        }
        Ok(())
    }

    /// Waits for something to happen and takes it in.
    fn turn(&mut self) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(100))) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for event in self.events.iter().filter(|event| event.token() != Timer::TOKEN) {
            let number = event.token().0;
            if let Some(subscriber) = self.subscribers.get_mut(number) {
                subscriber.read(&mut self.scratch, &mut self.latencies)?;
            } else if let Some(publisher) = self.publishers.get_mut(number - self.tail.subscribers) {
                publisher.proceed(self.poll.registry())?;
            }
        }
        Ok(())
    }
}

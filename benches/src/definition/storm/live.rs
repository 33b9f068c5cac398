//! Live streams and their subscribers, in a thread of their own: what the storm does to others.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mio::{Events, Poll};

use super::streams::path_of_live;
use super::{BEFORE, OVER};
use crate::generator::follower::{Follower, SCRATCH};
use crate::generator::publisher::{JsonRecord, Publisher};
use crate::generator::stamp::stamped;
use crate::generator::timer::Timer;
use crate::result::{Latencies, now_nanos};

const SUBSCRIBERS_EACH: usize = 10;
/// Events per second of each stream.
const RATE: u32 = 10;
/// What was published has arrived by then, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    pub(super) address: SocketAddr,
    pub(super) streams: usize,
    pub(super) size: usize,
}

/// Latencies from when an event was due to its arrival, by what else there was.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) before: Latencies,
    pub(super) meanwhile: Latencies,
}

impl Live {
    /// Publishes and follows until `phase` says that it is over and every event has arrived.
    pub(super) fn follow(self, phase: &AtomicU8) -> Result<Followed> {
        let mut poll = Poll::new()?;
        let mut subscribers = (0..self.streams * SUBSCRIBERS_EACH)
            .map(|number| self.subscribe(&poll, number))
            .collect::<Result<Vec<_>>>()?;
        let mut publisher = Publisher::open(self.address, poll.registry(), subscribers.len())?;
        let timer = Timer::new(poll.registry())?;
        let (mut followed, mut events) = (Followed::default(), Events::with_capacity(1024));
        let mut scratch = vec![0; SCRATCH];
        let every = Duration::from_secs(1) / RATE / u32::try_from(self.streams)?;
        let (began, began_nanos, mut published) = (Instant::now(), now_nanos(), 0_u32);
        loop {
            let now = phase.load(Ordering::Relaxed);
            while now != OVER && began.elapsed() >= every * published {
                // Stamped with when it was due: waiting for an earlier append is part of the latency.
                let due = began_nanos + u64::try_from((every * published).as_nanos())?;
                let (stream, number) = (published as usize % self.streams, published as usize / self.streams);
                let text = stamped(number as u64, due, self.size);
                publisher.publish(JsonRecord { path: path_of_live(stream), text })?;
                published += 1;
            }
            if now == OVER && subscribers.iter().enumerate().all(|(of, one)| one.next == self.count(of, published)) {
                return Ok(followed);
            }
            let last_due = began + every * published;
            ensure!(last_due.elapsed() < PATIENCE, "events of live streams are late");
            if now != OVER && !timer.set(last_due)? {
                continue;
            }
            match poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            // What comes late was held up by the storm.
            let latencies = if now == BEFORE { &mut followed.before } else { &mut followed.meanwhile };
            for event in events.iter().filter(|event| event.token() != Timer::TOKEN) {
                match subscribers.get_mut(event.token().0) {
                    Some(subscriber) => {
                        subscriber.read(&mut scratch, latencies)?;
                    }
                    None => publisher.proceed(poll.registry())?,
                }
            }
        }
    }

    fn subscribe(self, poll: &Poll, number: usize) -> Result<Follower> {
        let path = path_of_live(number % self.streams);
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n");
        Follower::open(self.address, &request, poll.registry(), number)
    }

    /// How many events a subscriber's stream has got when so many were published.
    fn count(self, subscriber: usize, published: u32) -> u64 {
        let stream = subscriber % self.streams;
        (published as usize).saturating_sub(stream).div_ceil(self.streams) as u64
    }
}

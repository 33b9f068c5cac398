//! Load on a server: closed loops, in which every connection asks again when it is answered, and a steady rate, at which
//! a request is due whether or not those before it were answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mio::{Events, Poll, Token, Waker};

use super::wire::{Answer, Connection};
use crate::process::rest;
use crate::result::Latencies;

/// Nothing that is asked for takes longer, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often requests at a steady rate become due: as many at once as the rate asks for.
const BEAT: Duration = Duration::from_millis(1);
const EVENTS_MAX: usize = 1024;
/// The token of the beat; connections count from 0.
const BEAT_TOKEN: Token = Token(usize::MAX);

/// Who says what is asked and judges what is answered.
pub(crate) trait Asker {
    /// Puts the next request of this connection into `out`; false when it has none left.
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool;

    /// Takes the answer to it.
    fn answered(&mut self, connection: usize, answer: Answer<'_>) -> Result<()>;
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Load {
    poll: Poll,
    connections: Vec<Connection>,
    asked: Vec<Option<Instant>>,
}

impl Load {
    pub(crate) fn open(address: SocketAddr, connections: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let open = (0..connections).map(|number| Connection::open(address, poll.registry(), number));
        Ok(Self { connections: open.collect::<Result<_>>()?, poll, asked: vec![None; connections] })
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Every connection asks, and asks again as soon as it is answered, until `asker` has nothing more to ask. Returns
    /// how long each answer took.
    pub(crate) fn closed_loop(&mut self, asker: &mut impl Asker) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut open = 0;
        for number in 0..self.connections.len() {
            open += usize::from(self.ask(number, asker, Instant::now())?);
        }
        let mut events = Events::with_capacity(EVENTS_MAX);
        while open > 0 {
            self.wait(&mut events)?;
            for event in &events {
                let number = event.token().0;
                if let Some(since) = self.answer(number, asker)? {
                    latencies.add(since.elapsed());
                    open -= usize::from(!self.ask(number, asker, Instant::now())?);
                }
            }
        }
        Ok(latencies)
    }

    /// Sends `rate` requests a second for `time`, each on a connection that has none under way, or when one has none
    /// again. Returns how long after it was due each was answered, waiting for a connection included.
    pub(crate) fn steady(&mut self, asker: &mut impl Asker, rate: f64, time: Duration) -> Result<Latencies> {
        let beat = Beat::start(&self.poll)?;
        let mut schedule = Schedule { began: Instant::now(), rate, time, sent: 0 };
        let mut idle: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut latencies = Latencies::default();
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !schedule.is_over() || idle.len() < self.connections.len() {
            while let Some(due) = schedule.due() {
                let Some(number) = idle.pop_front() else { break };
                schedule.sent += 1;
                ensure!(self.ask(number, asker, due)?, "a steady load has always something to ask");
            }
            self.wait(&mut events)?;
            for event in events.iter().filter(|event| event.token() != BEAT_TOKEN) {
                let number = event.token().0;
                if let Some(due) = self.answer(number, asker)? {
                    latencies.add(due.elapsed());
                    idle.push_back(number);
                }
            }
        }
        drop(beat);
        Ok(latencies)
    }

    fn wait(&mut self, events: &mut Events) -> Result<()> {
        loop {
            match self.poll.poll(events, Some(PATIENCE)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                polled => break polled?,
            }
        }
        ensure!(!events.is_empty(), "no answer for {PATIENCE:?}");
        Ok(())
    }

    fn ask(&mut self, number: usize, asker: &mut impl Asker, since: Instant) -> Result<bool> {
        let (Some(connection), Some(asked)) = (self.connections.get_mut(number), self.asked.get_mut(number)) else {
            return Ok(false);
        };
        let mut has_more = false;
        connection.send(|out| has_more = asker.ask(number, out))?;
        *asked = has_more.then_some(since);
        Ok(has_more)
    }

    /// Since when the answer that is whole now was wanted.
    fn answer(&mut self, number: usize, asker: &mut impl Asker) -> Result<Option<Instant>> {
        let (Some(connection), Some(asked)) = (self.connections.get_mut(number), self.asked.get_mut(number)) else {
            return Ok(None);
        };
        if asked.is_none() {
            return Ok(None);
        }
        connection.flush()?;
        if !connection.has_answer()? {
            return Ok(None);
        }
        connection.take(|answer| asker.answered(number, answer))?;
        Ok(asked.take())
    }
}

/// When the requests of a steady load are due.
#[derive(Debug)]
struct Schedule {
    began: Instant,
    rate: f64,
    time: Duration,
    sent: u64,
}

impl Schedule {
    /// When the next one was due, if it was.
    fn due(&self) -> Option<Instant> {
        let after = Duration::from_secs_f64(self.sent as f64 / self.rate);
        let due = self.began + after;
        (after < self.time && due <= Instant::now()).then_some(due)
    }

    fn is_over(&self) -> bool {
        self.sent as f64 / self.rate >= self.time.as_secs_f64()
    }
}

/// Wakes a poll at each [`BEAT`] until it is dropped: epoll itself waits in whole milliseconds and then some.
#[derive(Debug)]
pub(crate) struct Beat {
    is_over: Arc<AtomicBool>,
}

impl Beat {
    pub(crate) fn start(poll: &Poll) -> Result<Self> {
        let waker = Waker::new(poll.registry(), BEAT_TOKEN)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                rest(BEAT);
                if waker.wake().is_err() {
                    return;
                }
            }
        });
        Ok(Self { is_over })
    }

    pub(crate) fn is(token: Token) -> bool {
        token == BEAT_TOKEN
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

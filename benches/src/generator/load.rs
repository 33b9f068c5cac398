//! Load on a server: closed loops, in which every connection asks again when it is answered, and a steady rate, at which
//! a request is due whether or not those before it were answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mio::{Events, Poll};

use super::timer::Timer;
use super::wire::{Answer, Connection};
use crate::result::Latencies;

/// Nothing that is asked for takes longer, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENTS_MAX: usize = 1024;

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
        let timer = Timer::new(self.poll.registry())?;
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
            // Without a connection that is idle there is nothing to wake up for but an answer.
            let next = schedule.next().filter(|_| !idle.is_empty());
            if let Some(next) = next
                && !timer.set(next)?
            {
                continue;
            }
            self.wait(&mut events)?;
            for event in events.iter().filter(|event| event.token() != Timer::TOKEN) {
                let number = event.token().0;
                if let Some(due) = self.answer(number, asker)? {
                    latencies.add(due.elapsed());
                    idle.push_back(number);
                }
            }
        }
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
    /// When the next one is due, if there is one more.
    fn next(&self) -> Option<Instant> {
        let after = Duration::from_secs_f64(self.sent as f64 / self.rate);
        (after < self.time).then(|| self.began + after)
    }

    /// When the next one was due, if it was.
    fn due(&self) -> Option<Instant> {
        self.next().filter(|&due| due <= Instant::now())
    }

    fn is_over(&self) -> bool {
        self.next().is_none()
    }
}

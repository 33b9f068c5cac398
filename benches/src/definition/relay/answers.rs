//! The callers of many answers, on one epoll loop.
//!
//! What is counted is what happens while all answers flow: from when the last has its first token until the first ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::Sub;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use mio::{Events, Poll};

use crate::generator::wire::{Connection, split, status};
use crate::result::{Latencies, now_nanos};
use crate::upstream::take_tokens;

const EVENTS_MAX: usize = 1024;
/// How much longer than its tokens take an answer may be under way.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a wait for sockets lasts while answers are still to be asked for.
const BEAT: Duration = Duration::from_millis(1);
/// What a whole answer ends with.
const ENDING: &[u8] = b"data: [DONE]";

/// Answers that are asked for over `spread` and read to their ends.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) address: SocketAddr,
    pub(super) request: String,
    pub(super) count: usize,
    pub(super) tokens: u64,
    pub(super) spread: Duration,
    /// What the tokens of one answer take.
    pub(super) time: Duration,
}

/// What came while all answers flowed.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// How long each token was under way.
    pub(super) latencies: Latencies,
    /// What the meter showed then, from the beginning to the end.
    pub(super) spent: Spent,
}

/// What has been spent, or was within a time.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spent {
    /// By the processes that relay.
    pub(super) cpu: Duration,
    /// By the callers.
    pub(super) own_cpu: Duration,
}

impl Answers {
    /// Asks and reads until every answer has ended; `meter` says what has been spent so far.
    ///
    /// # Errors
    /// When a token is missing or comes out of order, an answer ends without its dialect's own end, or one ends before all
    /// have begun.
    pub(super) fn read(&self, meter: impl Fn() -> Result<Spent>) -> Result<Flow> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut answers: Vec<Answer> = Vec::with_capacity(self.count);
        let (mut flow, mut silent, mut all_flow_since) = (Flow::default(), self.count, None);
        let (began, mut ended) = (Instant::now(), 0);
        while ended < self.count {
            let is_late = began.elapsed() > self.spread + self.time + PATIENCE;
            ensure!(!is_late, "{ended} of {} answers have ended", self.count);
            while answers.len() < self.count && began.elapsed() >= self.due(answers.len()) {
                let mut connection = Connection::open(self.address, poll.registry(), answers.len())?;
                connection.send(|out| out.extend_from_slice(self.request.as_bytes()))?;
                answers.push(Answer { connection, next: 0, has_head: false, has_ended: false });
            }
            let wait = if answers.len() < self.count { BEAT } else { PATIENCE };
            match poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let answer = answers.get_mut(event.token().0).context("nobody's event")?;
                let was_silent = answer.next == 0;
                let do_all_flow = all_flow_since.is_some() && ended == 0;
                let has_ended = answer.read(self.tokens, do_all_flow.then_some(&mut flow.latencies))?;
                if has_ended && ended == 0 {
                    let since = all_flow_since.context("an answer ended before all had begun: make them longer")?;
                    flow.spent = meter()? - since;
                }
                ended += usize::from(has_ended);
                silent -= usize::from(was_silent && answer.next > 0);
                if silent == 0 && all_flow_since.is_none() {
                    all_flow_since = Some(meter()?);
                }
            }
        }
        Ok(flow)
    }

    fn due(&self, number: usize) -> Duration {
        self.spread.mul_f64(number as f64 / self.count as f64)
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let (cpu, own_cpu) = (self.cpu.saturating_sub(earlier.cpu), self.own_cpu.saturating_sub(earlier.own_cpu));
        Self { cpu, own_cpu }
    }
}

/// One answer under way.
#[derive(Debug)]
struct Answer {
    connection: Connection,
    /// The token that has to come next.
    next: u64,
    has_head: bool,
    has_ended: bool,
}

impl Answer {
    /// Reads what is there; true when that brought the end. What follows the end is the transport's.
    fn read(&mut self, tokens: u64, mut latencies: Option<&mut Latencies>) -> Result<bool> {
        let Self { connection, next, has_head, has_ended } = self;
        if *has_ended {
            return Ok(false);
        }
        let followed = connection.follow(|bytes| {
            let now = now_nanos();
            let mut head_bytes = 0;
            if !*has_head {
                let Some((head, _)) = split(bytes) else { return Ok(0) };
                ensure!(status(head)? == 200, "{}", String::from_utf8_lossy(bytes));
                (*has_head, head_bytes) = (true, head.len());
            }
            let events = bytes.get(head_bytes..).unwrap_or_default();
            if *next == tokens {
                // Nothing is dropped from here on: the end may come in pieces.
                *has_ended = memmem::find(events, ENDING).is_some();
                return Ok(head_bytes);
            }
            let done = take_tokens(events, |number, sent| {
                ensure!(number == *next && number < tokens, "token {number} came where {next} was due");
                *next += 1;
                if let Some(latencies) = &mut latencies {
                    latencies.add(Duration::from_nanos(now.saturating_sub(sent)));
                }
                Ok(())
            })?;
            if *next < tokens {
                return Ok(head_bytes + done);
            }
            *has_ended = memmem::find(events, ENDING).is_some();
            Ok(0)
        });
        // A server may close behind the end, not before it.
        if !*has_ended {
            followed.with_context(|| format!("an answer was cut off at token {next} of {tokens}"))?;
        }
        Ok(*has_ended)
    }
}

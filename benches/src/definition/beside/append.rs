//! Appends: to how many streams, with what rate and latency. What must hold: every acknowledged record can be read, once
//! and in its publisher's order.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::record::{Content, SIZE};
use crate::generator::load::{Asker, Load};
use crate::generator::wire::Answer;

/// Where the streams of a load are.
pub(in crate::definition) const PREFIX: &str = "/v1/stream/beside/";

/// Which connection appends to which streams: its own when there are enough, else those of all.
#[derive(Debug, Clone, Copy)]
pub(in crate::definition) struct Layout {
    /// What a stream's number stands behind.
    pub(in crate::definition) prefix: &'static str,
    pub(in crate::definition) streams: usize,
    pub(in crate::definition) connections: usize,
    pub(in crate::definition) content: Content,
}

impl Layout {
    /// How many streams connection `number` appends to, in turn.
    fn turns(&self, number: usize) -> usize {
        if self.streams <= self.connections { 1 } else { (self.streams - number).div_ceil(self.connections) }
    }

    /// Where the connection's record of this number goes.
    pub(in crate::definition) fn stream_of(&self, number: usize, sequence: u64) -> usize {
        if self.streams <= self.connections {
            return number % self.streams;
        }
        number + self.connections * (sequence as usize % self.turns(number))
    }

    /// How far apart the numbers of one connection are in one stream.
    pub(in crate::definition) fn stride(&self, number: usize) -> u64 {
        self.turns(number) as u64
    }
}

/// Makes the streams.
pub(in crate::definition) struct Creator {
    layout: Layout,
    next: usize,
}

impl Creator {
    pub(in crate::definition) const fn new(layout: Layout) -> Self {
        Self { layout, next: 0 }
    }
}

impl Asker for Creator {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        if self.next == self.layout.streams {
            return false;
        }
        let media_type = self.layout.content.media_type();
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "PUT {}{} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\nContent-Length: 0\r\n\r\n",
            self.layout.prefix, self.next
        );
        self.next += 1;
        true
    }

    fn answered(&mut self, _connection: usize, answer: Answer<'_>) -> Result<()> {
        ensure!(answer.status == 201, "a creation was answered {}", answer.status);
        Ok(())
    }
}

/// Appends records, one a request.
pub(in crate::definition) struct Publisher {
    pub(in crate::definition) layout: Layout,
    /// The next number of each connection; what is before it was acknowledged once the load is over.
    pub(in crate::definition) next: Vec<u64>,
    /// No request is begun after it.
    until: Option<Instant>,
    /// Nor beyond so many.
    records_max: u64,
    records: u64,
}

impl Publisher {
    pub(in crate::definition) fn new(layout: Layout) -> Self {
        Self { next: vec![0; layout.connections], layout, until: None, records_max: u64::MAX, records: 0 }
    }

    /// Appends for so long, from now on.
    pub(in crate::definition) fn for_time(&mut self, time: Duration) -> &mut Self {
        self.until = Some(Instant::now() + time);
        self
    }

    /// Appends without an end of its own.
    pub(in crate::definition) fn for_ever(&mut self) -> &mut Self {
        self.until = None;
        self
    }

    /// Appends so many records in all.
    pub(in crate::definition) fn for_records(&mut self, count: u64) -> &mut Self {
        self.records_max = count;
        self
    }

    pub(in crate::definition) fn acknowledged(&self) -> u64 {
        self.records
    }
}

impl Asker for Publisher {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(next) = self.next.get_mut(connection) else { return false };
        if self.records == self.records_max || self.until.is_some_and(|until| Instant::now() >= until) {
            return false;
        }
        let stream = self.layout.stream_of(connection, *next);
        let (prefix, media_type) = (self.layout.prefix, self.layout.content.media_type());
        let _ = write!(
            out,
            "POST {prefix}{stream} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\nContent-Length: {SIZE}\r\n\r\n"
        );
        self.layout.content.write(connection, *next, out);
        *next += 1;
        self.records += 1;
        true
    }

    fn answered(&mut self, _connection: usize, answer: Answer<'_>) -> Result<()> {
        let said = String::from_utf8_lossy(answer.body);
        ensure!(answer.is_success(), "an append was answered {}: {said}", answer.status);
        Ok(())
    }
}

/// Makes the streams of `layout` and says how long that took.
pub(in crate::definition) fn create(load: &mut Load, layout: Layout) -> Result<Duration> {
    let began = Instant::now();
    load.closed_loop(&mut Creator::new(layout))?;
    Ok(began.elapsed())
}

//! Reading streams back, page by page, and judging what they hold.

use std::collections::HashMap;
use std::io::Write as _;

use anyhow::{Context, Result, ensure};

use super::append::{Layout, Publisher};
use crate::generator::load::{Asker, Load};
use crate::generator::wire::Answer;

/// Where a whole stream is read from.
const START: &str = "-1";

/// Reads every stream `rounds` times, each on one connection from its start to its tail.
pub(in crate::definition) struct Reader<'a, F> {
    prefix: &'static str,
    streams: usize,
    next: usize,
    rounds: usize,
    /// What each connection is reading: the stream and the offset of the next page.
    at: Vec<Option<(usize, String)>>,
    /// Takes a page of a stream.
    see: &'a mut F,
    pub(in crate::definition) bytes: u64,
}

impl<'a, F: FnMut(usize, &[u8]) -> Result<()>> Reader<'a, F> {
    pub(in crate::definition) fn new(layout: Layout, rounds: usize, connections: usize, see: &'a mut F) -> Self {
        let Layout { prefix, streams, .. } = layout;
        Self { prefix, streams, next: 0, rounds, at: vec![None; connections], see, bytes: 0 }
    }
}

impl<F: FnMut(usize, &[u8]) -> Result<()>> Asker for Reader<'_, F> {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(at) = self.at.get_mut(connection) else { return false };
        if at.is_none() && self.next < self.streams * self.rounds {
            *at = Some((self.next % self.streams, START.to_owned()));
            self.next += 1;
        }
        let Some((stream, offset)) = at else { return false };
        let _ = write!(out, "GET {}{stream}?offset={offset} HTTP/1.1\r\nHost: bench\r\n\r\n", self.prefix);
        true
    }

    fn answered(&mut self, connection: usize, answer: Answer<'_>) -> Result<()> {
        ensure!(answer.status == 200, "a read was answered {}", answer.status);
        let place = self.at.get_mut(connection).context("no such connection")?;
        let (stream, _) = place.take().context("an answer to no question")?;
        self.bytes += answer.body.len() as u64;
        (self.see)(stream, answer.body)?;
        if answer.header("stream-up-to-date").is_none() {
            let next = answer.header("stream-next-offset").context("a page without its next offset")?;
            *place = Some((stream, next.to_owned()));
        }
        Ok(())
    }
}

/// Checks that the streams hold what `publisher` had acknowledged: each record once, those of a connection in order.
pub(in crate::definition) fn judge(load: &mut Load, publisher: &Publisher) -> Result<()> {
    let layout = publisher.layout;
    let mut next: HashMap<(usize, usize), u64> = HashMap::new();
    let mut records = 0;
    let mut see = |stream: usize, page: &[u8]| {
        for (connection, sequence) in layout.content.parse(page)? {
            ensure!(layout.stream_of(connection, sequence) == stream, "a record is in another stream than its own");
            let due = next.entry((stream, connection)).or_insert_with(|| first(layout, stream, connection));
            ensure!(sequence == *due, "record {sequence} of connection {connection} is where {due} is due");
            *due += layout.stride(connection);
            records += 1;
        }
        Ok(())
    };
    let connections = load.len();
    load.closed_loop(&mut Reader::new(layout, 1, connections, &mut see))?;
    ensure!(records == publisher.acknowledged(), "{records} records of {} can be read", publisher.acknowledged());
    Ok(())
}

/// The first number with which a connection comes to a stream.
fn first(layout: Layout, stream: usize, connection: usize) -> u64 {
    if layout.streams <= layout.connections { 0 } else { ((stream - connection) / layout.connections) as u64 }
}

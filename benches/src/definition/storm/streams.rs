//! The streams of a storm: made, filled, and what their subscribers have seen of them.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};

use super::Storm;
use crate::generator::load::{Asker, Load};
use crate::generator::stamp::stamped;
use crate::generator::wire::Answer;

const CONNECTIONS: usize = 16;

pub(super) fn path_of(stream: usize) -> String {
    format!("/v1/stream/storm/{stream}")
}

pub(super) fn path_of_live(stream: usize) -> String {
    format!("/v1/stream/live/{stream}")
}

/// Makes the streams with their events; returns for each the id of the last event that its subscribers have seen.
pub(super) fn fill(address: SocketAddr, storm: &Storm) -> Result<Vec<String>> {
    let events: Vec<String> = (0..2 * storm.missed).map(|number| stamped(number, u64::MAX / 10, storm.size)).collect();
    let body = format!("[{}]", events.join(","));
    let mut load = Load::open(address, CONNECTIONS)?;
    load.closed_loop(&mut Each::new(storm.streams, |stream, out| put(out, &path_of(stream), &body)))?;
    let mut states = Each::new(storm.streams, |stream, out| {
        let _ = write!(
            out,
            "GET {}?view=state HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n",
            path_of(stream)
        );
    });
    load.closed_loop(&mut states)?;
    states.answers.iter().map(|state| last_seen(state, storm.missed)).collect()
}

pub(super) fn make_live(address: SocketAddr, streams: usize) -> Result<()> {
    Load::open(address, 1)?.closed_loop(&mut Each::new(streams, |stream, out| put(out, &path_of_live(stream), "")))?;
    Ok(())
}

fn put(out: &mut Vec<u8>, path: &str, body: &str) {
    let length = body.len();
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "PUT {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

fn last_seen(state: &[u8], missed: u64) -> Result<String> {
    let state: serde_json::Value = serde_json::from_slice(state)?;
    let next = state.get("next_event_id").and_then(serde_json::Value::as_str).context("no next_event_id")?;
    let (epoch, tail) = next.split_once('-').context("an odd event id")?;
    ensure!(tail.parse() == Ok(2 * missed), "a stream has {tail} records");
    Ok(format!("{epoch}-{missed}"))
}

/// One request for each stream, and its answer.
struct Each<F> {
    next: usize,
    request: F,
    /// Which stream each connection has asked about.
    asked: [usize; CONNECTIONS],
    answers: Vec<Vec<u8>>,
}

impl<F: Fn(usize, &mut Vec<u8>)> Each<F> {
    fn new(streams: usize, request: F) -> Self {
        Self { next: 0, request, asked: [0; CONNECTIONS], answers: vec![Vec::new(); streams] }
    }
}

impl<F: Fn(usize, &mut Vec<u8>)> Asker for Each<F> {
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(asked) = self.asked.get_mut(connection) else { return false };
        if self.next == self.answers.len() {
            return false;
        }
        *asked = self.next;
        (self.request)(self.next, out);
        self.next += 1;
        true
    }

    fn answered(&mut self, connection: usize, answer: Answer<'_>) -> Result<()> {
        let said = String::from_utf8_lossy(answer.body);
        ensure!(answer.is_success(), "a stream was answered {}: {said}", answer.status);
        let place = self.asked.get(connection).and_then(|asked| self.answers.get_mut(*asked));
        *place.context("an answer to nothing")? = answer.body.to_vec();
        Ok(())
    }
}

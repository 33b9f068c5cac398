//! A connection that publishes, one event at a time, those of a stream in order.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use mio::Registry;

use super::stamp::stamped;
use super::wire::Connection;
use crate::peer::Peer;

/// An event that is due or under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) stream: usize,
    pub(crate) number: u64,
    /// In nanoseconds since the epoch: what its latency counts from.
    pub(crate) since: u64,
}

#[derive(Debug)]
pub(crate) struct Publisher {
    address: SocketAddr,
    token: usize,
    connection: Connection,
    is_busy: bool,
    /// Events that wait until the one before them is acknowledged.
    waiting: VecDeque<Due>,
}

impl Publisher {
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: usize) -> Result<Self> {
        let connection = Connection::open(address, registry, token)?;
        Ok(Self { address, token, connection, is_busy: false, waiting: VecDeque::new() })
    }

    /// Whether nothing waits for an answer or to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_busy && self.waiting.is_empty()
    }

    /// Publishes an event, `size` bytes of data, once those before it are acknowledged.
    pub(crate) fn publish(&mut self, peer: &dyn Peer, due: Due, size: usize) -> Result<()> {
        self.waiting.push_back(due);
        self.send_next(peer, size)
    }

    /// Takes the answer that has come, if one has.
    pub(crate) fn proceed(&mut self, peer: &dyn Peer, size: usize, registry: &Registry) -> Result<()> {
        if !self.is_busy {
            return Ok(());
        }
        self.connection.flush()?;
        if !self.connection.has_answer()? {
            return Ok(());
        }
        let mut is_last = false;
        self.connection.take(|answer| {
            is_last = answer.header("connection").is_some_and(|value| value == "close");
            // In one line, as it may become a remark below a table.
            let said = || String::from_utf8_lossy(answer.body).split_whitespace().collect::<Vec<_>>().join(" ");
            ensure!(answer.is_success(), "an event was answered {}: {}", answer.status, said());
            Ok(())
        })?;
        self.is_busy = false;
        if is_last {
            self.connection = Connection::open(self.address, registry, self.token)?;
        }
        self.send_next(peer, size)
    }

    fn send_next(&mut self, peer: &dyn Peer, size: usize) -> Result<()> {
        if self.is_busy {
            return Ok(());
        }
        let Some(Due { stream, number, since }) = self.waiting.pop_front() else { return Ok(()) };
        self.is_busy = true;
        self.connection.send(|out| peer.publish(stream, &stamped(number, since, size), out))
    }
}

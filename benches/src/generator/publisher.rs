//! A connection that publishes, one event at a time, those of a stream in order.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use mio::Registry;

use super::wire::Connection;

/// An event that is due or under way.
pub(crate) trait Event {
    /// Puts the request that publishes it into `out`.
    fn put(&self, out: &mut Vec<u8>);
}

/// A record of a JSON stream.
#[derive(Debug)]
pub(crate) struct JsonRecord {
    /// Its stream's.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Event for JsonRecord {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { path, text } = self;
        let length = text.len();
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             \r\n{text}"
        );
    }
}

#[derive(Debug)]
pub(crate) struct Publisher<E> {
    address: SocketAddr,
    token: usize,
    connection: Connection,
    is_busy: bool,
    /// Events that wait until the one before them is acknowledged.
    waiting: VecDeque<E>,
}

impl<E: Event> Publisher<E> {
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: usize) -> Result<Self> {
        let connection = Connection::open(address, registry, token)?;
        Ok(Self { address, token, connection, is_busy: false, waiting: VecDeque::new() })
    }

    /// Whether nothing waits for an answer or to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_busy && self.waiting.is_empty()
    }

    /// Publishes an event once those before it are acknowledged.
    pub(crate) fn publish(&mut self, event: E) -> Result<()> {
        self.waiting.push_back(event);
        self.send_next()
    }

    /// Takes the answer that has come, if one has.
    ///
    /// # Errors
    /// When an event was refused.
    pub(crate) fn proceed(&mut self, registry: &Registry) -> Result<()> {
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
        self.send_next()
    }

    fn send_next(&mut self) -> Result<()> {
        if self.is_busy {
            return Ok(());
        }
        let Some(event) = self.waiting.pop_front() else { return Ok(()) };
        self.is_busy = true;
        self.connection.send(|out| event.put(out))
    }
}

//! A connection that appends JSON, one record after the other.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use mio::Registry;

use super::wire::Connection;

#[derive(Debug)]
pub(crate) struct Appender {
    connection: Connection,
    is_busy: bool,
    /// Records that wait until the one before them is acknowledged: their stream's path and their text.
    waiting: VecDeque<(String, String)>,
}

impl Appender {
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: usize) -> Result<Self> {
        let connection = Connection::open(address, registry, token)?;
        Ok(Self { connection, is_busy: false, waiting: VecDeque::new() })
    }

    /// Appends `text` to the stream at `path` once what came before is acknowledged.
    pub(crate) fn append(&mut self, path: String, text: String) -> Result<()> {
        self.waiting.push_back((path, text));
        self.send_next()
    }

    /// To be called when the socket has something to say.
    ///
    /// # Errors
    /// When an append was refused.
    pub(crate) fn take_answer(&mut self) -> Result<()> {
        self.connection.flush()?;
        if !self.is_busy || !self.connection.has_answer()? {
            return Ok(());
        }
        self.connection.take(|answer| {
            ensure!(answer.is_success(), "an append was answered {}", answer.status);
            Ok(())
        })?;
        self.is_busy = false;
        self.send_next()
    }

    fn send_next(&mut self) -> Result<()> {
        if self.is_busy {
            return Ok(());
        }
        let Some((path, text)) = self.waiting.pop_front() else { return Ok(()) };
        self.is_busy = true;
        self.connection.send(|out| {
            let length = text.len();
            let _ = write!(
                out,
                "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 \r\n{text}"
            );
        })
    }
}

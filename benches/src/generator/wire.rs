//! Connections of the load generator: plain sockets on one epoll loop, so that the load costs little beside what it loads.

mod chunked;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// What a connection reads into before it knows how long the answer is.
const BYTES_AT_FIRST: usize = 4096;

/// An answer: a whole one, or the head of one that goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        crate::http::header(std::str::from_utf8(self.head).ok()?, name)
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A keep-alive connection that has at most one request under way.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Connects, waiting for it, and has `registry` report it as `token`.
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: usize) -> Result<Self> {
        let socket = std::net::TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        registry.register(&mut socket, Token(token), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { socket, out: Vec::new(), sent: 0, input: vec![0; BYTES_AT_FIRST], filled: 0 })
    }

    /// Sends the request that `write` puts into the buffer it is given.
    pub(crate) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.out.clear();
        self.sent = 0;
        write(&mut self.out);
        self.flush()
    }

    /// Goes on sending; what the socket does not take waits for it to become writable.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there; true once a whole answer is, which [`Connection::take`] then hands out.
    pub(crate) fn has_answer(&mut self) -> Result<bool> {
        loop {
            let whole = self.length()?;
            if whole.is_some_and(|length| length <= self.filled) {
                return Ok(true);
            }
            let room = whole.unwrap_or_default().max(self.filled + BYTES_AT_FIRST / 2);
            if self.input.len() < room {
                self.input.resize(room, 0);
            }
            if self.fill()? == 0 {
                return Ok(false);
            }
        }
    }

    /// Hands the answer to `see` and forgets it.
    pub(crate) fn take(&mut self, see: impl FnOnce(Answer<'_>) -> Result<()>) -> Result<()> {
        let length = self.length()?.context("no answer is there")?;
        ensure!(length == self.filled, "{} bytes came that nobody asked for", self.filled - length);
        let (head, body) = split(self.input.get(..length).unwrap_or_default()).context("no head is there")?;
        let status = status(head)?;
        let seen = if is_chunked(head)? {
            see(Answer { status, head, body: &chunked::body(body) })
        } else {
            see(Answer { status, head, body })
        };
        self.filled = 0;
        seen
    }

    /// Reads what is there of an answer that does not end, and hands what has come to `see`, which says how much of it
    /// it has done with.
    pub(crate) fn follow(&mut self, mut see: impl FnMut(&[u8]) -> Result<usize>) -> Result<()> {
        loop {
            if self.input.len() < self.filled + BYTES_AT_FIRST / 2 {
                self.input.resize(self.filled + BYTES_AT_FIRST, 0);
            }
            if self.fill()? == 0 {
                return Ok(());
            }
            // A socket that filled less than the room has no more, and says so when it has.
            let has_all = self.filled < self.input.len();
            let done = see(self.input.get(..self.filled).unwrap_or_default())?;
            self.input.copy_within(done..self.filled, 0);
            self.filled -= done;
            if has_all {
                return Ok(());
            }
        }
    }

    /// How many bytes came; none for now is 0.
    fn fill(&mut self) -> Result<usize> {
        let room = self.input.get_mut(self.filled..).unwrap_or_default();
        match self.socket.read(room) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => {
                self.filled += count;
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The length of the whole answer, once its head is there.
    fn length(&self) -> Result<Option<usize>> {
        let Some((head, body)) = split(self.input.get(..self.filled).unwrap_or_default()) else { return Ok(None) };
        if matches!(status(head)?, 204 | 304) {
            return Ok(Some(head.len()));
        }
        if is_chunked(head)? {
            return Ok(chunked::length(body)?.map(|length| head.len() + length));
        }
        let head = std::str::from_utf8(head)?;
        let body: usize = crate::http::header(head, "content-length").context("an answer without length")?.parse()?;
        Ok(Some(head.len() + body))
    }
}

fn is_chunked(head: &[u8]) -> Result<bool> {
    Ok(crate::http::header(std::str::from_utf8(head)?, "transfer-encoding") == Some("chunked"))
}

/// The head, its blank line included, and what follows.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(memmem::find(bytes, b"\r\n\r\n")? + 4)
}

pub(crate) fn status(head: &[u8]) -> Result<u16> {
    let digits = head.get(9..12).context("a short head")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

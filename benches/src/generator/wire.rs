//! Connections of the load generator: plain sockets on one epoll loop, so that the load costs little beside what it loads.

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
        let seen = see(Answer { status: status(head)?, head, body });
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
        let text = std::str::from_utf8(head)?;
        if crate::http::header(text, "transfer-encoding").is_some_and(|coding| coding == "chunked") {
            return Ok(chunked_length(body)?.map(|length| head.len() + length));
        }
        let body: usize = crate::http::header(text, "content-length").context("an answer without length")?.parse()?;
        Ok(Some(head.len() + body))
    }
}

/// The length of a body in chunks with what frames them, once its last one is there.
fn chunked_length(body: &[u8]) -> Result<Option<usize>> {
    let mut length = 0;
    loop {
        let rest = body.get(length..).unwrap_or_default();
        let Some(line) = memmem::find(rest, b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())?;
        let size = usize::from_str_radix(size, 16).context("an odd chunk")?;
        length += line + 2 + size + 2;
        if size == 0 || length > body.len() {
            return Ok((length <= body.len()).then_some(length));
        }
    }
}

/// The head, its blank line included, and what follows.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(memmem::find(bytes, b"\r\n\r\n")? + 4)
}

pub(crate) fn status(head: &[u8]) -> Result<u16> {
    let digits = head.get(9..12).context("a short head")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_ends_with_its_last_one() {
        let body = b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            assert_eq!(chunked_length(&body[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(chunked_length(body).unwrap(), Some(body.len()));
        assert!(chunked_length(b"no size\r\n").is_err());
    }
}

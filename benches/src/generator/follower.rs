//! A subscriber that costs little and checks everything: each event of its stream once, in order, whole.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::stamp::take_stamps;
use super::wire::{split, status};
use crate::result::{Latencies, now_nanos};

/// Bytes that all followers of a crowd read into, one after the other.
pub(crate) const SCRATCH: usize = 256 * 1024;
/// Of a stamp that is not complete, or of a head.
const REST_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Follower {
    socket: TcpStream,
    /// What came of something that is not complete.
    rest: Vec<u8>,
    pub(crate) has_head: bool,
    /// The number of the event that is due.
    pub(crate) next: u64,
    /// Bytes that came after the head.
    pub(crate) bytes: u64,
}

impl Follower {
    /// Connects, asks, and has `registry` report what comes as `token`.
    pub(crate) fn open(address: SocketAddr, request: &str, registry: &Registry, token: usize) -> Result<Self> {
        let mut socket =
            std::net::TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.write_all(request.as_bytes())?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        registry.register(&mut socket, Token(token), Interest::READABLE)?;
        Ok(Self { socket, rest: Vec::new(), has_head: false, next: 0, bytes: 0 })
    }

    /// Reads what is there; returns how many events that were.
    pub(crate) fn read(&mut self, scratch: &mut [u8], latencies: &mut Latencies) -> Result<u64> {
        let before = self.next;
        loop {
            let kept = self.rest.len();
            scratch.get_mut(..kept).context("a stamp longer than the buffer")?.copy_from_slice(&self.rest);
            let room = scratch.get_mut(kept..).unwrap_or_default();
            let (wanted, count) = match self.socket.read(room) {
                Ok(0) => bail!("the server closed a subscription"),
                Ok(count) => (room.len(), count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.take(scratch.get(..kept + count).unwrap_or_default(), latencies)?;
            ensure!(self.rest.len() <= REST_MAX, "{} bytes came that are no event", self.rest.len());
            // Fewer than there was room for: that was all, and asking again would be a call for nothing.
            if count < wanted {
                break;
            }
        }
        Ok(self.next - before)
    }

    fn take(&mut self, bytes: &[u8], latencies: &mut Latencies) -> Result<()> {
        let mut body = bytes;
        let fresh = bytes.len() - self.rest.len();
        self.bytes += fresh as u64;
        if !self.has_head {
            let Some((head, rest)) = split(bytes) else {
                self.rest = bytes.to_vec();
                return Ok(());
            };
            ensure!(status(head)? == 200, "a subscription was answered {}", String::from_utf8_lossy(bytes));
            (self.has_head, self.bytes, body) = (true, rest.len() as u64, rest);
        }
        let (now, next) = (now_nanos(), &mut self.next);
        let done = take_stamps(body, |number, sent| {
            ensure!(number == *next, "event {number} came where {next} was due");
            *next += 1;
            latencies.add(Duration::from_nanos(now.saturating_sub(sent)));
            Ok(())
        })?;
        self.rest.clear();
        self.rest.extend_from_slice(body.get(done..).unwrap_or_default());
        Ok(())
    }
}

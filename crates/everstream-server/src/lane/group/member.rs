//! One subscriber in a group.

use std::io::{self, Read as _};
use std::net::TcpStream;

use crate::admission::Permit;
use crate::lane::rider::UNREAD_BYTES_MAX;
use crate::sse_body::Deadline;

/// One subscriber in a group: as little as can be, since there are many and they are silent.
#[derive(Debug)]
pub(super) struct Member<V> {
    pub(super) socket: TcpStream,
    /// Where its socket is watched, once it is.
    pub(super) place: Option<usize>,
    /// What the client sent meanwhile.
    pub(super) unread: Vec<u8>,
    pub(super) permit: Permit,
    pub(super) voice: V,
    pub(super) ends: Option<Deadline>,
}

impl<V> Member<V> {
    /// Keeps what the client has sent, within a bound.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) fn read(&mut self) -> io::Result<()> {
        while self.unread.len() < UNREAD_BYTES_MAX {
            let mut room = [0; 512];
            match self.socket.read(&mut room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.extend_from_slice(room.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether its time is up at `now`.
    pub(super) fn is_over(&self, now: tokio::time::Instant) -> bool {
        self.ends.is_some_and(|ends| ends.at <= now)
    }
}

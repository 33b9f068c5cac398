//! `send`, past the C library.
//!
//! Its `send` is a point at which a thread can be cancelled, which takes two atomic steps around each call; a server that
//! does little else notices. No thread of ours is ever cancelled so.

use std::io;
use std::os::fd::AsFd;

use rustix::net::SendFlags;

/// Sends what `socket` takes of `bytes` at once, and says how much that was.
///
/// # Errors
/// As the socket: `WouldBlock` when it takes nothing now. One whose other end has gone raises no signal.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    rustix::io::retry_on_intr(|| rustix::net::send(&socket, bytes, SendFlags::NOSIGNAL)).map_err(Into::into)
}

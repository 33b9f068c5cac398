//! `send` and `recv`, past the C library.
//!
//! Its own are points at which a thread can be cancelled, which takes two atomic steps around each call; a server that
//! does little else notices. No thread of ours is ever cancelled so.

use std::io;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags};

/// Sends what `socket` takes of `bytes` at once, and says how much that was.
///
/// # Errors
/// As the socket: `WouldBlock` when it takes nothing now. One whose other end has gone raises no signal.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    rustix::io::retry_on_intr(|| rustix::net::send(&socket, bytes, SendFlags::NOSIGNAL)).map_err(Into::into)
}

/// Receives behind what `bytes` holds as much as there is room for, and says how much that was: nothing at the end.
///
/// # Errors
/// As the socket: `WouldBlock` when there is nothing now.
pub(crate) fn recv(socket: impl AsFd, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let received = rustix::io::retry_on_intr(|| rustix::net::recv(&socket, spare_capacity(bytes), RecvFlags::empty()));
    received.map(|(received, _)| received).map_err(Into::into)
}

//! A socket some of whose bytes have been read already, for hyper.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use crate::traffic::Traffic;

/// `socket` with `unread` before its own bytes. Writing passes straight through, and `traffic` sees it.
#[derive(Debug)]
pub(crate) struct Rewound<S> {
    unread: Vec<u8>,
    /// How much of `unread` has been handed out.
    at: usize,
    socket: TokioIo<S>,
    traffic: Traffic,
}

impl<S> Rewound<S> {
    pub(crate) fn new(unread: Vec<u8>, socket: S, traffic: Traffic) -> Self {
        Self { unread, at: 0, socket: TokioIo::new(socket), traffic }
    }

    /// The socket, and what is still unread before its own bytes.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        let mut unread = self.unread;
        unread.drain(..self.at);
        (self.socket.into_inner(), unread)
    }
}

impl<S: tokio::io::AsyncRead + Unpin> Read for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let rest = self.unread.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        let taken = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..taken).unwrap_or_default());
        self.at += taken;
        if self.at == self.unread.len() {
            // A connection lives long; its first head need not.
            self.unread = Vec::new();
            self.at = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: tokio::io::AsyncWrite + Unpin> Write for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.traffic.wrote();
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if flushed.is_ready() {
            self.traffic.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.traffic.wrote();
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }
}

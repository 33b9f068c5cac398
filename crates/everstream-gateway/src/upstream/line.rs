//! The connection to an upstream as hyper sees it: heads, and of the body nothing until it is asked to carry that too.
//!
//! hyper writes the request and judges the head of the answer. A body of events is then taken from the same connection
//! without it, in the relay's own task: for that hyper must not have read into the body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use httparse::Status;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::wire::Wire;

/// So many headers an answer may have; hyper's own bound.
const HEADERS_MAX: usize = 100;

/// A head longer than this passes as it comes, and hyper, which has a bound of its own, carries the body behind it.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Read at a time while the head comes.
const HEAD_BYTES_USUAL: usize = 4096;

/// A wire with a gate in its reading half.
#[derive(Debug)]
pub(super) struct Line {
    wire: Wire,
    /// Read from the wire and not handed out.
    held: BytesMut,
    gate: Gate,
    handle: Arc<Handle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// The end of a head is looked for.
    Looking,
    /// So many bytes of a head may pass; then another head comes, or the body.
    Passing { bytes: usize, is_last: bool },
    /// The body begins: nothing passes.
    Shut,
    /// Everything passes.
    Open,
}

/// What is known of a line, and asked of it, while hyper has it.
#[derive(Debug, Default)]
pub(super) struct Handle {
    /// The whole body of the request was handed to hyper.
    body_taken: AtomicBool,
    /// Nothing of what hyper had is unwritten.
    flushed: AtomicBool,
    /// The whole head has passed, and nothing behind it.
    is_at_body: AtomicBool,
    /// The gate shall open.
    open: AtomicBool,
}

impl Handle {
    /// Says that the request's whole body was handed to hyper.
    pub(super) fn body_taken(&self) {
        self.body_taken.store(true, Ordering::Release);
    }

    /// Whether the request was written to its end.
    pub(super) fn is_written(&self) -> bool {
        self.body_taken.load(Ordering::Acquire) && self.flushed.load(Ordering::Acquire)
    }

    /// Whether the body, from its first byte on, is still to be read from the line.
    pub(super) fn is_at_body(&self) -> bool {
        self.is_at_body.load(Ordering::Acquire)
    }

    /// Lets the body through to hyper, whose connection has to be polled then.
    pub(super) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

impl Line {
    pub(super) fn new(wire: Wire, handle: Arc<Handle>) -> Self {
        Self { wire, held: BytesMut::new(), gate: Gate::Looking, handle }
    }

    /// The wire, and what was read from it and not handed out.
    pub(super) fn into_parts(self) -> (Wire, BytesMut) {
        (self.wire, self.held)
    }

    /// Judges what is held and opens the gate as far as that allows. Whatever is no head is hyper's to refuse.
    fn judge(&mut self) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        match head.parse(&self.held) {
            Ok(Status::Partial) if self.held.len() < HEAD_BYTES_MAX => {}
            Ok(Status::Partial) => self.gate = Gate::Open,
            Ok(Status::Complete(bytes)) => {
                // 1xx is not the answer yet, but for 101 (RFC 9110, 15.2).
                let is_last = head.code.is_none_or(|code| code >= 200 || code == 101);
                self.gate = Gate::Passing { bytes, is_last };
            }
            Err(_) => self.gate = Gate::Open,
        }
    }

    fn hand_out(&mut self, bytes: usize, buf: &mut ReadBufCursor<'_>) -> usize {
        let len = bytes.min(buf.remaining()).min(self.held.len());
        buf.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        len
    }
}

impl Line {
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [0; HEAD_BYTES_USUAL];
        let mut read = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.wire).poll_read(cx, read.unfilled()))?;
        if read.filled().is_empty() {
            self.gate = Gate::Open;
        } else {
            self.held.extend_from_slice(read.filled());
            self.judge();
        }
        Poll::Ready(Ok(()))
    }
}

impl Read for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.gate {
                Gate::Looking => ready!(this.poll_more(cx))?,
                Gate::Passing { bytes, is_last } => {
                    let left = bytes - this.hand_out(bytes, &mut buf);
                    if left > 0 {
                        this.gate = Gate::Passing { bytes: left, is_last };
                    } else if is_last {
                        this.gate = Gate::Shut;
                        this.handle.is_at_body.store(true, Ordering::Release);
                    } else {
                        this.gate = Gate::Looking;
                        this.judge();
                    }
                    return Poll::Ready(Ok(()));
                }
                Gate::Shut if this.handle.open.load(Ordering::Acquire) => this.gate = Gate::Open,
                // Whoever opens it polls again.
                Gate::Shut => return Poll::Pending,
                Gate::Open if this.held.is_empty() => return Pin::new(&mut this.wire).poll_read(cx, buf),
                Gate::Open => {
                    this.hand_out(usize::MAX, &mut buf);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.flushed.store(false, Ordering::Release);
        Pin::new(&mut this.wire).poll_write(cx, bytes)
    }

    /// hyper flushes only when it has written all it has.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.wire).poll_flush(cx))?;
        this.handle.flushed.store(true, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handle.flushed.store(false, Ordering::Release);
        Pin::new(&mut this.wire).poll_write_vectored(cx, slices)
    }
}

//! A connection through memory, to an upstream within this process that runs in the task of whoever asks it.
//!
//! The near end owns the service that it is connected to and polls it where it would wait for a socket: bytes pass
//! without a system call, a wake-up or a task between. Dropping the near end drops the service with all that it waits
//! for.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use everstream_hub::Dormancy;
use hyper::rt::{Read, ReadBufCursor, Write};

use direction::Direction;

mod direction;

/// An upstream within this process. It is spoken to as any other is, in HTTP over a connection, except that the
/// connection is memory.
pub trait InProcessUpstream: fmt::Debug + Send + Sync {
    /// Serves one connection: resolves when there is nothing more to say on it.
    ///
    /// The connection wakes nobody: it is to be used within the future that is returned, which is polled again whenever
    /// there is something to read or room to write.
    ///
    /// # Cancel safety
    /// The future is dropped once nobody wants the rest of an answer.
    fn serve(&self, connection: FarEnd) -> Serving;
}

/// A connection being served.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The end of a connection through memory that its upstream has: a stream of bytes in each direction, of which 64 KiB may
/// be under way.
#[derive(Debug)]
pub struct FarEnd(Arc<Mutex<Both>>);

/// The end that the client has, and with it the service at the other one. One task reads and writes it.
pub(super) struct Pipe {
    both: Arc<Mutex<Both>>,
    /// The writer waits for room.
    is_held_up: bool,
    /// `None` once it has ended.
    service: Option<Serving>,
    /// The service is polled when something woke it, not for each look at what it wrote.
    dormancy: Dormancy,
}

/// What is under way.
#[derive(Debug, Default)]
struct Both {
    there: Direction,
    back: Direction,
}

impl Pipe {
    /// A connection to `upstream`, which is polled for the first time with the first read.
    pub(super) fn to(upstream: &dyn InProcessUpstream) -> Self {
        let both = Arc::<Mutex<Both>>::default();
        let service = Some(upstream.serve(FarEnd(Arc::clone(&both))));
        Self { both, is_held_up: false, service, dormancy: Dormancy::new() }
    }

    /// Has the service do what it can.
    fn drive(&mut self, cx: &Context<'_>) {
        let Some(service) = &mut self.service else { return };
        if self.dormancy.poll(cx, |cx| service.as_mut().poll(cx)).is_ready() {
            self.service = None;
            lock(&self.both).back.end();
        }
    }

    /// Drives the service for the reader. Where that makes room for a writer, our task runs again.
    fn drive_to_read(&mut self, cx: &Context<'_>) {
        self.drive(cx);
        if self.is_held_up && (self.service.is_none() || lock(&self.both).there.room() > 0) {
            self.is_held_up = false;
            cx.waker().wake_by_ref();
        }
    }

    /// Drives the service for the writer, who need not be reading. Where that begins an answer, our task runs again.
    fn drive_to_write(&mut self, cx: &Context<'_>) {
        let is_silent = |this: &Self| lock(&this.both).back.is_silent();
        let was_silent = is_silent(self);
        self.drive(cx);
        if was_silent && !is_silent(self) {
            cx.waker().wake_by_ref();
        }
    }

    /// The service has something to look at: our task runs again, and polls it with its next read.
    fn rouse(&self, cx: &Context<'_>) {
        self.dormancy.rouse();
        cx.waker().wake_by_ref();
    }

    /// What has come back; nothing at the end, `None` when the service has yet to write.
    fn take(&self, buf: &mut ReadBufCursor<'_>) -> Option<()> {
        let mut both = lock(&self.both);
        if both.back.is_silent() {
            return None;
        }
        let had_room = both.back.room() > 0;
        both.back.take(buf);
        if !had_room {
            self.dormancy.rouse();
        }
        Some(())
    }

    fn put(&self, slices: &[io::IoSlice<'_>]) -> usize {
        lock(&self.both).there.put(slices)
    }
}

impl Read for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.take(&mut buf).is_none() {
            this.drive_to_read(cx);
            if this.take(&mut buf).is_none() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut put = this.put(slices);
        if put == 0 {
            this.drive_to_write(cx);
            put = this.put(slices);
        }
        if this.service.is_none() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        this.is_held_up = put == 0 && slices.iter().any(|slice| !slice.is_empty());
        if this.is_held_up {
            return Poll::Pending;
        }
        this.rouse(cx);
        Poll::Ready(Ok(put))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.both).there.end();
        self.rouse(cx);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("is_served", &self.service.is_some()).finish_non_exhaustive()
    }
}

impl Read for FarEnd {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let there = &mut lock(&self.0).there;
        if there.is_silent() {
            return Poll::Pending;
        }
        there.take(&mut buf);
        Poll::Ready(Ok(()))
    }
}

impl Write for FarEnd {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let put = lock(&self.0).back.put(slices);
        if put == 0 && slices.iter().any(|slice| !slice.is_empty()) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(put))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).back.end();
        Poll::Ready(Ok(()))
    }
}

/// No code panics while it holds the lock, so that a poisoned one is as good as any.
fn lock(both: &Mutex<Both>) -> MutexGuard<'_, Both> {
    both.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

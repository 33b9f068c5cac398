//! What carries the bytes to an upstream and back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead as _;
use tokio::net::TcpStream;

use super::pipe::Pipe;

/// A connection to an upstream.
#[derive(Debug)]
pub(super) enum Wire {
    /// Plain.
    Socket(TokioIo<TcpStream>),
    /// With TLS, whose state is ten times a socket's.
    Tls(Box<MaybeHttpsStream<TokioIo<TcpStream>>>),
    /// To an upstream within this process.
    Memory(Pipe),
}

impl From<MaybeHttpsStream<TokioIo<TcpStream>>> for Wire {
    fn from(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> Self {
        match stream {
            MaybeHttpsStream::Http(socket) => Self::Socket(socket),
            tls @ MaybeHttpsStream::Https(_) => Self::Tls(Box::new(tls)),
        }
    }
}

impl Wire {
    /// Reads what is there into `room` and says how many bytes that was; none once the other side has closed.
    ///
    /// # Cancel safety
    /// Safe: what was read is in `room`.
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        // hyper's traits stand between all but the commonest, which is asked for every token.
        if let Self::Socket(socket) = self {
            let mut read = tokio::io::ReadBuf::new(room);
            ready!(Pin::new(socket.inner_mut()).poll_read(cx, &mut read))?;
            return Poll::Ready(Ok(read.filled().len()));
        }
        let mut read = ReadBuf::new(room);
        ready!(Pin::new(self).poll_read(cx, read.unfilled()))?;
        Poll::Ready(Ok(read.filled().len()))
    }

    /// The socket beneath, where there is one.
    pub(super) fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Socket(socket) => Some(socket.inner()),
            Self::Tls(tls) => match &**tls {
                MaybeHttpsStream::Http(socket) => Some(socket.inner()),
                MaybeHttpsStream::Https(tls) => Some(tls.inner().get_ref().0.inner().inner()),
            },
            Self::Memory(_) => None,
        }
    }

    /// Whether a read that leaves some of its room has brought all there is, so that the next one would find nothing: a
    /// socket is read by one call of the system, the others piece by piece.
    pub(super) const fn is_emptied_by_short_reads(&self) -> bool {
        matches!(self, Self::Socket(_))
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_read(cx, buf),
            Self::Memory(pipe) => Pin::new(pipe).poll_read(cx, buf),
        }
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_write(cx, bytes),
            Self::Memory(pipe) => Pin::new(pipe).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_flush(cx),
            Self::Memory(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
            Self::Memory(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
            Self::Memory(pipe) => pipe.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(&mut **tls).poll_write_vectored(cx, slices),
            Self::Memory(pipe) => Pin::new(pipe).poll_write_vectored(cx, slices),
        }
    }
}

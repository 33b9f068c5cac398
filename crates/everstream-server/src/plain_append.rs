//! Plain appends, served straight from their sockets.
//!
//! Nearly all appends are alike: `POST /v1/stream/{path}` with a type, a length and a small body, one after another on a
//! connection. For these the machinery of a general request (header maps, routes, layers, a boxed body) costs several
//! times what the append itself does, so they are recognised by their bytes, appended, and answered with a head that is
//! ready but for one value.
//!
//! Only success is answered here. Whatever is not plain, and every append that is refused, goes to hyper with its bytes
//! unread: a refusal leaves nothing behind, so that asking again is no second append, and what there is to say about it is
//! said in one place. On the wire the two ways look the same. After a publisher's request (`POST`, `PUT`) hyper gives the
//! connection back; a reader's it keeps.

use std::future::{Future as _, poll_fn};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{Appending, Dormancy, Sequenced};
use everstream_log::{StreamName, Timestamp};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::familiar::Familiar;
use self::request::{Recognised, Request};
use self::response::Acknowledgements;
use crate::access::{Append, Caller};
use crate::app::App;
use crate::protocols::streams::{Position, append_plainly};
use crate::send::{recv, send};

mod familiar;
mod request;
mod response;

/// What a connection reads at once: a request of the usual size, in a buffer that the allocator has at hand. One that waits
/// for its next request has none.
const READ_BYTES: usize = 1024;

/// Serves the plain appends of a worker's connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PlainAppends {
    app: App,
    heads: Familiar,
    acknowledgements: Acknowledgements,
    idle_timeout: Duration,
    draining: CancellationToken,
    cutoff: CancellationToken,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Rest {
    /// With the connection: the client is gone or idle, or the server drains.
    Over,
    /// With these bytes unread, which are not for here.
    Other(Vec<u8>),
}

/// What is to be done about what was read.
enum Step {
    /// An append of so many bytes, which came at that moment, is on its way.
    HandedOver { appending: Appending, length: usize, now: Timestamp },
    /// So many bytes are missing, as far as can be seen.
    Read { missing: usize },
    /// It is not for here.
    Other,
}

/// What a connection waited for.
enum Waited {
    /// For so many bytes; for none at the end of the stream.
    Read(usize),
    /// Nothing came within the idle timeout.
    InVain,
    Draining,
}

impl PlainAppends {
    pub(crate) fn new(app: App) -> Self {
        Self {
            heads: Familiar::default(),
            acknowledgements: Acknowledgements::new(&app.config),
            idle_timeout: app.config.idle_timeout,
            draining: app.hub.tasks().draining().clone(),
            cutoff: app.hub.tasks().cutoff().clone(),
            app,
        }
    }

    /// Serves `socket`, of which `unread` was read already, as long as it brings plain appends.
    ///
    /// # Errors
    /// As the socket.
    ///
    /// # Cancel safety
    /// Dropped, it has lost what it read: the connection can only be closed. An append under way takes full effect.
    pub(crate) async fn serve(&self, unread: Vec<u8>, socket: &mut TcpStream) -> io::Result<Rest> {
        let mut unread = unread;
        let mut heard_at = Instant::now();
        // Both are asked only when they were woken: asking takes locks that all connections share. So they are on the heap,
        // and not between what each append touches.
        let mut patience = Box::pin(sleep(self.idle_timeout));
        let mut drained = Box::pin(self.draining.cancelled());
        let mut aside = Dormancy::new();
        loop {
            match self.step(&unread) {
                Step::HandedOver { appending, length, now } => {
                    let Ok(Sequenced::Accepted(appended)) = appending.await else { return Ok(Rest::Other(unread)) };
                    let rest = self.acknowledge(Position(appended.next), now, socket)?;
                    if !rest.is_empty() {
                        // On the heap, since hardly anybody reads so slowly; and not waited for at the end.
                        let writing = Box::pin(self.cutoff.run_until_cancelled(socket.write_all(&rest)));
                        let Some(written) = writing.await else { return Ok(Rest::Over) };
                        written?;
                    }
                    unread.drain(..length);
                }
                Step::Other => return Ok(Rest::Other(unread)),
                Step::Read { missing } => {
                    if unread.is_empty() {
                        unread = Vec::new();
                    }
                    let waited = poll_fn(|cx| match poll_read(socket, &mut unread, missing, cx) {
                        Poll::Ready(read) => Poll::Ready(read.map(Waited::Read)),
                        Poll::Pending => aside.poll(cx, |cx| match drained.as_mut().poll(cx) {
                            Poll::Ready(()) => Poll::Ready(Ok(Waited::Draining)),
                            Poll::Pending => patience.as_mut().poll(cx).map(|()| Ok(Waited::InVain)),
                        }),
                    });
                    match waited.await? {
                        Waited::Read(0) => return Ok(Rest::Over),
                        Waited::Read(_) => heard_at = Instant::now(),
                        // The timer is set once per connection and not per request: it looks when it was last needed.
                        Waited::InVain if heard_at.elapsed() < self.idle_timeout => {
                            patience.as_mut().reset(heard_at + self.idle_timeout);
                            aside.rouse();
                        }
                        // Half a request is hyper's to wait for, or to answer while the server drains.
                        Waited::InVain | Waited::Draining if unread.is_empty() => return Ok(Rest::Over),
                        Waited::InVain | Waited::Draining => return Ok(Rest::Other(unread)),
                    }
                }
            }
        }
    }

    /// Judges `unread`. No future, so that nothing of this takes room in the connection's task.
    fn step(&self, unread: &[u8]) -> Step {
        if unread.is_empty() {
            return Step::Read { missing: READ_BYTES };
        }
        match self.heads.recognise(unread, self.app.config.max_body_bytes.0) {
            Recognised::Plain { request, length } => {
                // The one look at the wall clock: for the stream's use and for the answer's date.
                let now = self.app.hub.clock().now();
                match self.hand_over(&request, now) {
                    Some(appending) => Step::HandedOver { appending, length, now },
                    None => Step::Other,
                }
            }
            Recognised::Unfinished { missing } => Step::Read { missing },
            Recognised::Other => Step::Other,
        }
    }

    /// Nothing for an append that is refused.
    fn hand_over(&self, request: &Request<'_>, now: Timestamp) -> Option<Appending> {
        let stream = StreamName::parse(request.path).ok()?;
        let grant = self.app.access.grant::<Append>(Caller::anonymous(), stream).ok()?;
        append_plainly(&self.app, &grant, request.content_type, Bytes::copy_from_slice(request.body), now)
    }

    /// Answers an append that came at `now`. What comes back the socket did not take.
    fn acknowledge(&self, next: Position, now: Timestamp, socket: &TcpStream) -> io::Result<Vec<u8>> {
        // Small as it is, an answer nearly always fits the socket's buffer.
        self.acknowledgements.write(next, now, |answer| {
            let written = match socket.try_io(Interest::WRITABLE, || send(socket, answer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                written => written?,
            };
            Ok(answer.get(written..).unwrap_or_default().to_vec())
        })
    }
}

/// Reads what is there; there is room for `missing` bytes. A socket that gave less than there was room for is empty, and
/// is not asked again until the kernel has news of it.
fn poll_read(
    socket: &TcpStream,
    unread: &mut Vec<u8>,
    missing: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_read_ready(cx))?;
        unread.reserve(missing.max(READ_BYTES));
        let room = unread.capacity() - unread.len();
        let mut read = None;
        let tried = socket.try_io(Interest::READABLE, || {
            let got = recv(socket, unread)?;
            read = Some(got);
            if (1..room).contains(&got) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (read, tried) {
            (Some(read), _) => return Poll::Ready(Ok(read)),
            (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;

//! One event stream on its way to its socket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use everstream_hub::Dormancy;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::{Events, chunk};

/// Frames up to this size are copied behind each other, so that what is due is one write; larger ones are shared.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// So much is gathered for one write.
const GATHERED_BYTES_MAX: usize = 16 << 10;

/// What a client may send while it is answered; more is left in the kernel.
pub(super) const UNREAD_BYTES_MAX: usize = 4 << 10;

thread_local! {
    /// What a worker writes from: one for all its sockets, since what the kernel did not take is copied.
    static GATHERED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes events to a socket as the chunks of a body, until one of them ends.
///
/// # Cancel safety
/// Dropped, it has dropped the connection.
pub(crate) struct Rider {
    socket: Option<TcpStream>,
    events: Option<Events>,
    /// What the socket did not take.
    left: VecDeque<Bytes>,
    /// What the client sent meanwhile.
    unread: Vec<u8>,
    /// The socket is read only when it has something to say.
    hearing: Dormancy,
    is_over: Option<Over>,
    /// Nobody to join was where it is: to be tried again once there is something new.
    has_asked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Clean,
    Cut,
}

/// How a ride ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The body is whole. The socket can carry another answer; these bytes were read from it already.
    Clean(TcpStream, Vec<u8>),
    /// The body was cut: the connection has to be closed.
    Cut(TcpStream),
    /// The client has gone.
    Gone(io::Error),
    /// Everything is written and the next to come is what others are told, too. The last are the events.
    MayJoin(TcpStream, Vec<u8>, Events),
}

impl Rider {
    /// `unread` was read from `socket` behind the request.
    pub(crate) fn new(socket: TcpStream, unread: Vec<u8>, events: Events) -> Self {
        Self {
            socket: Some(socket),
            events: Some(events),
            left: VecDeque::new(),
            unread,
            hearing: Dormancy::new(),
            is_over: None,
            has_asked: false,
        }
    }

    /// One that has to write `left` first.
    pub(crate) fn behind(self, left: VecDeque<Bytes>) -> Self {
        Self { left, ..self }
    }

    /// One that could not join.
    pub(crate) fn alone(self) -> Self {
        Self { has_asked: true, ..self }
    }

    /// Gathers what is due and writes it, until there is nothing more or the socket takes nothing more.
    fn poll_write(&mut self, socket: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<Over>> {
        loop {
            while let Some(front) = self.left.front_mut() {
                let written = ready!(Pin::new(&mut *socket).poll_write(cx, front))?;
                front.advance(written);
                if front.is_empty() {
                    self.left.pop_front();
                }
            }
            if let Some(over) = self.is_over {
                return Poll::Ready(Ok(over));
            }
            let is_waiting = GATHERED.with_borrow_mut(|gathered| {
                gathered.clear();
                let is_waiting = self.gather(gathered, cx);
                self.write(socket, gathered, cx).map_ok(|()| is_waiting)
            });
            // A socket that takes nothing wakes the task once it does; so do events when there are some.
            if ready!(is_waiting)? {
                return Poll::Pending;
            }
        }
    }

    /// Puts what is due into `gathered` and says whether events have to be waited for.
    fn gather(&mut self, gathered: &mut Vec<u8>, cx: &mut Context<'_>) -> bool {
        while gathered.len() < GATHERED_BYTES_MAX {
            let Some(events) = &mut self.events else { return true };
            match Pin::new(&mut **events).poll_frame(cx) {
                Poll::Pending => return true,
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(frame) = frame.into_data() else { continue };
                    // An empty chunk would end the body.
                    if frame.is_empty() {
                        continue;
                    }
                    chunk::begin(gathered, frame.len());
                    if frame.len() > COPIED_BYTES_MAX {
                        self.left.extend([frame, Bytes::from_static(chunk::END)]);
                        return false;
                    }
                    gathered.extend_from_slice(&frame);
                    gathered.extend_from_slice(chunk::END);
                }
                Poll::Ready(None) => {
                    gathered.extend_from_slice(chunk::LAST);
                    self.is_over = Some(Over::Clean);
                    return false;
                }
                Poll::Ready(Some(Err(_))) => {
                    self.is_over = Some(Over::Cut);
                    return false;
                }
            }
        }
        false
    }

    /// Writes `gathered` before what is left; keeps what the socket does not take.
    fn write(&mut self, socket: &mut TcpStream, mut gathered: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !gathered.is_empty() {
            match Pin::new(&mut *socket).poll_write(cx, gathered) {
                Poll::Ready(written) => gathered = gathered.get(written?..).unwrap_or_default(),
                Poll::Pending => {
                    self.left.push_front(Bytes::copy_from_slice(gathered));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The events, if there is nothing left that this client has to be told by itself.
    fn take_joining(&mut self) -> Option<Events> {
        let has_asked = std::mem::take(&mut self.has_asked);
        let is_here = self.left.is_empty() && self.is_over.is_none() && !has_asked;
        self.events.take_if(|events| is_here && events.may_join())
    }

    /// Resolves when the client has gone. What it sends is kept for later, within a bound.
    fn poll_gone(&mut self, socket: &TcpStream, cx: &Context<'_>) -> Poll<io::Error> {
        let Self { unread, hearing, .. } = self;
        hearing.poll(cx, |cx| {
            while unread.len() < UNREAD_BYTES_MAX {
                if let Err(error) = ready!(socket.poll_read_ready(cx)) {
                    return Poll::Ready(error);
                }
                let mut room = [0; 512];
                match socket.try_read(&mut room) {
                    Ok(0) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                    Ok(read) => unread.extend_from_slice(room.get(..read).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(error),
                }
            }
            Poll::Pending
        })
    }
}

impl fmt::Debug for Rider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rider").field("socket", &self.socket).field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl Future for Rider {
    type Output = Ended;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = self.get_mut();
        let Some(mut socket) = this.socket.take() else { return Poll::Pending };
        Poll::Ready(match this.poll_write(&mut socket, cx) {
            Poll::Ready(Ok(Over::Clean)) => Ended::Clean(socket, std::mem::take(&mut this.unread)),
            Poll::Ready(Ok(Over::Cut)) => Ended::Cut(socket),
            Poll::Ready(Err(error)) => Ended::Gone(error),
            Poll::Pending => match (this.poll_gone(&socket, cx), this.take_joining()) {
                (Poll::Ready(error), _) => Ended::Gone(error),
                (Poll::Pending, Some(events)) => Ended::MayJoin(socket, std::mem::take(&mut this.unread), events),
                (Poll::Pending, None) => {
                    this.socket = Some(socket);
                    return Poll::Pending;
                }
            },
        })
    }
}

//! The bytes of an answer: taken from the connection by ourselves, or carried by hyper.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Version, response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest};

use super::chunked::Framing;
use super::connector::Place;
use super::delayed_acks::DelayedAcks;
use super::line::Line;
use super::request::CallBody;
use super::wire::Wire;
use crate::BoxError;

/// How many bytes are taken at once at most, where more has arrived already.
const ROUND_BYTES_MAX: usize = 256 << 10;

/// The buffer that a worker reads into: one for all its answers, since what was read is passed on at once.
const ROOM_BYTES: usize = 64 << 10;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; ROOM_BYTES]);
}

/// Where bytes go.
pub(super) type Sink<'s> = &'s mut dyn FnMut(&[u8]);

/// What a look at a body brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes went to the sink.
    Arrived,
    /// The clean end.
    End,
}

/// The body of an answer.
pub(super) enum AnswerBody {
    /// Read from its connection in whatever task asks for it.
    Own(OwnBody),
    /// Carried by hyper.
    Carried(Box<CarriedBody>),
    /// Read to its end.
    Over,
}

/// A body on its own connection.
pub(super) struct OwnBody {
    /// Asked when all is over, so kept out of the way of the bytes.
    place: Box<Place>,
    wire: Wire,
    acks: DelayedAcks,
    /// Read together with the head, where anything was. On the heap, since it is taken once.
    held: Option<Box<BytesMut>>,
    framing: Framing,
    can_be_kept: bool,
    has_closed: bool,
    /// Met and not reported yet.
    failure: Option<BoxError>,
}

/// What one read brought.
struct Brought {
    /// Bytes of data.
    taken: usize,
    /// Nothing more is there at present.
    is_last: bool,
}

/// A body within hyper, whose connection is polled with it.
pub(super) struct CarriedBody {
    pub(super) sender: SendRequest<CallBody>,
    pub(super) connection: Option<Connection<Line, CallBody>>,
    pub(super) incoming: Incoming,
    pub(super) place: Place,
}

impl AnswerBody {
    /// Takes what has arrived; waits if that is nothing.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, sink: Sink<'_>) -> Poll<Result<Step, BoxError>> {
        match self {
            Self::Own(own) => own.poll(cx, sink),
            Self::Carried(carried) => carried.poll(cx).map_ok(|bytes| match bytes {
                Some(bytes) => {
                    sink(&bytes);
                    Step::Arrived
                }
                None => Step::End,
            }),
            Self::Over => Poll::Ready(Ok(Step::End)),
        }
    }

    /// The next bytes as they are.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        if let Self::Carried(carried) = self {
            return carried.poll(cx);
        }
        let mut bytes = BytesMut::new();
        let step = ready!(self.poll(cx, &mut |part| bytes.extend_from_slice(part)))?;
        Poll::Ready(Ok((step == Step::Arrived).then(|| bytes.freeze())))
    }

    /// The end was met: what can serve another ask is kept.
    pub(super) fn end(&mut self) {
        match std::mem::replace(self, Self::Over) {
            Self::Own(own) if own.can_be_kept => own.place.keep(own.wire),
            Self::Carried(carried) => carried.keep(),
            Self::Own(_) | Self::Over => {}
        }
    }
}

impl OwnBody {
    /// The body that follows `head` on `line`; `incoming` is what hyper made of it.
    pub(super) fn new(head: &response::Parts, incoming: &Incoming, line: Line, place: Place) -> Self {
        let (wire, held) = line.into_parts();
        let last_coding = head.headers.get_all(TRANSFER_ENCODING).iter().next_back();
        let is_chunked = last_coding.is_some_and(|value| ends_with_word(value.as_bytes(), b"chunked"));
        let framing = match incoming.size_hint().exact() {
            _ if is_chunked => Framing::chunked(),
            Some(length) if last_coding.is_none() => Framing::Length(length),
            _ => Framing::UntilClose,
        };
        let closes = head.headers.get_all(CONNECTION).iter().any(|value| {
            value.as_bytes().split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
        });
        let can_be_kept = head.version == Version::HTTP_11 && !closes && framing != Framing::UntilClose;
        let acks = DelayedAcks::new();
        let held = (!held.is_empty()).then(|| Box::new(held));
        Self { place: Box::new(place), wire, acks, held, framing, can_be_kept, has_closed: false, failure: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>, sink: Sink<'_>) -> Poll<Result<Step, BoxError>> {
        let mut taken = if self.held.is_none() { 0 } else { self.take_held(sink) };
        let mut may_have_more = true;
        // Who was given nothing, be it for framing alone, must be left waiting for the rest.
        while (may_have_more || taken == 0) && !self.is_over() && taken < ROUND_BYTES_MAX {
            match ROOM.with_borrow_mut(|room| self.read(cx, room, sink)) {
                Poll::Ready(read) => {
                    taken += read.taken;
                    may_have_more = !read.is_last;
                }
                Poll::Pending if taken > 0 => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        // What came before an end or a failure goes first.
        if taken > 0 {
            return Poll::Ready(Ok(Step::Arrived));
        }
        Poll::Ready(match self.failure.take() {
            Some(failure) => Err(failure),
            None if self.framing.is_whole() || self.framing == Framing::UntilClose => Ok(Step::End),
            None => Err("the connection was closed within the body".into()),
        })
    }

    const fn is_over(&self) -> bool {
        self.framing.is_whole() || self.has_closed || self.failure.is_some()
    }

    /// Reads once.
    fn read(&mut self, cx: &mut Context<'_>, room: &mut [u8], sink: Sink<'_>) -> Poll<Brought> {
        if let Some(socket) = self.wire.socket() {
            self.acks.before_read(socket);
        }
        let read = match ready!(self.wire.poll_take(cx, room)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.failure = Some(error.into());
                return Poll::Ready(Brought { taken: 0, is_last: true });
            }
        };
        self.has_closed = read == 0;
        let is_last = read < room.len() && self.wire.is_emptied_by_short_reads();
        Poll::Ready(Brought { taken: self.take(room.get(..read).unwrap_or_default(), sink), is_last })
    }

    #[cold]
    fn take_held(&mut self, sink: Sink<'_>) -> usize {
        let held = self.held.take().unwrap_or_default();
        self.take(&held, sink)
    }

    fn take(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> usize {
        let mut taken = 0;
        loop {
            match self.framing.next(&mut bytes) {
                Ok(Some(data)) => {
                    taken += data.len();
                    sink(data);
                }
                Ok(None) => break,
                Err(bad) => {
                    self.failure = Some(bad.into());
                    break;
                }
            }
        }
        // Bytes behind an answer that nobody asked for: the next answer would begin with them.
        self.can_be_kept &= bytes.is_empty();
        taken
    }
}

impl CarriedBody {
    /// The connection first: it is what brings the bytes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        self.drive(cx);
        loop {
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                None => {
                    self.drive(cx);
                    return Poll::Ready(Ok(None));
                }
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Ok(Some(bytes)));
                    }
                    self.drive(cx);
                }
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.poll_without_shutdown(cx).is_ready()
        {
            // How it ended, the body knows.
            self.connection = None;
        }
    }

    /// Keeps the connection where hyper would use it again.
    fn keep(self) {
        let Self { sender, connection, place, .. } = self;
        let Some(connection) = connection.filter(|_| sender.is_ready()) else { return };
        let parts = connection.into_parts();
        let (wire, held) = parts.io.into_parts();
        if parts.read_buf.is_empty() && held.is_empty() {
            place.keep(wire);
        }
    }
}

/// Whether a list in a header ends with `word`.
fn ends_with_word(list: &[u8], word: &[u8]) -> bool {
    let last = list.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests;

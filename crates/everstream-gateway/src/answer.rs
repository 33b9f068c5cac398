//! What comes of a request to a mount.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use everstream_hub::Stream;
use everstream_log::Offset;
use futures_util::Stream as ByteStream;
use http::{HeaderMap, StatusCode};

use crate::Dialect;
use crate::presence::Caller;

/// Any error, for people.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that come one after another; an error means that they broke off.
pub type BodyStream = Pin<Box<dyn ByteStream<Item = Result<Bytes, BoxError>> + Send>>;

/// What a protocol adapter makes a response of.
#[derive(Debug)]
pub enum Answer {
    /// The upstream's own response: no ask, an error before the first event, or no event stream.
    PassThrough(PassThrough),
    /// The answer is a stream; the response relays it from a position, in its dialect.
    Streaming(Ask),
    /// The answer is a stream, and the caller reads it elsewhere (`Prefer: respond-async`).
    Accepted(Accepted),
    /// The caller has seen everything of a stream that is closed.
    Seen(Stream),
}

/// A response of the upstream, without what belongs to its connection.
pub struct PassThrough {
    /// The upstream's.
    pub status: StatusCode,
    /// The upstream's end-to-end headers.
    pub headers: HeaderMap,
    /// The upstream's, as it comes; an error is an unclean end.
    pub body: BodyStream,
    /// The stream of the ask that got this response, where one was made: it is closed as failed.
    pub stream: Option<Stream>,
}

/// An answer to be relayed to a caller.
#[derive(Debug)]
pub struct Ask {
    /// Where the answer is.
    pub stream: Stream,
    /// The first record the caller has not seen.
    pub from: Offset,
    /// How its events are framed.
    pub dialect: Dialect,
    /// Headers of the upstream's answer that go along (request ids, rate limits); empty when it has none yet.
    pub headers: HeaderMap,
    /// Counts as a connection of the ask; keep it until the response has its own subscription.
    pub caller: Caller,
}

/// An ask whose caller does not wait.
#[derive(Debug)]
pub struct Accepted {
    /// Where the answer is.
    pub stream: Stream,
}

impl fmt::Debug for PassThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassThrough").field("status", &self.status).finish_non_exhaustive()
    }
}

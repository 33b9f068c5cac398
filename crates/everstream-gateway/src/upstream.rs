//! The call upstream: one request, its head, its bytes, and every wait bounded.
//!
//! hyper writes the request and judges the head. From then on a body of events is read in the relay's own task, straight
//! from its connection: what one readiness brings is one turn of one task, without a channel on the way.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use everstream_hub::Tasks;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method};
use hyper::client::conn::http1;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::config::Timeouts;
use crate::header::Framing;
use crate::outcome::OutcomeCode;
use crate::{BodyStream, BoxError, Error, ErrorKind, Mount};
use body::{AnswerBody, CarriedBody, OwnBody};
use connector::Connector;
use line::{Handle, Line};

pub(crate) use answer::UpstreamAnswer;
pub(crate) use connector::{Found, Resolve};
pub(crate) use failure::Failure;
pub use pipe::{FarEnd, InProcessUpstream, Serving};

mod answer;
mod body;
mod chunked;
mod connector;
mod delayed_acks;
mod failure;
mod line;
mod pipe;
mod request;
mod wire;

/// A request, ready to be sent once.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// The body of a request.
pub(crate) enum Body {
    /// It is all there.
    Whole(Bytes),
    /// It goes upstream as it comes.
    Stream(BodyStream),
}

impl Body {
    /// The body of a request with these headers, as it comes. One without any must not be sent on as an empty one in
    /// chunks.
    pub(crate) fn passing(headers: &HeaderMap, body: BodyStream) -> Self {
        let is_there = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        if is_there { Self::Stream(body) } else { Self::Whole(Bytes::new()) }
    }

    pub(crate) const fn framing(&self) -> Framing {
        match self {
            Self::Whole(_) => Framing::Whole,
            Self::Stream(_) => Framing::AsAnnounced,
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("a stream"),
        }
    }
}

/// The HTTP client of one mount on one worker's runtime: its connections are polled where its relays are.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    connector: Connector,
    timeouts: Timeouts,
}

impl Upstream {
    /// A client for `mount`. It follows no redirect, asks no proxy, and sends nothing twice.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up, which is tried only for `https`.
    pub(crate) fn new(mount: &Mount, tasks: &Tasks) -> Result<Self, Error> {
        let connector = match &mount.in_process {
            Some(upstream) => Ok(Connector::in_process(Arc::clone(upstream), mount.timeouts.connect, tasks)),
            None => Connector::new(None, mount.timeouts.connect, mount.url.scheme() == "https", tasks),
        };
        Self::with(connector, mount.timeouts, &format!("upstream {}", mount.name))
    }

    /// A client that connects only where `resolver` leads, for upstreams that callers name.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn guarded(
        resolver: impl Resolve + 'static,
        timeouts: Timeouts,
        has_tls: bool,
        tasks: &Tasks,
    ) -> Result<Self, Error> {
        Self::with(Connector::new(Some(Arc::new(resolver)), timeouts.connect, has_tls, tasks), timeouts, "the proxy")
    }

    fn with(connector: Result<Connector, BoxError>, timeouts: Timeouts, of: &str) -> Result<Self, Error> {
        let connector =
            connector.map_err(|error| Error::new(ErrorKind::Internal, format!("no TLS for {of}")).caused_by(error))?;
        Ok(Self { connector, timeouts })
    }

    /// Sends the call and waits for the head of its answer.
    ///
    /// # Cancel safety
    /// A dropped call closes its connection.
    pub(crate) async fn send(&self, call: Call) -> Result<UpstreamAnswer, Failure> {
        let Timeouts { first_byte, idle, total, .. } = self.timeouts;
        let deadline = total.map(|total| Instant::now() + total);
        match timeout(total.map_or(first_byte, |total| total.min(first_byte)), self.exchange(call)).await {
            Ok(answered) => {
                let (head, body) = answered?;
                Ok(UpstreamAnswer::new(head, body, idle, deadline))
            }
            Err(_) => Err(Failure::new(OutcomeCode::UpstreamTimeout, "the upstream did not begin to answer in time")),
        }
    }

    async fn exchange(&self, call: Call) -> Result<(http::response::Parts, AnswerBody), Failure> {
        let uri = call.url.as_str().parse().map_err(|error: http::uri::InvalidUri| Failure::unreachable(error))?;
        let handle = Arc::new(Handle::default());
        let request = request::of_call(call, Arc::clone(&handle)).map_err(Failure::unreachable)?;
        let place = self.connector.place(&uri);
        let line = Line::new(self.connector.connect(uri, &place).await?, Arc::clone(&handle));
        let (mut sender, connection) = http1::handshake(line).await.map_err(Failure::before_the_head)?;
        let mut connection = Some(connection);
        let mut answer = pin!(sender.send_request(request));
        let answered = std::future::poll_fn(|cx| {
            // The connection first: it is what brings the answer. When it ends, the answer knows how.
            if let Some(line) = &mut connection
                && line.poll_without_shutdown(cx).is_ready()
            {
                connection = None;
            }
            answer.as_mut().poll(cx)
        });
        let (head, incoming) = answered.await.map_err(Failure::before_the_head)?.into_parts();
        answer::check(&head)?;
        let body = match connection {
            Some(connection) if answer::is_event_stream(&head) && handle.is_written() && handle.is_at_body() => {
                AnswerBody::Own(OwnBody::new(&head, &incoming, connection.into_parts().io, place))
            }
            connection => {
                handle.open();
                AnswerBody::Carried(Box::new(CarriedBody { sender, connection, incoming, place }))
            }
        };
        Ok((head, body))
    }
}

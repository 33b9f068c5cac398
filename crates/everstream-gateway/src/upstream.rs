//! The call upstream: one request, its head, its bytes, and every wait bounded.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Url};
use tokio::time::{Instant, Sleep, timeout};

use crate::config::Timeouts;
use crate::header::Framing;
use crate::outcome::{CloseDetail, OutcomeCode};
use crate::{BodyStream, BoxError, Error, ErrorKind, Mount};

/// How long a connection waits for the next ask. Common servers close theirs after five seconds of silence; a request
/// written into such a closing connection is lost and must not be sent again.
const POOL_IDLE_MAX: Duration = Duration::from_secs(4);

/// How much of an answer that nobody waits for is read so that its connection can be used again.
const LEFTOVER_BYTES_MAX: usize = 16 << 10;
const LEFTOVER_WAIT_MAX: Duration = Duration::from_millis(250);

/// How long the beginning of an error's body is waited for.
const BEGINNING_WAIT_MAX: Duration = Duration::from_secs(2);

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
    client: Client,
    timeouts: Timeouts,
}

/// An answer whose head is there.
#[derive(Debug)]
pub(crate) struct UpstreamAnswer {
    response: reqwest::Response,
    idle: Duration,
    deadline: Option<Instant>,
    /// Wakes at the earliest moment at which silence may have lasted too long. It is not moved for every chunk.
    timer: Pin<Box<Sleep>>,
    /// The end, met but not reported yet.
    end: Option<Result<(), Failure>>,
}

/// Why there is no more of an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: OutcomeCode,
    pub(crate) message: &'static str,
    pub(crate) source: Option<BoxError>,
}

impl Upstream {
    /// A client for `mount`.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up, which is tried only for `https`.
    pub(crate) fn new(mount: &Mount) -> Result<Self, Error> {
        let builder = builder(mount.timeouts, mount.url.scheme() == "https");
        Self::build(builder, mount.timeouts, &format!("upstream {}", mount.name))
    }

    /// A client that connects only where `resolver` leads, for upstreams that callers name.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn guarded(resolver: impl Resolve + 'static, timeouts: Timeouts, has_tls: bool) -> Result<Self, Error> {
        Self::build(builder(timeouts, has_tls).dns_resolver(Arc::new(resolver)), timeouts, "the proxy")
    }

    fn build(builder: ClientBuilder, timeouts: Timeouts, of: &str) -> Result<Self, Error> {
        let client = builder
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, format!("no HTTP client for {of}")).caused_by(error))?;
        Ok(Self { client, timeouts })
    }

    /// Sends the call and waits for the head of its answer.
    ///
    /// # Cancel safety
    /// A dropped call closes its connection.
    pub(crate) async fn send(&self, call: Call) -> Result<UpstreamAnswer, Failure> {
        let Timeouts { first_byte, idle, total, .. } = self.timeouts;
        let deadline = total.map(|total| Instant::now() + total);
        let mut request = reqwest::Request::new(call.method, call.url);
        *request.headers_mut() = call.headers;
        *request.body_mut() = match call.body {
            Body::Whole(bytes) if bytes.is_empty() => None,
            Body::Whole(bytes) => Some(bytes.into()),
            Body::Stream(stream) => Some(reqwest::Body::wrap_stream(stream)),
        };
        match timeout(total.map_or(first_byte, |total| total.min(first_byte)), self.client.execute(request)).await {
            Ok(Ok(response)) => {
                let silent_until = Instant::now() + idle;
                let wake = deadline.map_or(silent_until, |deadline| deadline.min(silent_until));
                let timer = Box::pin(tokio::time::sleep_until(wake));
                Ok(UpstreamAnswer { response, idle, deadline, timer, end: None })
            }
            Ok(Err(error)) => Err(Failure::of_head(error.without_url())),
            Err(_) => Err(Failure::new(OutcomeCode::UpstreamTimeout, "the upstream did not begin to answer in time")),
        }
    }
}

/// Follows no redirect, asks no proxy, and sends nothing twice.
fn builder(timeouts: Timeouts, has_tls: bool) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(POOL_IDLE_MAX);
    // A machine without certificate authorities can still talk to its own http upstream.
    if has_tls { builder } else { builder.tls_certs_only([]) }
}

impl UpstreamAnswer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Whether this is an event stream whose events can be read.
    pub(crate) fn is_event_stream(&self) -> bool {
        let value = self.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        self.status() == StatusCode::OK && essence.eq_ignore_ascii_case("text/event-stream") && !self.is_encoded()
    }

    /// Whether its bytes are in a coding (compressed), although nothing but `identity` was accepted.
    pub(crate) fn is_encoded(&self) -> bool {
        let value = self.headers().get(http::header::CONTENT_ENCODING);
        value.is_some_and(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// The beginning of the body, all of it as a rule: `bytes_max` and perhaps a chunk more, as far as it comes within two
    /// seconds. A failure on the way is left for the rest to report.
    ///
    /// # Cancel safety
    /// Dropped, it has lost what it read.
    pub(crate) async fn beginning(&mut self, bytes_max: usize) -> Bytes {
        let mut beginning = BytesMut::new();
        let reading = async {
            while beginning.len() < bytes_max {
                match self.next().await {
                    Ok(Some(bytes)) => beginning.extend_from_slice(&bytes),
                    end => {
                        self.end = Some(end.map(drop));
                        return;
                    }
                }
            }
        };
        let _ = timeout(BEGINNING_WAIT_MAX, reading).await;
        beginning.freeze()
    }

    /// The next bytes; `None` at a clean end.
    ///
    /// # Cancel safety
    /// Safe: no byte is lost.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(end) = self.end.take() {
            return end.map(|()| None);
        }
        let began = Instant::now();
        loop {
            tokio::select! {
                // Both branches are cancel-safe: a chunk is taken only when it is returned.
                biased;
                chunk = self.response.chunk() => {
                    return chunk.map_err(Failure::of_body);
                }
                () = &mut self.timer => {
                    let silent_until = began + self.idle;
                    let wake = self.deadline.map_or(silent_until, |deadline| deadline.min(silent_until));
                    if wake > Instant::now() {
                        self.timer.as_mut().reset(wake);
                    } else if wake == silent_until {
                        return Err(Failure::new(OutcomeCode::UpstreamStalled, "the upstream fell silent"));
                    } else {
                        return Err(Failure::new(OutcomeCode::UpstreamTimeout, "the answer took longer than it may"));
                    }
                }
            }
        }
    }

    /// The next bytes if they have arrived already.
    ///
    /// # Cancel safety
    /// Safe, and it does not wait.
    pub(crate) async fn next_ready(&mut self) -> Option<Bytes> {
        if self.end.is_some() {
            return None;
        }
        let mut chunk = std::pin::pin!(self.response.chunk());
        let step = poll_fn(|cx| Poll::Ready(chunk.as_mut().poll(cx))).await;
        match step {
            Poll::Pending => None,
            Poll::Ready(Ok(Some(bytes))) => Some(bytes),
            // The body would not say it twice.
            Poll::Ready(end) => {
                self.end = Some(end.map(drop).map_err(Failure::of_body));
                None
            }
        }
    }

    /// Reads what little may be left of an answer that is whole, so that its connection goes back to the pool.
    pub(crate) async fn finish(mut self) {
        let rest = async {
            let mut left = LEFTOVER_BYTES_MAX;
            while let Ok(Some(bytes)) = self.next().await {
                match left.checked_sub(bytes.len()) {
                    Some(less) => left = less,
                    None => return,
                }
            }
        };
        let _ = timeout(LEFTOVER_WAIT_MAX, rest).await;
    }

    /// The bytes as a stream that fails where the answer does.
    pub(crate) fn into_stream(self) -> BodyStream {
        Box::pin(futures_util::stream::try_unfold(self, |mut answer| async move {
            match answer.next().await {
                Ok(chunk) => Ok(chunk.map(|bytes| (bytes, answer))),
                Err(failure) => Err(BoxError::from(failure.into_error())),
            }
        }))
    }
}

impl Failure {
    pub(crate) const fn new(code: OutcomeCode, message: &'static str) -> Self {
        Self { code, message, source: None }
    }

    fn of_head(error: reqwest::Error) -> Self {
        let (code, message) = if error.is_timeout() {
            (OutcomeCode::UpstreamTimeout, "the upstream took no connection in time")
        } else if error.is_connect() {
            (OutcomeCode::UpstreamUnreachable, "the upstream cannot be reached")
        } else {
            (OutcomeCode::UpstreamUnreachable, "the upstream broke the connection before it answered")
        };
        Self { code, message, source: Some(Box::new(error)) }
    }

    fn of_body(error: reqwest::Error) -> Self {
        let source = Some(BoxError::from(error.without_url()));
        Self { source, ..Self::new(OutcomeCode::UpstreamCut, "the upstream broke off its answer") }
    }

    pub(crate) fn detail(&self) -> CloseDetail {
        CloseDetail::new(self.code, self.message)
    }

    pub(crate) fn into_error(self) -> Error {
        let error = self.detail().into_error();
        match self.source {
            Some(source) => error.caused_by(source),
            None => error,
        }
    }
}

//! Request bodies that are read whole, within `max_body_bytes`; and how long any but a streaming append's may be silent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Sleep, sleep};

use crate::app::App;
use crate::config::{ByteSize, Config};
use crate::problem::{Code, Problem};
use crate::protocols::streams::PREFIX;

/// Asks for an append that goes on as long as the body does.
pub const EVERSTREAM_APPEND: HeaderName = HeaderName::from_static("everstream-append");

/// A whole request body, as an extractor. The bound is `max_body_bytes`; a refused body is not read further.
#[derive(Debug, Clone)]
pub struct WholeBody(pub Bytes);

impl FromRequest<App> for WholeBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read_whole(request.into_body(), app.config.max_body_bytes).await.map(Self)
    }
}

/// Reads `body` to its end.
///
/// # Errors
/// `body_too_large` over `bytes_max`, `incomplete_body` when the client broke off or fell silent.
///
/// # Cancel safety
/// Dropped, it has lost what it read.
pub async fn read_whole(body: Body, bytes_max: ByteSize) -> Result<Bytes, Problem> {
    match Limited::new(body, bytes_max.0).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(error) => Err(Problem::new(Code::IncompleteBody, format!("the body broke off: {error}"))),
    }
}

/// Has the request's body break off once nothing of it has come for `idle_timeout`: half a request must not keep its
/// connection, and what was read of it, for as long as its client likes. A streaming append may be silent; what only says
/// so, at a place that takes none, may not.
#[must_use]
pub fn never_silent(request: Request, config: &Config) -> Request {
    let takes_streaming_appends = request.method() == Method::POST && request.uri().path().starts_with(PREFIX);
    if request.body().is_end_stream() || takes_streaming_appends && is_streaming_append(request.headers()) {
        return request;
    }
    let silence_max = config.idle_timeout;
    request.map(|inner| Body::new(NeverSilent { inner, silence_max, silence: None }))
}

/// See [`never_silent`]. That of `tower-http` 0.6 hides how long the body is, sets a timer also for bodies that are there,
/// and takes a reader that comes late for a silent client.
struct NeverSilent {
    inner: Body,
    silence_max: Duration,
    /// Runs while something is waited for; most bodies are there with their heads.
    silence: Option<Pin<Box<Sleep>>>,
}

/// A body of which nothing came for so long.
#[derive(Debug)]
struct Silent(Duration);

impl http_body::Body for NeverSilent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        let silence_max = this.silence_max;
        ready!(this.silence.get_or_insert_with(|| Box::pin(sleep(silence_max))).as_mut().poll(cx));
        Poll::Ready(Some(Err(Silent(silence_max).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing came for {:?}, which is idle_timeout", self.0)
    }
}

impl std::error::Error for Silent {}

/// The refusal of a body over `bytes_max`.
#[must_use]
pub fn too_large(bytes_max: ByteSize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is over max_body_bytes ({bytes_max})"))
}

/// Whether the request asks for a streaming append, whose body has no bound of its own.
#[must_use]
pub fn is_streaming_append(headers: &HeaderMap) -> bool {
    headers.get(EVERSTREAM_APPEND).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"streaming"))
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use tokio::time::{Instant, interval_at};

    use super::*;

    const BYTES_MAX: ByteSize = ByteSize(100);

    /// A request whose body's pieces come `apart`, and which never ends.
    fn request(pieces: &'static [&'static str], apart: Duration) -> Request {
        let ticks = interval_at(Instant::now() + apart, apart);
        let pieces = stream::unfold((ticks, pieces.iter()), |(mut ticks, mut pieces)| async {
            let piece = pieces.next()?;
            ticks.tick().await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())), (ticks, pieces)))
        });
        Request::new(Body::from_stream(pieces.chain(stream::pending())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_falls_silent_has_broken_off_and_one_that_comes_slowly_has_not() {
        let config = Config::defaults().unwrap();
        let apart = config.idle_timeout - Duration::from_millis(10);
        let begun = Instant::now();
        let body = never_silent(request(&["a", "b", "c"], apart), &config).into_body();
        assert_eq!(read_whole(body, BYTES_MAX).await.unwrap_err().code(), Code::IncompleteBody);
        assert_eq!(begun.elapsed(), 3 * apart + config.idle_timeout);
        for (bytes, code) in [(100, None), (101, Some(Code::BodyTooLarge))] {
            let body = never_silent(Request::new("a".repeat(bytes).into()), &config).into_body();
            assert_eq!(read_whole(body, BYTES_MAX).await.err().map(|problem| problem.code()), code);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_streaming_append_may_be_silent_and_nothing_else_that_says_it_is_one() {
        let config = Config::defaults().unwrap();
        for (method, path, may_be_silent) in
            [("POST", "/v1/stream/a", true), ("PUT", "/v1/stream/a", false), ("POST", "/openai/v1/chat", false)]
        {
            let mut request = request(&["a", "b"], 10 * config.idle_timeout);
            request.headers_mut().insert(EVERSTREAM_APPEND, http::HeaderValue::from_static("streaming"));
            (*request.method_mut(), *request.uri_mut()) = (method.parse().unwrap(), path.parse().unwrap());
            let mut body = never_silent(request, &config).into_body();
            assert_eq!(body.frame().await.unwrap().is_ok(), may_be_silent, "{method} {path}");
        }
    }
}

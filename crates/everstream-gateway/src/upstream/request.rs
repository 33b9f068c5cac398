//! The request as it goes to hyper.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT, HOST, InvalidHeaderValue};
use http::uri::InvalidUri;
use http::{HeaderValue, Request};
use http_body::{Frame, SizeHint};
use url::Url;

use super::line::Handle;
use super::{Body, Call};
use crate::{BodyStream, BoxError};

/// The body of a request, which says when all of it was taken.
pub(super) struct CallBody {
    rest: Rest,
    handle: Arc<Handle>,
}

enum Rest {
    Nothing,
    Whole(Bytes),
    Stream(BodyStream),
}

/// The request of `call`, addressed as an origin server wants it (RFC 9112, 3.2.1).
///
/// # Errors
/// The URL is none that HTTP can ask for.
pub(super) fn of_call(call: Call, handle: Arc<Handle>) -> Result<Request<CallBody>, BoxError> {
    let Call { method, url, mut headers, body } = call;
    headers.insert(HOST, host(&url)?);
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let mut request = Request::new(CallBody::new(body, handle));
    *request.method_mut() = method;
    *request.uri_mut() = target(&url)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn host(url: &Url) -> Result<HeaderValue, InvalidHeaderValue> {
    let name = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => HeaderValue::try_from(format!("{name}:{port}")),
        None => HeaderValue::from_str(name),
    }
}

fn target(url: &Url) -> Result<http::Uri, InvalidUri> {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()).parse(),
        None => url.path().parse(),
    }
}

impl CallBody {
    fn new(body: Body, handle: Arc<Handle>) -> Self {
        let rest = match body {
            Body::Whole(bytes) if bytes.is_empty() => {
                handle.body_taken();
                Rest::Nothing
            }
            Body::Whole(bytes) => Rest::Whole(bytes),
            Body::Stream(stream) => Rest::Stream(stream),
        };
        Self { rest, handle }
    }
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let next = match &mut this.rest {
            Rest::Nothing => None,
            Rest::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Rest::Stream(stream) => ready!(stream.as_mut().poll_next(cx)),
        };
        if !matches!((&this.rest, &next), (Rest::Stream(_), Some(Ok(_)))) {
            this.rest = Rest::Nothing;
            this.handle.body_taken();
        }
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Nothing => SizeHint::with_exact(0),
            Rest::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Rest::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected_host: &str, expected_target: &str) {
        let url = Url::parse(url).unwrap();
        assert_eq!(host(&url).unwrap(), expected_host);
        assert_eq!(target(&url).unwrap().to_string(), expected_target);
    }

    #[test]
    fn a_request_names_its_host_and_the_target_there() {
        check("https://api.example.com/v1/chat?x=1&y=%20", "api.example.com", "/v1/chat?x=1&y=%20");
        check("http://api.example.com:80", "api.example.com", "/");
        check("http://[::1]:8080/a", "[::1]:8080", "/a");
    }
}

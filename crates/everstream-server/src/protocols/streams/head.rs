//! The heads of responses: what a stream says about itself in headers.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use everstream_hub::{ContentKind, End, Stream, StreamState};
use everstream_log::{Closure, Expiry, Offset};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::expiry::rfc3339;
use super::position::Position;
use super::query::Query;
use super::{not_acceptable, resume, state, subscribe};
use crate::accept::{Accept, EVENT_STREAM};
use crate::access::{Grant, Read};
use crate::app::App;
use crate::head_only::HeadOnly;
use crate::problem::Problem;
use crate::sse_body::{self, STREAM_EPOCH};

pub(crate) const NEXT_OFFSET: HeaderName = HeaderName::from_static("stream-next-offset");
pub(super) const UP_TO_DATE: HeaderName = HeaderName::from_static("stream-up-to-date");
pub(super) const CLOSED: HeaderName = HeaderName::from_static("stream-closed");
pub(super) const CLOSE_REASON: HeaderName = HeaderName::from_static("stream-close-reason");
pub(super) const TTL: HeaderName = HeaderName::from_static("stream-ttl");
pub(super) const EXPIRES_AT: HeaderName = HeaderName::from_static("stream-expires-at");
const DATA_ENCODING: HeaderName = HeaderName::from_static("stream-sse-data-encoding");

pub(super) const TRUE: HeaderValue = HeaderValue::from_static("true");

/// `HEAD`: the head that the same `GET` would have, without a subscription and without a read.
pub(super) async fn head(
    State(app): State<App>,
    grant: Grant<Read>,
    query: Query,
    parts: Parts,
) -> Result<Response, Problem> {
    let stream = app.hub.stream(grant.stream()).await?;
    let accept = Accept::of(&parts.headers);
    if query.one("view")?.is_none() && accept.names(EVENT_STREAM) {
        let start = resume::start(&parts.headers, &query, &resume::Wish::default())?;
        if stream.resume(start).has_seen_end {
            return Ok(subscribe::seen_to_the_end(&stream));
        }
        let headers = subscription(stream.content(), sse_body::head(stream.epoch()));
        return Ok((headers, Body::new(HeadOnly)).into_response());
    }
    let state = stream.state();
    let offered = if query.one("view")?.is_some() { state::CONTENT_TYPE } else { state.settings.content_type.as_str() };
    if !accept.allows(offered) {
        return Err(not_acceptable(offered));
    }
    let mut headers = describe(&state);
    headers.insert(CONTENT_TYPE, value(offered));
    Ok((headers, Body::new(HeadOnly)).into_response())
}

/// The head of a subscription: binary records travel as base64, which the client has to know.
pub(super) fn subscription(content: ContentKind, mut headers: HeaderMap) -> HeaderMap {
    if content == ContentKind::Binary {
        headers.insert(DATA_ENCODING, HeaderValue::from_static("base64"));
    }
    headers
}

/// Everything a stream says about itself, its type included.
pub(super) fn describe(state: &StreamState) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, value(&state.settings.content_type));
    if may_be_document(&state.settings.content_type) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NEXT_OFFSET, offset(Position(state.tail)));
    headers.insert(STREAM_EPOCH, value(state.epoch.as_str()));
    match state.settings.expiry {
        Expiry::Never => {}
        Expiry::Idle(ttl) => {
            headers.insert(TTL, HeaderValue::from(ttl.as_secs()));
        }
        Expiry::At(at) => {
            headers.insert(EXPIRES_AT, value(&rfc3339(at)));
        }
    }
    if let Some(End::Closed(closure)) = &state.end {
        closed(&mut headers, closure);
    }
    headers
}

/// Whether a browser may make a page of this type, which would run a publisher's scripts as the server's own page.
fn may_be_document(content_type: &str) -> bool {
    let has = |word: &[u8]| content_type.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"html") || has(b"xml") || has(b"xsl") || has(b"multipart")
}

/// How far an append has come, and the stream's end if it is reached.
pub(super) fn progress(stream: &Stream, next: Offset) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NEXT_OFFSET, offset(Position(next)));
    headers.insert(STREAM_EPOCH, value(stream.epoch().as_str()));
    if let Some(End::Closed(closure)) = stream.state().end {
        closed(&mut headers, &closure);
    }
    headers
}

/// The end of a stream, for those who have reached it.
pub(super) fn closed(headers: &mut HeaderMap, closure: &Closure) {
    headers.insert(CLOSED, TRUE);
    headers.insert(CLOSE_REASON, HeaderValue::from_static(closure.reason.as_str()));
}

/// An offset as a header value.
pub(super) fn offset(position: Position) -> HeaderValue {
    value(&position.to_string())
}

/// Text that came from a header or from ourselves, and so fits into one.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

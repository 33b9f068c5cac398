//! The native subscription: a plain EventSource on the stream's own URL.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use everstream_hub::{End, Start, Stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::query::Query;
use super::resume::{self, Wish};
use super::{head, not_acceptable, payload};
use crate::accept::{Accept, EVENT_STREAM};
use crate::access::{Grant, Read};
use crate::app::App;
use crate::body::read_whole;
use crate::config::ByteSize;
use crate::problem::{Code, Problem};
use crate::sse_body::{self, Native, NativeStart, PulseConfig, STREAM_EPOCH, SseBody};

/// The most bytes of a subscription's request body.
const WISH_BYTES_MAX: ByteSize = ByteSize(64 << 10);

/// `GET`: resume point in the header or the query.
pub(super) async fn get(
    app: &App,
    grant: &Grant<Read>,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Response, Problem> {
    subscribe(app, grant, resume::start(headers, query, &Wish::default())?).await
}

/// `POST ?action=subscribe`: for clients that must send a body.
pub(super) async fn post(
    app: &App,
    grant: &Grant<Read>,
    parts: &Parts,
    query: &Query,
    body: Body,
) -> Result<Response, Problem> {
    if !Accept::of(&parts.headers).allows(EVENT_STREAM) {
        return Err(not_acceptable(EVENT_STREAM));
    }
    let wish = wish(&parts.headers, body).await?;
    subscribe(app, grant, resume::start(&parts.headers, query, &wish)?).await
}

async fn subscribe(app: &App, grant: &Grant<Read>, start: Start) -> Result<Response, Problem> {
    let stream = app.hub.stream(grant.stream()).await?;
    let opening = stream.resume(start);
    if opening.has_seen_end {
        return Ok(seen_to_the_end(&stream));
    }
    // A viewer that saw every record of a closed stream lacks its close and nothing else.
    let state = stream.state();
    let has_seen_all = matches!(start, Start::After(_)) && opening.reset.is_none() && opening.from == state.tail;
    let native_start = match state.end {
        Some(End::Closed(_)) if has_seen_all => NativeStart::CloseAlone,
        _ => NativeStart::of(&opening),
    };
    let subscription = stream.subscribe(opening.from)?;
    let voice = Native::new(native_start, app.config.retry, fastrand::Rng::new());
    let pulse = PulseConfig { keep_alive: app.config.keep_alive.get(), age_max: app.config.max_subscription_age.get() };
    let draining = app.hub.tasks().draining();
    let mut response = sse_body::respond(SseBody::new(subscription, voice, pulse, draining));
    let headers = std::mem::take(response.headers_mut());
    *response.headers_mut() = head::subscription(stream.content(), headers);
    Ok(response)
}

/// 204 ends EventSource's reconnect loop: there is nothing left that its client has not seen.
pub(super) fn seen_to_the_end(stream: &Stream) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(epoch) = HeaderValue::from_str(stream.epoch().as_str()) {
        headers.insert(STREAM_EPOCH, epoch);
    }
    response
}

async fn wish(headers: &HeaderMap, body: Body) -> Result<Wish, Problem> {
    let body = read_whole(body, WISH_BYTES_MAX).await.map_err(|problem| match problem.code() {
        Code::BodyTooLarge => {
            Problem::new(Code::BodyTooLarge, format!("a resume point takes at most {WISH_BYTES_MAX}"))
        }
        _ => problem,
    })?;
    if body.is_empty() {
        return Ok(Wish::default());
    }
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let content_type = content_type.as_deref().unwrap_or_default();
    if !payload::essence(content_type).eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Code::UnsupportedMediaType, "the body of a subscription is JSON, or empty").about(
            "content-type",
            content_type,
            "application/json",
        ));
    }
    // Through a map, since serde would take an array for the fields in their order.
    let members = serde_json::from_slice::<serde_json::Map<_, _>>(&body);
    members.and_then(|members| serde_json::from_value(members.into())).map_err(|error| {
        Problem::new(Code::InvalidBody, format!("the body is no resume point: {error}")).about(
            "body",
            String::from_utf8_lossy(&body),
            r#"{"last_event_id":"k3v9x2ab-42"}"#,
        )
    })
}

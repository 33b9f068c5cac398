//! Answers of the gateway as responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use everstream_gateway::{Accepted, Answer, Ask, PassThrough};
use everstream_hub::{End, Stream};
use http::header::{CACHE_CONTROL, CONTENT_LOCATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::app::App;
use crate::problem::Problem;
use crate::protocols::streams::PREFIX;
use crate::sse_body::{self, Dialect, PulseConfig, STREAM_EPOCH, SseBody};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const STREAM_CLOSED: HeaderName = HeaderName::from_static("stream-closed");
const STREAM_CLOSE_REASON: HeaderName = HeaderName::from_static("stream-close-reason");
const STREAM_ID: HeaderName = HeaderName::from_static("stream-id");

/// What the caller of an asynchronous ask needs to go on.
#[derive(Debug, Serialize)]
struct Started<'a> {
    id: &'a str,
    url: String,
    stop_url: String,
}

/// The response for `answer`.
///
/// # Errors
/// `overloaded` when the stream has as many subscribers as it may have.
pub(super) fn respond(app: &App, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::PassThrough(passage) => Ok(pass_through(passage)),
        Answer::Streaming(ask) => stream(app, ask),
        Answer::Accepted(accepted) => Ok(self::accepted(&accepted)),
        Answer::Seen(stream) => Ok(seen(&stream)),
    }
}

/// The URL of a stream on this server. Every character of a name may stand in a path as it is.
pub(super) fn url(stream: &Stream) -> String {
    format!("{PREFIX}{}", stream.name())
}

/// The URL that stops this incarnation and no later one.
fn stop_url(stream: &Stream) -> String {
    format!("{}?action=stop&epoch={}", url(stream), stream.epoch())
}

/// The short name: what comes after `asks/`, or the name the caller chose.
pub(super) fn id(stream: &Stream) -> &str {
    let name = stream.name().as_str();
    name.strip_prefix("asks/").unwrap_or(name)
}

/// Where the answer is, for whoever wants to come back to it.
fn tell_place(headers: &mut HeaderMap, stream: &Stream) {
    let values = [
        (CONTENT_LOCATION, url(stream)),
        (STREAM_ID, id(stream).to_owned()),
        (STREAM_EPOCH, stream.epoch().to_string()),
    ];
    for (name, value) in values {
        // Names and epochs are visible ASCII.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

fn stream(app: &App, ask: Ask) -> Result<Response, Problem> {
    let Ask { stream, from, dialect, headers, caller } = ask;
    let subscription = stream.subscribe(from)?;
    // From here on the subscription is the connection that the ask's policy counts.
    drop(caller);
    let pulse = PulseConfig { keep_alive: app.config.keep_alive.get(), age_max: app.config.max_subscription_age.get() };
    let voice = Dialect::new(move |end: &End| dialect.error_event(end));
    let draining = app.hub.tasks().draining();
    let mut response = sse_body::respond(SseBody::new(subscription, voice, pulse, draining));
    let ours = std::mem::replace(response.headers_mut(), headers);
    response.headers_mut().extend(ours);
    tell_place(response.headers_mut(), &stream);
    Ok(response)
}

fn accepted(accepted: &Accepted) -> Response {
    let stream = &accepted.stream;
    let started = Started { id: id(stream), url: url(stream), stop_url: stop_url(stream) };
    // Three strings always serialise.
    let body = serde_json::to_vec(&started).unwrap_or_default();
    let mut response = (StatusCode::ACCEPTED, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
    tell_place(headers, stream);
    // The body is about the answer, which is elsewhere.
    if let Some(place) = headers.remove(CONTENT_LOCATION) {
        headers.insert(LOCATION, place);
    }
    response
}

/// 204: there is nothing left that the caller has not seen. How it ended stands in the head, since a prefix must not pass
/// for a whole answer.
fn seen(stream: &Stream) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(STREAM_CLOSED, HeaderValue::from_static("true"));
    if let Some(End::Closed(closure)) = stream.state().end {
        headers.insert(STREAM_CLOSE_REASON, HeaderValue::from_static(closure.reason.as_str()));
    }
    tell_place(headers, stream);
    response
}

fn pass_through(passage: PassThrough) -> Response {
    let mut response = Response::new(Body::from_stream(passage.body));
    *response.status_mut() = passage.status;
    *response.headers_mut() = passage.headers;
    if let Some(stream) = &passage.stream {
        tell_place(response.headers_mut(), stream);
    }
    response
}

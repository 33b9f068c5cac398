//! `POST /v1/stream/asks?action=stop&idempotency_key=…`: stop an ask by its caller's key, also before it exists.

use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use everstream_gateway::{Dialect, StoppedByKey};
use everstream_hub::Stream;
use everstream_log::CloseReason;
use futures_util::future::Either;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;

use super::{refusal, reply};
use crate::app::App;

const PATH: &str = "/v1/stream/asks";

/// The state of the stopped ask.
#[derive(Debug, Serialize)]
struct Ended<'a> {
    id: &'a str,
    url: String,
    state: &'static str,
    close_reason: &'static str,
}

/// The layer that takes such a stop off the way to the stream `asks`, which may be there as any other. All other requests
/// take no room for it in their tasks.
pub fn stop_by_key(State(app): State<App>, request: Request, next: Next) -> impl Future<Output = Response> {
    let is_to_asks = request.method() == Method::POST && request.uri().path() == PATH;
    match is_to_asks.then(|| key(request.uri(), request.headers())).flatten() {
        Some(key) => Either::Left(Box::pin(stop(app, key))),
        None => Either::Right(next.run(request)),
    }
}

async fn stop(app: App, key: String) -> Response {
    match app.gateway.stop_by_key(&key).await {
        Ok(StoppedByKey::Now(stream) | StoppedByKey::Before(stream)) => {
            respond(StatusCode::ACCEPTED, &stream, CloseReason::Stopped)
        }
        Ok(StoppedByKey::AlreadyEnded(stream, closure)) => respond(StatusCode::OK, &stream, closure.reason),
        Err(error) => refusal::respond(error, Dialect::Sse),
    }
}

/// The key in the query (where `sendBeacon` can put it) or the header; `None` when this is no stop by key.
fn key(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let value = |name: &str| pairs.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    if value("action").as_deref() != Some("stop") {
        return None;
    }
    let header = || headers.get("idempotency-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    value("idempotency_key").or_else(header)
}

fn respond(status: StatusCode, stream: &Stream, reason: CloseReason) -> Response {
    let state =
        Ended { id: reply::id(stream), url: reply::url(stream), state: "closed", close_reason: reason.as_str() };
    // Four strings always serialise.
    let body = serde_json::to_vec(&state).unwrap_or_default();
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

//! `GET ?view=state`: what is known about a stream, as JSON.

use axum::response::{IntoResponse, Response};
use everstream_hub::{End, EventId, Stream};
use http::header::{self, CACHE_CONTROL};
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::expiry::rfc3339;
use super::fork;
use super::position::Position;
use crate::access::{Grant, Read};
use crate::app::App;
use crate::problem::Problem;

pub(super) const CONTENT_TYPE: &str = "application/json";

/// The document. `next_event_id` is the position at the tail: a subscription from it gets what comes next.
#[derive(Debug, Serialize)]
struct Document<'a> {
    path: &'a str,
    epoch: &'a str,
    content_type: &'a str,
    state: &'static str,
    close_reason: Option<&'static str>,
    created_at: String,
    next_event_id: String,
    records: u64,
    bytes: u64,
    expires_at: Option<String>,
    /// `null` for a stream that is no fork.
    forked_from: Option<Origin>,
    subscribers: usize,
}

/// Which stream a fork was made from, and the offset of the first record that is its own.
#[derive(Debug, Serialize)]
struct Origin {
    path: String,
    offset: String,
}

/// The state of the granted stream.
pub(super) async fn state(app: &App, grant: &Grant<Read>) -> Result<Response, Problem> {
    Ok(respond(&app.hub.stream(grant.stream()).await?))
}

/// The state of `stream` as a response.
pub(super) fn respond(stream: &Stream) -> Response {
    let state = stream.state();
    let close_reason = state.end.as_ref().map(|end| match end {
        End::Closed(closure) => closure.reason.as_str(),
        End::Deleted => "deleted",
        End::Expired => "expired",
    });
    let document = Document {
        path: stream.name().as_str(),
        epoch: state.epoch.as_str(),
        content_type: &state.settings.content_type,
        state: if close_reason.is_some() { "closed" } else { "open" },
        close_reason,
        created_at: rfc3339(state.created_at),
        next_event_id: EventId::new(state.epoch, state.tail).to_string(),
        records: state.tail.since(state.first),
        bytes: state.bytes,
        expires_at: state.expires_at.map(rfc3339),
        forked_from: state
            .forked_from
            .map(|from| Origin { path: fork::path(&from.name), offset: Position(from.base).to_string() }),
        subscribers: state.subscribers,
    };
    json(&document).into_response()
}

/// `document` as JSON that nobody keeps: it is of this moment.
pub(super) fn json(document: &impl Serialize) -> ([(HeaderName, HeaderValue); 2], Vec<u8>) {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    // Strings and numbers always serialise.
    (headers, serde_json::to_vec(document).unwrap_or_default())
}

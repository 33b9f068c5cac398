//! The events of our own around a stream's events: retry, reset, close, keep-alive.

use std::time::Duration;

use bytes::Bytes;
use everstream_codec::encode;
use everstream_hub::{EventId, Reset};
use serde::Serialize;
use serde_json::Value;

/// One line, no blank line after it: official SDKs make an event of a blank line once they have seen an id.
pub(crate) fn keep_alive() -> Bytes {
    Bytes::from_static(b": keep-alive\n")
}

#[derive(Serialize)]
struct ResetFields {
    reason: &'static str,
    first: String,
    next: String,
}

#[derive(Serialize)]
struct CloseFields<'a> {
    reason: &'a str,
    detail: Value,
    next: String,
}

/// The reconnection time; a block of its own, or the first line of one.
pub(crate) fn retry(out: &mut Vec<u8>, reconnection_time: Duration) {
    encode::retry(out, reconnection_time);
}

/// The position without an event: what a client that saw nothing yet resumes from.
pub(super) fn position(out: &mut Vec<u8>, id: EventId) {
    encode::id(out, &id.to_string());
    encode::end(out);
}

/// The news that the presented id is worthless. It has no id, so that a client cut right behind it is told again.
pub(crate) fn reset(out: &mut Vec<u8>, reset: Reset) {
    let data =
        ResetFields { reason: reset.reason.as_str(), first: reset.first.to_string(), next: reset.next.to_string() };
    event(out, "reset", &data);
}

/// The end of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct CloseEvent<'a> {
    /// Set when the end is in the log, and so has a position.
    pub(super) id: Option<EventId>,
    pub(super) reason: &'a str,
    /// JSON, any other text, or nothing.
    pub(super) detail: &'a [u8],
    pub(super) next: EventId,
}

/// The close event: always the last one.
pub(super) fn close(out: &mut Vec<u8>, close: CloseEvent<'_>) {
    if let Some(id) = close.id {
        encode::id(out, &id.to_string());
    }
    event(
        out,
        "close",
        &CloseFields { reason: close.reason, detail: detail(close.detail), next: close.next.to_string() },
    );
}

/// A detail that is no JSON goes out as a string: the log keeps it opaque, so it can be anything.
fn detail(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

fn event(out: &mut Vec<u8>, event_type: &'static str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event_type.as_bytes());
    out.push(b'\n');
    // Strings and values always serialise, onto one line.
    encode::data(out, &serde_json::to_vec(data).unwrap_or_default());
    encode::end(out);
}

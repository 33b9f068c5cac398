//! What is wrong, in the protocol's words: `{"error":{"code","message"}}` as plain JSON. Our own problem's members stand
//! beside it, so that nobody has to do without the field, the value and the example.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::problem::Code;

/// Problems are short; this is more than any has.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// Says a problem document, whoever made it, in the protocol's words. Everything else passes.
pub(super) async fn in_their_words(response: Response) -> Response {
    let is_problem =
        response.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/problem+json");
    if !is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let document = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(&document) else {
        return Response::from_parts(parts, Body::from(document));
    };
    let own = members.get("code").and_then(Value::as_str).unwrap_or_default();
    let (code, status) = their_code(own, parts.status);
    let message = members.get("detail").cloned().unwrap_or_default();
    members.insert("status".to_owned(), status.as_u16().into());
    members.insert("error".to_owned(), json!({ "code": code, "message": message }));
    parts.status = status;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CONTENT_LENGTH);
    // A map of JSON values always serialises.
    Response::from_parts(parts, Body::from(serde_json::to_vec(&members).unwrap_or_default()))
}

/// The protocol's code and status. Its codes are ours in capitals, but for those that it has one for several of ours.
fn their_code(own: &str, status: StatusCode) -> (String, StatusCode) {
    let upstream = [Code::UpstreamUnreachable, Code::UpstreamFailed];
    let storage = [Code::StorageFailed, Code::LogReadOnly];
    let is_of = |codes: &[Code]| codes.iter().any(|code| code.as_str() == own);
    if is_of(&[Code::PathNotFound]) {
        ("NOT_FOUND".to_owned(), status)
    } else if is_of(&upstream) {
        ("UPSTREAM_ERROR".to_owned(), status)
    } else if is_of(&storage) {
        ("STORAGE_ERROR".to_owned(), StatusCode::BAD_GATEWAY)
    } else {
        (own.to_ascii_uppercase(), status)
    }
}

//! Refused asks: a problem document that SDKs of the upstream's dialect understand as well.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use everstream_gateway::{Dialect, Error, ErrorKind};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::problem::Problem;

/// Official SDKs repeat a 409 by themselves unless this says no.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The response for `error`. An upstream's status is told on as it was.
pub(super) fn respond(error: Error, dialect: Dialect) -> Response {
    let told_on = match error.kind() {
        ErrorKind::UpstreamFailed(status) => status,
        _ => None,
    };
    let problem = Problem::from(error);
    let status = told_on.unwrap_or_else(|| problem.status());
    let document = document(&problem, status, dialect);
    let (mut parts, _) = problem.into_response().into_parts();
    parts.status = status;
    if status == StatusCode::CONFLICT {
        parts.headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    Response::from_parts(parts, Body::from(document))
}

fn document(problem: &Problem, status: StatusCode, dialect: Dialect) -> Vec<u8> {
    let plain = problem.to_json();
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&plain) else { return plain };
    members.insert("status".to_owned(), status.as_u16().into());
    if let Some(error) = dialect.error_member(problem.detail(), problem.code().as_str()) {
        members.insert("error".to_owned(), error);
    }
    serde_json::to_vec(&members).unwrap_or(plain)
}

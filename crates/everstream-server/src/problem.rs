//! What a client is told when a request is refused: RFC 9457 problem documents.
//!
//! This is the only place that turns an error of an inner crate into an HTTP status. A [`Code`] is stable and made
//! to branch on; `detail` is for people and may change.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

pub use code::Code;

mod code;
mod error_kind;

/// A refusal, ready to be sent as `application/problem+json`.
///
/// ```
/// use everstream_server::problem::{Code, Problem};
///
/// let problem = Problem::new(Code::InvalidParameter, "`from` is neither `start`, `now` nor an event id")
///     .about("from", "yesterday", "now");
/// assert_eq!(problem.status(), 400);
/// ```
#[derive(Debug)]
pub struct Problem(Box<Refusal>);

/// Boxed, so that results which are nearly always `Ok` stay small.
#[derive(Debug)]
struct Refusal {
    code: Code,
    detail: String,
    subject: Option<Subject>,
    headers: HeaderMap,
}

/// The value that was wrong, and one that is right.
#[derive(Debug, Serialize)]
struct Subject {
    field: String,
    value: String,
    example: String,
}

/// The longest piece of a refused value that is sent back, in bytes: enough to recognise it.
const VALUE_BYTES_MAX: usize = 200;

impl Problem {
    /// A refusal for the reason `code`; `detail` is a sentence for a person, without a full stop.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Refusal { code, detail: detail.into(), subject: None, headers: HeaderMap::new() }))
    }

    /// Names the `field` that was wrong, the `value` it had (shortened to 200 bytes) and a lawful `example`.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>, value: impl Into<String>, example: impl Into<String>) -> Self {
        let mut value = value.into();
        if value.len() > VALUE_BYTES_MAX {
            value.truncate(value.floor_char_boundary(VALUE_BYTES_MAX));
            value.push('…');
        }
        self.0.subject = Some(Subject { field: field.into(), value, example: example.into() });
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Says when to try again (`Retry-After`, in whole seconds).
    #[must_use]
    pub fn retry_after_seconds(self, seconds: u32) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 405 for a resource that has only the methods in `allow`, written as the `Allow` header wants them.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(Code::MethodNotAllowed, format!("this resource has {allow}"))
            .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    /// The reason, to branch on.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The status it is sent with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    /// The sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The document as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let document = Document {
            kind: format!("/problems/{}", self.0.code.as_str()),
            title: self.0.code.title(),
            status: self.status().as_u16(),
            detail: &self.0.detail,
            code: self.0.code.as_str(),
            subject: self.0.subject.as_ref(),
        };
        // Strings and a number always serialise.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl Problem {
    /// The whole HTTP/1.1 response, for a connection that is closed with it.
    pub(crate) fn to_wire(&self) -> Vec<u8> {
        let body = self.to_json();
        let mut wire = format!("HTTP/1.1 {}\r\n", self.status()).into_bytes();
        for (name, value) in &self.0.headers {
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        let length = body.len();
        let rest = format!(
            "content-type: application/problem+json\r\ncache-control: no-store\r\n\
             x-content-type-options: nosniff\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        wire.extend_from_slice(rest.as_bytes());
        wire.extend_from_slice(&body);
        wire
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(flatten)]
    subject: Option<&'a Subject>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.extend(self.0.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // A refusal belongs to this request alone: a cached 404 would outlive the stream's making.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Also where no layer adds it: a head that is refused before it is routed.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests;

//! How a client reached this server, for URLs that are told back to it.

use http::HeaderName;
use http::header::HOST;
use http::request::Parts;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Scheme and host, without a slash at the end: `http://127.0.0.1:8000`. `None` without a usable `Host`.
#[must_use]
pub fn of(parts: &Parts) -> Option<String> {
    let host = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => parts.headers.get(HOST)?.to_str().ok()?,
    };
    // Told back only to the client that says so, so that nobody else is misled by a wrong one.
    let is_https = parts.headers.get(FORWARDED_PROTO).is_some_and(|proto| proto == "https");
    let scheme = if is_https { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}

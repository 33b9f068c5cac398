//! Which pages may call the server: an exact list of origins, none by default.
//!
//! Every answer carries the headers, refusals too, or a page could not read why it was refused. Without configured
//! origins none is sent but in a preflight, which grants nothing to an origin that it does not name.
//!
//! The proxy is for every page (its protocol says so): what its URLs and secrets allow does not depend on who the browser
//! is, as cookies would.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::proxy_gate::is_proxy_path;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");

/// What a page may send besides what every page may. Spelled out, since `*` is no wildcard with credentials and never
/// covers `Authorization`.
const REQUEST_HEADERS: [&str; 22] = [
    "accept",
    "authorization",
    "cache-control",
    "content-type",
    "everstream-append",
    "everstream-on-disconnect",
    "everstream-stream",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "prefer",
    "producer-epoch",
    "producer-id",
    "producer-seq",
    "stream-close-reason",
    "stream-closed",
    "stream-expires-at",
    "stream-fork-offset",
    "stream-fork-sub-offset",
    "stream-forked-from",
    "stream-seq",
    "stream-ttl",
];

/// Headers that the SDKs of upstreams add by themselves; they begin like this.
const SDK_PREFIXES: [&str; 4] = ["x-stainless-", "openai-", "anthropic-", "x-api-key"];

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Location, ETag, Location, Preference-Applied, Producer-Epoch, Producer-Expected-Seq, \
     Producer-Received-Seq, Producer-Seq, Retry-After, Stream-Close-Reason, Stream-Closed, Stream-Cursor, \
     Stream-Epoch, Stream-Expires-At, Stream-Id, Stream-Next-Offset, Stream-SSE-Data-Encoding, Stream-TTL, \
     Stream-Up-To-Date",
);

const PROXY_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, HEAD, PATCH, DELETE, OPTIONS");

const PROXY_REQUEST_HEADERS: [&str; 7] = [
    "authorization",
    "content-type",
    "if-none-match",
    "last-event-id",
    "upstream-authorization",
    "upstream-method",
    "upstream-url",
];

const PROXY_EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Type, ETag, Location, Retry-After, Stream-Abort-Location, Stream-Close-Reason, Stream-Closed, \
     Stream-Cursor, Stream-Epoch, Stream-Expires-At, Stream-Next-Offset, Stream-Read-Location, \
     Stream-SSE-Data-Encoding, Stream-TTL, Stream-Up-To-Date, Upstream-Content-Type, Upstream-Status",
);

/// How long a browser may remember a preflight: two hours, the most that browsers grant.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Whether this is a browser asking whether it may ask.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Where a browser says the page stands that made it send a request, if not at the server's own origin. A page cannot set
/// or remove it (Fetch Metadata, W3C).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which pages may read the answer to one request.
#[derive(Debug)]
pub(crate) enum Audience {
    /// Those of an origin on the list; the request's, if it is on it.
    Listed(Option<HeaderValue>),
    /// All of them, without credentials of the browser's.
    Everybody,
}

impl Audience {
    /// The audience of a request to `path`.
    pub(crate) fn of(config: &Config, path: &str, headers: &HeaderMap) -> Self {
        if config.serves_proxy() && is_proxy_path(path) {
            Self::Everybody
        } else {
            Self::Listed(listed_origin(config, headers))
        }
    }

    /// A browser sends some requests for any page without a preflight, to whatever it can reach: such a page could not read
    /// the answer, but have a question asked with the mount's key, a stream stopped or an event appended.
    ///
    /// # Errors
    /// When a page that is none of the audience would change something.
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        let is_of_another_origin =
            || headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site");
        if !matches!(self, Self::Listed(None)) || method.is_safe() || !is_of_another_origin() {
            return Ok(());
        }
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        Err(Problem::new(
            Code::OriginNotAllowed,
            "pages of this origin may not call this server; `cors_origins` has those that may",
        )
        .about("Origin", origin, "https://app.example.com"))
    }

    /// The answer to a preflight, without the headers that every answer gets. What requests may look like is said to all;
    /// it is worth nothing without `Access-Control-Allow-Origin`, which a foreign origin does not get.
    pub(crate) fn preflight(&self, headers: &HeaderMap) -> Response {
        let (methods, names) = match self {
            Self::Listed(_) => (METHODS, request_headers(headers)),
            Self::Everybody => (PROXY_METHODS, proxy_request_headers(headers)),
        };
        let mut response = StatusCode::NO_CONTENT.into_response();
        let told = response.headers_mut();
        told.append(VARY, HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers"));
        told.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        told.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        if !matches!(self, Self::Listed(None)) {
            told.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        response
    }

    /// Adds what lets a page read the answer.
    pub(crate) fn decorate(self, config: &Config, method: &Method, headers: &mut HeaderMap) {
        match self {
            Self::Everybody => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, PROXY_EXPOSED);
                if method == Method::OPTIONS {
                    // Also where nobody asked in the form of a preflight.
                    headers.entry(ACCESS_CONTROL_ALLOW_METHODS).or_insert(PROXY_METHODS);
                }
            }
            Self::Listed(origin) => {
                if config.cors_origins.is_empty() {
                    return;
                }
                headers.append(VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = origin else { return };
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
                if config.cors_credentials {
                    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                }
            }
        }
    }

    /// Which sites may embed the answer.
    pub(crate) fn resource_policy(&self, config: &Config) -> HeaderValue {
        let is_same = matches!(self, Self::Listed(_)) && config.cors_origins.is_empty();
        HeaderValue::from_static(if is_same { "same-origin" } else { "cross-origin" })
    }
}

/// The origin of the request, if it is on the list.
fn listed_origin(config: &Config, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    config.cors_origins.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// What is aimed at an upstream is the page's own affair: whatever it asks for is granted.
fn proxy_request_headers(headers: &HeaderMap) -> HeaderValue {
    let requested = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let requested = requested.into_iter().flat_map(|list| list.split(',')).map(str::trim);
    let requested = requested.filter(|name| http::HeaderName::try_from(*name).is_ok()).map(str::to_ascii_lowercase);
    let ours = PROXY_REQUEST_HEADERS.iter().map(|&name| name.to_owned());
    let mut names: Vec<String> = ours.chain(requested).collect();
    names.sort_unstable();
    names.dedup();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// Our own list, and of the requested headers those that SDKs add.
fn request_headers(headers: &HeaderMap) -> HeaderValue {
    let mut names = REQUEST_HEADERS.join(", ");
    let requested = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    for name in requested.unwrap_or_default().split(',').map(str::trim) {
        let name = name.to_ascii_lowercase();
        if SDK_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            names.push_str(", ");
            names.push_str(&name);
        }
    }
    HeaderValue::try_from(names).unwrap_or_else(|_| HeaderValue::from_static(""))
}

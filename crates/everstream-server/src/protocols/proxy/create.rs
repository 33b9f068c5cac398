//! `POST /v1/proxy`: call the upstream that the caller names; a good answer becomes a stream.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use everstream_gateway::{BoxError, Proxied, ProxyRequest, proxied_id};
use everstream_hub::Stream;
use futures_util::TryStreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::UPSTREAM_CONTENT_TYPE;
use super::query::Query;
use crate::app::App;
use crate::base_url;
use crate::problem::{Code, Problem};
use crate::proxy_gate::{ProxyGate, Scope};
use crate::sse_body::STREAM_EPOCH;

const UPSTREAM_URL: HeaderName = HeaderName::from_static("upstream-url");
const UPSTREAM_METHOD: HeaderName = HeaderName::from_static("upstream-method");
const UPSTREAM_AUTHORIZATION: HeaderName = HeaderName::from_static("upstream-authorization");
const UPSTREAM_STATUS: HeaderName = HeaderName::from_static("upstream-status");
/// A URL that reads and does not abort: for viewers.
const READ_LOCATION: HeaderName = HeaderName::from_static("stream-read-location");
/// A URL that aborts and does not read.
const ABORT_LOCATION: HeaderName = HeaderName::from_static("stream-abort-location");

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// 201 once the upstream has answered well; 502 with its own words when it has not.
pub(super) async fn create(
    State(app): State<App>,
    Extension(gate): Extension<Arc<ProxyGate>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    gate.check_secret(Query::of(&parts.uri).first("secret"), &parts.headers)?;
    let request = wanted(&parts, body)?;
    match app.gateway.proxy(request).await? {
        Proxied::Streaming { stream, content_type } => Ok(created(&app, &gate, &parts, &stream, content_type)),
        Proxied::Refused { status, content_type, retry_after, body } => {
            let mut response = (StatusCode::BAD_GATEWAY, body).into_response();
            let headers = response.headers_mut();
            headers.insert(UPSTREAM_STATUS, HeaderValue::from(status.as_u16()));
            headers.insert(CONTENT_TYPE, content_type.clone().unwrap_or(HeaderValue::from_static("text/plain")));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            let more = [(UPSTREAM_CONTENT_TYPE, content_type), (RETRY_AFTER, retry_after)];
            headers.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
            Ok(response)
        }
    }
}

/// The call that the request's headers describe.
fn wanted(parts: &Parts, body: Body) -> Result<ProxyRequest, Problem> {
    const URL_EXAMPLE: &str = "https://api.openai.com/v1/chat/completions";
    let Some(url) = single(&parts.headers, &UPSTREAM_URL) else {
        let problem = Problem::new(Code::MissingUpstreamUrl, "`Upstream-URL` says where to call, once");
        return Err(problem.about("Upstream-URL", all(&parts.headers, &UPSTREAM_URL), URL_EXAMPLE));
    };
    let Some(method) = single(&parts.headers, &UPSTREAM_METHOD) else {
        let problem = Problem::new(Code::MissingUpstreamMethod, "`Upstream-Method` says how to call, once");
        return Err(problem.about("Upstream-Method", all(&parts.headers, &UPSTREAM_METHOD), "POST"));
    };
    let Some(method) = METHODS.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(&method)) else {
        let detail = "`Upstream-Method` is one of GET, POST, PUT, PATCH and DELETE";
        return Err(Problem::new(Code::InvalidUpstreamMethod, detail).about("Upstream-Method", method, "POST"));
    };
    Ok(ProxyRequest {
        url,
        method,
        authorization: parts.headers.get(UPSTREAM_AUTHORIZATION).cloned(),
        headers: parts.headers.clone(),
        body: Box::pin(body.into_data_stream().map_err(BoxError::from)),
    })
}

/// The value of a header that is there once and says something.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned()).filter(|text| !text.is_empty())
}

fn all(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(", ")
}

fn created(app: &App, gate: &ProxyGate, parts: &Parts, stream: &Stream, content_type: HeaderValue) -> Response {
    let (id, now) = (proxied_id(stream), app.hub.clock().now());
    let base = base_url::of(parts).unwrap_or_default();
    let url = |scope| HeaderValue::try_from(format!("{base}/v1/proxy/{id}?{}", gate.sign(id, scope, now)));
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    for (name, scope) in [(LOCATION, Scope::All), (READ_LOCATION, Scope::Read), (ABORT_LOCATION, Scope::Abort)] {
        // Ids, signatures and a `Host` that got this far are visible ASCII.
        headers.extend(url(scope).ok().map(|url| (name, url)));
    }
    headers.insert(UPSTREAM_CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(HeaderValue::from_str(stream.epoch().as_str()).ok().map(|epoch| (STREAM_EPOCH, epoch)));
    response
}

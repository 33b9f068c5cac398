//! `GET` and `HEAD /v1/proxy/{id}`: the stream as the routes of streams show it, for whom the gate admits.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use everstream_gateway::proxied_content_type;
use everstream_hub::Stream;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE};
use http::{HeaderValue, Uri};
use tower::ServiceExt;

use super::query::Query;
use super::{Reader, UPSTREAM_CONTENT_TYPE};
use crate::access::Readable;
use crate::app::App;
use crate::lane;
use crate::problem::Problem;
use crate::protocols::streams::PREFIX;
use crate::proxy_gate::{ProxyGate, Scope};

/// Reads, at once or live, by a signed URL or the caller's secret.
pub(super) async fn get(
    State(app): State<App>,
    Extension(gate): Extension<Arc<ProxyGate>>,
    Extension(reader): Extension<Reader>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::of(request.uri());
    let now = app.hub.clock().now();
    let until = match query.proof() {
        Some(proof) => Some(gate.check_url(&id, proof, Scope::Read, now)?),
        None => {
            gate.check_secret(query.first("secret"), request.headers())?;
            None
        }
    };
    let response = forward(&app, reader, &id, request).await?;
    let Some(until) = until else { return Ok(response) };
    // A reader that follows live must not outlast its URL. Everything else is short.
    let left = Duration::from_millis(until.0.saturating_sub(now.0));
    lane::cut_after(&response, left);
    Ok(response)
}

/// What the stream says about itself: for trusted callers alone.
pub(super) async fn head(
    State(app): State<App>,
    Extension(gate): Extension<Arc<ProxyGate>>,
    Extension(reader): Extension<Reader>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    gate.check_secret(Query::of(request.uri()).first("secret"), request.headers())?;
    forward(&app, reader, &id, request).await
}

/// Lets the routes of streams answer, and adds what the upstream's type is.
async fn forward(app: &App, reader: Reader, id: &str, mut request: Request) -> Result<Response, Problem> {
    let stream = app.gateway.proxied(id).await?;
    *request.uri_mut() = inner_uri(&stream, request.uri());
    request.extensions_mut().insert(Readable::by(app.access.proven(stream.name().clone())));
    // What the caller has shown to the gate is nobody's business behind it.
    request.headers_mut().remove(AUTHORIZATION);
    request.headers_mut().remove(COOKIE);
    let mut response = reader.0.oneshot(request).await.into_response();
    let headers = response.headers_mut();
    headers.extend(proxied_content_type(&stream).map(|value| (UPSTREAM_CONTENT_TYPE, value)));
    // A cache that others share would go on answering when the URL has expired.
    let is_shared = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("public"));
    if headers.get(CACHE_CONTROL).is_some_and(is_shared) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    Ok(response)
}

fn inner_uri(stream: &Stream, uri: &Uri) -> Uri {
    let query = Query::about_reading(uri);
    // A name and a query that was a query before make a lawful target.
    format!("{PREFIX}{}?{query}", stream.name()).parse().unwrap_or_default()
}

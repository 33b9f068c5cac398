//! `/v1/proxy`: the Durable Streams Proxy Protocol, version 0.1, as a face of our own asks.
//!
//! | request | where |
//! |---|---|
//! | `POST /v1/proxy` | [`create`]: the call upstream, whose answer becomes a stream |
//! | `GET`, `HEAD /v1/proxy/{id}` | [`read`]: as any stream is read |
//! | `PATCH /v1/proxy/{id}?action=abort`, `DELETE` | [`abort`], [`delete`](abort::delete) |
//!
//! Who may do it is judged by the [`ProxyGate`]. Streams of the proxy have reserved names, so that nothing but these URLs
//! leads to them. What is wrong is said in the protocol's words and in ours, see [`refusal`].

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use axum::{Extension, Router, routing};

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::proxy_gate::{ProxyGate, is_proxy_path};

mod abort;
mod create;
mod query;
mod read;
mod refusal;

#[cfg(test)]
mod tests;

/// The type of the upstream's answer, on everything that is said about its stream.
const UPSTREAM_CONTENT_TYPE: http::HeaderName = http::HeaderName::from_static("upstream-content-type");

/// The way to the routes of streams, on which the proxy's are read.
#[derive(Debug, Clone)]
struct Reader(Router);

/// The routes of this protocol. `gate` judges who may use them; `streams` is the service that reads streams.
pub fn routes(gate: Arc<ProxyGate>, streams: Router) -> Router<App> {
    let stream = routing::get(read::get).head(read::head).patch(abort::abort).delete(abort::delete);
    Router::new()
        .route("/v1/proxy", routing::post(create::create))
        .route("/v1/proxy/", routing::post(create::create))
        .route("/v1/proxy/{id}", stream)
        .layer(Extension(gate))
        .layer(Extension(Reader(streams)))
}

/// What is at these paths while the proxy is off.
pub fn off() -> Router<App> {
    Router::new().route("/v1/proxy", routing::any(is_off)).route("/v1/proxy/{*rest}", routing::any(is_off))
}

async fn is_off() -> Problem {
    Problem::new(Code::PathNotFound, "the proxy is off: set `proxy_secret`, and `proxy_allow` for what it may call")
        .about("proxy_secret", "", "a-long-random-secret")
}

/// Around a server with a proxy: whoever refuses a request to it, that is said in the protocol's words.
pub async fn in_their_words(request: Request, next: Next) -> Response {
    let is_ours = is_proxy_path(request.uri().path());
    let response = next.run(request).await;
    if is_ours { refusal::in_their_words(response).await } else { response }
}

//! `/healthz` says that the process answers, `/readyz` that it takes work.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use everstream_log::Health;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::app::App;
use crate::problem::{Code, Problem};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// How long a balancer is asked to wait before it looks again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// `/healthz` and `/readyz`.
pub fn routes() -> Router<App> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> Response {
    ([(CACHE_CONTROL, NO_STORE)], "ok\n").into_response()
}

async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    if app.hub.tasks().draining().is_cancelled() {
        return Err(Problem::new(Code::Draining, "the server is shutting down"));
    }
    match app.hub.health() {
        Health::Ready => Ok(([(CACHE_CONTROL, NO_STORE)], "ready\n").into_response()),
        Health::ReadOnly(why) => Err(Problem::new(Code::LogReadOnly, why).retry_after_seconds(RETRY_AFTER_SECONDS)),
    }
}

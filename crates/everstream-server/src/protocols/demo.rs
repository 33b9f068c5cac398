//! `GET /event` and `GET /random`: two small event streams to play with, there while the demo is served.
//!
//! Neither is in the log, so that their events have no ids and nobody resumes them.

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use crate::accept::{Accept, EVENT_STREAM};
use crate::app::App;
use crate::head_only::HeadOnly;
use crate::problem::{Code, Problem};
use event::Countdown;
use random::Numbers;
use ticker::{Source, Ticker};

mod event;
mod random;
mod ticker;

#[cfg(test)]
mod tests;

/// The routes of this protocol.
pub fn routes() -> Router<App> {
    Router::new().route("/event", get(event)).route("/random", get(random))
}

async fn event(State(app): State<App>, parts: Parts) -> Result<Response, Problem> {
    respond(&app, &parts, || {
        let query: Vec<(String, String)> = Query::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
        Countdown::of(&query)
    })
}

async fn random(State(app): State<App>, parts: Parts) -> Result<Response, Problem> {
    respond(&app, &parts, || Ok(Numbers::from_now(app.hub.clock().now())))
}

fn respond<S: Source>(
    app: &App,
    parts: &Parts,
    open: impl FnOnce() -> Result<S, Problem>,
) -> Result<Response, Problem> {
    if !Accept::of(&parts.headers).allows(EVENT_STREAM) {
        let detail = format!("`Accept` excludes {EVENT_STREAM}, which is all there is to send");
        return Err(Problem::new(Code::NotAcceptable, detail));
    }
    let source = open()?;
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
        (VARY, HeaderValue::from_static("Accept")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let body = if parts.method == Method::HEAD {
        Body::new(HeadOnly)
    } else {
        Body::new(Ticker::start(source, app.hub.tasks().draining().clone()))
    };
    Ok((head, body).into_response())
}

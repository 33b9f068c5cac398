//! `/v1/stream/{path}`: streams for publishers, readers and a plain EventSource, all on one URL.
//!
//! | request | where |
//! |---|---|
//! | `PUT` | [`create`] |
//! | `POST` | [`append`], or [`streaming_append`] when it asks for that |
//! | `POST ?action=stop`, `?action=subscribe` | [`stop`], [`subscribe`] |
//! | `GET ?live=` | [`live`] |
//! | `GET` | [`subscribe`] when `Accept` names `text/event-stream`, [`state`] with `?view=state`, else [`read`] |
//! | `HEAD`, `DELETE` | [`head`], here |
//!
//! The resource speaks the Durable Streams protocol; its offsets are in [`position`].

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing;
use http::StatusCode;
use http::request::Parts;

use crate::accept::{Accept, EVENT_STREAM};
use crate::access::{Action, Admin, Append, Grant, Read};
use crate::app::App;
use crate::problem::{Code, Problem};
use query::Query;

pub(crate) use append::append_plainly;
pub(crate) use head::NEXT_OFFSET;
pub(crate) use history::History;
pub(crate) use position::Position;

mod append;
mod create;
mod entity_tag;
mod expiry;
mod fork;
mod head;
mod history;
mod joined;
mod live;
mod payload;
mod position;
mod query;
mod read;
mod resume;
mod sequence;
mod spare;
mod state;
mod stop;
mod streaming_append;
mod subscribe;

#[cfg(test)]
mod tests;

/// What the path of a stream begins with; its name is the rest.
pub(crate) const PREFIX: &str = "/v1/stream/";

/// The routes of this protocol.
pub fn routes() -> Router<App> {
    let methods = routing::get(get).head(head::head).put(create::create).post(post).delete(delete);
    Router::new().route("/v1/stream/{*path}", methods)
}

async fn get(State(app): State<App>, grant: Grant<Read>, query: Query, parts: Parts) -> Result<Response, Problem> {
    if let Some(mode) = query.one("live")? {
        return live::get(&app, &grant, &parts.headers, &query, mode).await;
    }
    let accept = Accept::of(&parts.headers);
    match query.one("view")? {
        Some("state") if accept.allows(state::CONTENT_TYPE) => state::state(&app, &grant).await,
        Some("state") => Err(not_acceptable(state::CONTENT_TYPE)),
        Some(other) => Err(invalid_parameter("view", other, "state", "the only view is `state`")),
        None if accept.names(EVENT_STREAM) => subscribe::get(&app, &grant, &parts.headers, &query).await,
        None => read::read(&app, &grant, &parts.headers, &query).await,
    }
}

async fn post(State(app): State<App>, query: Query, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    match query.one("action")? {
        None => {
            let grant = grant::<Append>(&app, &mut parts).await?;
            if streaming_append::is_wanted(&parts.headers)? {
                streaming_append::append(&app, &grant, &parts, body).await
            } else {
                append::append(&app, &grant, &parts, body).await
            }
        }
        Some("stop") => stop::stop(&app, &grant(&app, &mut parts).await?, &query).await,
        Some("subscribe") => {
            let grant = grant(&app, &mut parts).await?;
            subscribe::post(&app, &grant, &parts, &query, body).await
        }
        Some(other) => Err(invalid_parameter("action", other, "stop", "the actions are `stop` and `subscribe`")),
    }
}

async fn delete(State(app): State<App>, grant: Grant<Admin>) -> Result<Response, Problem> {
    app.hub.delete(grant.stream()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn grant<A: Action>(app: &App, parts: &mut Parts) -> Result<Grant<A>, Problem> {
    Grant::from_request_parts(parts, app).await
}

fn not_acceptable(offered: &str) -> Problem {
    Problem::new(Code::NotAcceptable, format!("`Accept` excludes {offered}, which is all there is to send"))
}

fn invalid_parameter(field: &str, value: &str, example: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidParameter, detail).about(field, value, example)
}

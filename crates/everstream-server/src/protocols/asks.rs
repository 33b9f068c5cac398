//! Asks: requests below the mounts of the configured upstreams, carried by [`everstream_gateway`].
//!
//! A request that wants events becomes a stream, and the response relays that stream in the upstream's own dialect. The
//! rest passes through. Mounts are no routes of their own: they get what no route of the server has.

use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use everstream_gateway::{AskRequest, BoxError};
use futures_util::TryStreamExt;
use http::Uri;
use http::request::Parts;

use crate::access::{self, Append, Caller};
use crate::app::App;
use crate::problem::{Code, Problem};

mod refusal;
mod reply;
mod stop;

pub use stop::stop_by_key;

const EVERSTREAM_STREAM: &str = "everstream-stream";

/// What no route has: a request to a mount, or to nothing.
pub async fn unrouted(State(app): State<App>, request: Request) -> Response {
    match app.gateway.dialect_of(request.uri().path()) {
        Some(dialect) => {
            let (parts, body) = request.into_parts();
            if let Err(problem) = check_name(&app, &parts).await {
                return problem.into_response();
            }
            let Parts { method, uri, headers, .. } = parts;
            let body = Box::pin(body.into_data_stream().map_err(BoxError::from));
            match app.gateway.ask(AskRequest { method, uri, headers, body }).await {
                Ok(answer) => reply::respond(&app, answer).unwrap_or_else(IntoResponse::into_response),
                Err(error) => refusal::respond(error, dialect),
            }
        }
        None => path_not_found(request.uri()).into_response(),
    }
}

/// A stream of the caller's own name is made, so that the caller must be allowed to append to it. What is wrong with a
/// name is the gateway's to say.
async fn check_name(app: &App, parts: &Parts) -> Result<(), Problem> {
    let name = parts.headers.get(EVERSTREAM_STREAM).and_then(|value| value.to_str().ok());
    if let Some(Ok(name)) = name.map(access::stream_name) {
        let Ok(caller) = Caller::from_request_parts(&mut parts.clone(), app).await;
        app.access.grant::<Append>(caller, name)?;
    }
    Ok(())
}

fn path_not_found(uri: &Uri) -> Problem {
    Problem::new(Code::PathNotFound, "nothing is at this path").about("path", uri.path(), "/v1/stream/chat/42")
}

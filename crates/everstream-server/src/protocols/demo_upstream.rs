//! A built-in upstream that speaks OpenAI's chat completions, so that the whole way can be tried without a key.
//!
//! It is an upstream like any other: the demo's mount reaches it over HTTP, through the same relay. Its text is made
//! from the prompt alone, so that the same question has the same answer.

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use answer::Answer;
use completion::Completion;
use request::{ChatRequest, Refused};

mod answer;
mod completion;
mod request;
mod text;

#[cfg(test)]
mod tests;

/// The model it answers as, whatever it is asked for.
const MODEL: &str = "everstream-demo";
/// Tokens per second, unless the request says otherwise.
const RATE_DEFAULT: u32 = 30;
const RATE_MAX: u32 = 1_000;

/// The routes of this upstream.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/demo-upstream/v1/chat/completions", post(chat_completions))
        .route("/demo-upstream/v1/models", get(models))
}

#[derive(Debug, Deserialize)]
struct Pace {
    /// Tokens per second.
    rate: Option<String>,
}

async fn chat_completions(State(app): State<App>, Query(pace): Query<Pace>, body: Bytes) -> Result<Response, Refused> {
    let rate = request::rate(pace.rate.as_deref())?;
    let request = ChatRequest::parse(&body)?;
    let created_s = app.hub.clock().now().0 / 1_000;
    let completion = Completion::new(&request, created_s);
    if !request.stream {
        return Ok(json_response(StatusCode::OK, completion.whole()));
    }
    let body = Body::new(Answer::new(completion, rate));
    Ok(([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], body).into_response())
}

async fn models() -> Response {
    let model = json!({"id": MODEL, "object": "model", "created": 0, "owned_by": "everstream"});
    json_response(StatusCode::OK, json!({"object": "list", "data": [model]}).to_string())
}

fn json_response(status: StatusCode, json: String) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

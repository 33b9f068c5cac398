//! A built-in upstream that speaks OpenAI's chat completions, so that the whole way can be tried without a key.
//!
//! It is an upstream like any other: the demo's mount reaches it over HTTP, through the same relay, on a connection that is
//! memory. Its text is made from the prompt alone, so that the same question has the same answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use everstream_gateway::{FarEnd, InProcessUpstream, Serving};
use everstream_log::Clock;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode, Uri};
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::json;

use crate::body::read_whole;
use crate::config::{ByteSize, Config};
use crate::problem::{Code, Problem};
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

/// What the upstream needs of its server.
#[derive(Debug, Clone)]
pub struct Surroundings {
    clock: Arc<dyn Clock>,
    body_bytes_max: ByteSize,
}

/// The routes of this upstream, for those who come to it over the network.
pub fn routes<S: Clone + Send + Sync + 'static>(surroundings: Surroundings) -> Router<S> {
    Router::new()
        .route("/demo-upstream/v1/chat/completions", post(chat_completions))
        .route("/demo-upstream/v1/models", get(models))
        .with_state(surroundings)
}

/// The same upstream for the demo's mount, without a socket between.
pub fn in_process(surroundings: Surroundings) -> Arc<dyn InProcessUpstream> {
    Arc::new(InProcess { routes: routes(surroundings).fallback(nothing).method_not_allowed_fallback(no_such_method) })
}

impl Surroundings {
    /// Those of a server with this clock and configuration.
    pub fn new(clock: Arc<dyn Clock>, config: &Config) -> Self {
        Self { clock, body_bytes_max: config.max_body_bytes }
    }
}

#[derive(Debug)]
struct InProcess {
    routes: Router,
}

impl InProcessUpstream for InProcess {
    fn serve(&self, connection: FarEnd) -> Serving {
        let routes = TowerToHyperService::new(self.routes.clone());
        let served = http1::Builder::new().serve_connection(connection, routes);
        Box::pin(async move {
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection to the demo's upstream broke");
            }
        })
    }
}

async fn nothing(uri: Uri) -> Problem {
    Problem::new(Code::PathNotFound, "the demo has nothing at this path").about(
        "path",
        uri.path(),
        "/demo/v1/chat/completions",
    )
}

/// The router adds `Allow`.
async fn no_such_method(method: Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("this resource has no {method}; Allow says what it has"))
}

#[derive(Debug, Deserialize)]
struct Pace {
    /// Tokens per second.
    rate: Option<String>,
}

async fn chat_completions(
    State(surroundings): State<Surroundings>,
    Query(pace): Query<Pace>,
    body: Body,
) -> Result<Response, Response> {
    let body = read_whole(body, surroundings.body_bytes_max).await.map_err(IntoResponse::into_response)?;
    answer_to(&surroundings, &pace, &body).map_err(IntoResponse::into_response)
}

fn answer_to(surroundings: &Surroundings, pace: &Pace, body: &[u8]) -> Result<Response, Refused> {
    let rate = request::rate(pace.rate.as_deref())?;
    let request = ChatRequest::parse(body)?;
    let created_s = surroundings.clock.now().0 / 1_000;
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

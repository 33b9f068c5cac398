//! What holds for every request and every answer, whatever the route: one layer around the router.
//!
//! A request has a method that HTTP knows; a body that announces more than `max_body_bytes` is refused before it is read,
//! and one that falls silent breaks off. What a page of a foreign origin would change is refused.
//! An answer carries the CORS headers and says what browsers may make of it; `OPTIONS` and 405 tell a route's methods
//! from the router itself. What holds of a request's bytes on the wire is [`lawful`](crate::lawful)'s.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::header::{ALLOW, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::app::App;
use crate::config::Config;
use crate::cors::Audience;
use crate::problem::{Code, Problem};
use crate::{body, cors};

/// Every method of the server.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The layer. No `async fn`, whose arguments would take room, twice, as long as the request does.
pub(crate) fn around(State(app): State<App>, request: Request, next: Next) -> impl Future<Output = Response> {
    let audience = Audience::of(&app.config, request.uri().path(), request.headers());
    let (method, asked) = (request.method().clone(), request.method().clone());
    let answer = match answer_here(&app, &audience, &request) {
        Ok(Some(response)) => Either::Left(ready(response)),
        Ok(None) => {
            let answer = next.run(body::never_silent(request, &app.config));
            Either::Right(answer.map(move |response| tell_methods(&asked, response)))
        }
        Err(problem) => Either::Left(ready(problem.into_response())),
    };
    answer.map(move |mut response| {
        decorate(audience, &app.config, &method, response.headers_mut());
        response
    })
}

/// Adds what every answer to `method` says.
pub(crate) fn decorate(audience: Audience, config: &Config, method: &Method, headers: &mut HeaderMap) {
    let policy = audience.resource_policy(config);
    audience.decorate(config, method, headers);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CROSS_ORIGIN_RESOURCE_POLICY).or_insert(policy);
}

/// The answer to what no route has to see.
fn answer_here(app: &App, audience: &Audience, request: &Request) -> Result<Option<Response>, Problem> {
    let (config, method, headers) = (&app.config, request.method(), request.headers());
    check_method(method)?;
    if app.proxy.as_ref().is_some_and(|gate| gate.is_own_call(headers)) {
        return Err(Problem::new(Code::LoopDetected, "the proxy does not call its own server"));
    }
    if cors::is_preflight(method, headers) {
        return Ok(Some(audience.preflight(headers)));
    }
    audience.check_page(method, headers)?;
    if method == Method::OPTIONS && request.uri().path() == "*" {
        return Ok(Some((StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response()));
    }
    check_length(config, headers)?;
    Ok(None)
}

/// RFC 9110, 9.1: methods are case-sensitive. `TRACE` and `CONNECT` are HTTP's own, but nothing of ours.
fn check_method(method: &Method) -> Result<(), Problem> {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::OPTIONS | Method::PATCH => {
            Ok(())
        }
        Method::TRACE | Method::CONNECT => Err(Problem::method_not_allowed(METHODS)),
        _ => Err(Problem::new(Code::MethodUnknown, format!("this server has {METHODS}"))
            .about("method", method.as_str(), "GET")
            .with_header(ALLOW, HeaderValue::from_static(METHODS))),
    }
}

/// A body that says that it is too long is refused unread. One that does not say is cut by whoever reads it.
fn check_length(config: &Config, headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > config.max_body_bytes.0 as u64 && !body::is_streaming_append(headers) => {
            Err(body::too_large(config.max_body_bytes).about("Content-Length", length.to_string(), "1024"))
        }
        _ => Ok(()),
    }
}

/// The router knows a route's methods and says them with its 405; that is the answer to `OPTIONS` too.
fn tell_methods(method: &Method, response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let Some(allow) = allow_with_options(response.headers()) else { return response };
    if method == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response();
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(ALLOW, allow);
    Response::from_parts(parts, body)
}

fn allow_with_options(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut methods: Vec<&str> = headers.get(ALLOW)?.to_str().ok()?.split(',').map(str::trim).collect();
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    HeaderValue::try_from(methods.join(", ")).ok()
}

#[cfg(test)]
mod tests;

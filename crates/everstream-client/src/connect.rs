//! One attempt to open a stream.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::judge::{Judgement, judge};

/// How much of a refusal is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// How long a refusal is read: what has not come by then is not worth waiting for.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Connection {
    Open(Response),
    NoContent,
    Busy { retry_after: Option<Duration>, error: Error },
    NotConnected(Error),
    Refused(Error),
}

/// Sends a request and judges its response's head.
pub(crate) async fn connect(request: RequestBuilder, head_timeout: Duration) -> Connection {
    let response = match tokio::time::timeout(head_timeout, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Connection::NotConnected(unreachable(error)),
        Err(elapsed) => {
            let context = format!("no answer within {} s", head_timeout.as_secs());
            return Connection::NotConnected(Error::new(ErrorKind::Unreachable, context).caused_by(elapsed));
        }
    };
    let content_type = last_text(response.headers(), &CONTENT_TYPE).map(ToOwned::to_owned);
    let status = response.status().as_u16();
    match judge(status, content_type.as_deref(), last_text(response.headers(), &RETRY_AFTER)) {
        Judgement::Open => match encoded(&response) {
            Some(error) => Connection::Refused(error),
            None => Connection::Open(response),
        },
        Judgement::NoContent => Connection::NoContent,
        Judgement::Busy { retry_after } => Connection::Busy { retry_after, error: refusal(response).await },
        Judgement::Refused => Connection::Refused(refusal(response).await),
        Judgement::NotEventStream => {
            let context = match content_type {
                Some(it) => format!("the answer is {it:?}, not \"text/event-stream\""),
                None => "the answer has no content type, so it is not \"text/event-stream\"".to_owned(),
            };
            Connection::Refused(Error::new(ErrorKind::UnexpectedAnswer, context))
        }
    }
}

pub(crate) fn unreachable(error: reqwest::Error) -> Error {
    let place = error.url().map(|url| format!("cannot reach {}", url.origin().ascii_serialization()));
    Error::new(ErrorKind::Unreachable, place.unwrap_or_else(|| "cannot reach the server".to_owned())).caused_by(error)
}

/// Why a body cannot be read as it is: it is compressed, although nothing but `identity` was accepted.
pub(crate) fn encoded(response: &Response) -> Option<Error> {
    let coding = last_text(response.headers(), &CONTENT_ENCODING)?;
    let context =
        format!("the answer is in the coding {coding:?}, which was not asked for; only \"identity\" can be read");
    (!coding.eq_ignore_ascii_case("identity")).then(|| Error::new(ErrorKind::UnexpectedAnswer, context))
}

/// Why a 200 says nothing about what was sent to `asked`: a redirect was followed on the way, and all but 307 and 308 make
/// a `GET` without a body of a `POST`. Every other success only a `POST` is answered with.
pub(crate) fn redirected(response: &Response, asked: &Url) -> Option<Error> {
    let reached = response.url();
    if response.status() != StatusCode::OK || without_fragment(reached) == without_fragment(asked) {
        return None;
    }
    let context =
        format!("a redirect leads from {asked} to {reached}, and what was sent may be lost on it; send it there");
    Some(Error::new(ErrorKind::UnexpectedAnswer, context))
}

/// A fragment is never sent.
fn without_fragment(url: &Url) -> &str {
    url.as_str().split('#').next().unwrap_or_default()
}

/// A response of an unwelcome status as an error, with what it says for people.
pub(crate) async fn refusal(mut response: Response) -> Error {
    let status = response.status();
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
    };
    // Whatever came is used: a refusal without an explanation is still a refusal.
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, read).await;
    let context = match explanation(&body) {
        Some(explanation) => format!("{status}: {explanation}"),
        None => format!("the server answered {status}"),
    };
    Error::new(ErrorKind::Refused(status.as_u16()), context)
}

/// What a problem document (RFC 9457) or an OpenAI-style error says.
fn explanation(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    if let Some(message) = json.get("error").and_then(|error| text(error, "message")) {
        return Some(message);
    }
    let mut explanation = text(&json, "detail").or_else(|| text(&json, "title"))?;
    if let Some(example) = text(&json, "example").filter(|example| !explanation.contains(example)) {
        explanation.push_str(&format!("; try {example:?}"));
    }
    Some(explanation)
}

/// Of several headers of one name the last one counts, as in Fetch.
fn last_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok())
}

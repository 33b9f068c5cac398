//! `PUT`: make a stream, with its first records and possibly its end, in one atomic step.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use everstream_hub::{ContentKind, CreateStream, Error, ErrorKind, StreamState};
use everstream_log::Sequencing;
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::append::wanted_close;
use super::expiry;
use super::fork;
use super::head::{self, EXPIRES_AT, TTL};
use super::payload::{self, PayloadLimits};
use super::sequence;
use crate::access::{Append, Caller, Grant};
use crate::app::App;
use crate::base_url;
use crate::body::read_whole;
use crate::problem::{Code, Problem};

const DEFAULT_TYPE: &str = "application/octet-stream";

/// 201 for a new stream, 200 for one that is there with equal settings; then nothing is appended.
pub(super) async fn create(
    State(app): State<App>,
    grant: Grant<Append>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let fork = fork::wanted(&app, caller, &parts.headers).await?;
    let content_type = match &fork {
        None => content_type(&parts.headers)?,
        Some(fork) => fork.content_type(&parts.headers)?,
    };
    let expiry = expiry::wanted(&parts.headers)?;
    let close = wanted_close(&parts.headers)?;
    let body = read_whole(body, app.config.max_body_bytes).await?;
    let records = if body.is_empty() {
        Vec::new()
    } else {
        payload::check_coding(&parts.headers)?;
        payload::records(ContentKind::of(&content_type), body, PayloadLimits::of(&app.config))?
    };
    let sequencing = sequencing(&parts.headers, records.is_empty() && close.is_none())?;
    let from = fork.as_ref().map(|fork| fork.from.clone());
    let name = grant.into_stream();
    let wanted =
        CreateStream { expiry, close, fork: from, records, sequencing, ..CreateStream::new(name, content_type) };
    let location = location(&parts);
    drop(parts);
    let created = match app.hub.create(&wanted).await {
        Ok(created) => created,
        Err(error) => return Err(Box::pin(refusal(&app, error, &wanted, fork.as_ref())).await),
    };
    let mut headers = head::describe(&created.stream.state());
    if let (true, Some(sequencing)) = (created.is_new, &wanted.sequencing) {
        sequence::echo(&mut headers, sequencing);
    }
    if let Some(location) = location {
        headers.insert(LOCATION, location);
    }
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, headers).into_response())
}

/// Why a stream was not made, with the header that has to change.
async fn refusal(app: &App, error: Error, wanted: &CreateStream, fork: Option<&fork::Wanted>) -> Problem {
    let (kind, problem) = (error.kind(), Problem::from(error));
    if kind == ErrorKind::StreamExists {
        return match app.hub.stream(&wanted.name).await {
            Ok(existing) => difference(problem, &existing.state(), wanted),
            // Deleted, and held by its forks: no setting would help.
            Err(_) => problem,
        };
    }
    let problem = match fork {
        Some(fork) => fork.explain(kind, problem),
        None => problem,
    };
    match wanted.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref()) {
        Some(mark) => sequence::explain_producer(kind, mark, problem),
        None => problem,
    }
}

/// What the publisher says of the making's place among its appends.
fn sequencing(headers: &HeaderMap, is_empty: bool) -> Result<Option<Sequencing>, Problem> {
    if is_empty {
        sequence::refuse(headers, "there is nothing to number: the stream is made empty and open")?;
    }
    sequence::wanted(headers)
}

/// Says which setting of an existing stream differs.
fn difference(problem: Problem, existing: &StreamState, wanted: &CreateStream) -> Problem {
    let settings = &existing.settings;
    let (was_closed, is_closed) = (existing.end.is_some(), wanted.close.is_some());
    if let Some((field, value, held)) = fork::difference(existing.forked_from.as_ref(), wanted.fork.as_ref()) {
        problem.about(field.as_str(), value, held)
    } else if !settings.content_type.eq_ignore_ascii_case(&wanted.content_type) {
        problem.about("content-type", &wanted.content_type, &settings.content_type)
    } else if was_closed != is_closed {
        problem.about("stream-closed", is_closed.to_string(), was_closed.to_string())
    } else {
        let held = head::describe(existing);
        let field = if held.contains_key(EXPIRES_AT) { EXPIRES_AT } else { TTL };
        let example = held.get(&field).and_then(|value| value.to_str().ok()).unwrap_or_default();
        problem.about(field.as_str(), "another expiry", example)
    }
}

/// The stream's type, exactly as it was written.
fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(given) = sequence::one(headers, &CONTENT_TYPE)? else { return Ok(DEFAULT_TYPE.to_owned()) };
    let text = String::from_utf8_lossy(given.as_bytes());
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match payload::essence(&text).split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) && given.to_str().is_ok() => Ok(text.into_owned()),
        _ => Err(Problem::new(Code::InvalidHeader, "`Content-Type` is no media type").about(
            "content-type",
            text,
            "application/json",
        )),
    }
}

/// Where the stream is, as its creator reached it; `None` without a usable `Host`.
fn location(parts: &Parts) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{}{}", base_url::of(parts)?, parts.uri.path())).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_type_is_kept_as_it_is_written() {
        let kept = |text| content_type(&headers(&[("content-type", text)])).ok();
        assert_eq!(kept("Text/Plain;charset=UTF-8").as_deref(), Some("Text/Plain;charset=UTF-8"));
        assert_eq!(content_type(&HeaderMap::new()).unwrap(), DEFAULT_TYPE);
        for text in ["", "text", "text/", "/plain", "te xt/plain", "text/pl{}ain"] {
            assert_eq!(kept(text), None, "{text:?}");
        }
    }
}

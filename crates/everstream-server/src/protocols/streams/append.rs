//! `POST`: append, close, or both in one atomic step.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everstream_hub::{Append, Appending, Close, End, ErrorKind, Stream};
use everstream_log::{CloseReason, Timestamp};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::head::{self, CLOSE_REASON, CLOSED, NEXT_OFFSET};
use super::payload::{self, PayloadLimits};
use super::position::Position;
use super::sequence;
use crate::access::{self, Grant};
use crate::app::App;
use crate::body::read_whole;
use crate::problem::{Code, Problem};
use crate::sse_body::STREAM_EPOCH;

/// Appends the body by the stream's type: all of it or nothing.
pub(super) async fn append(
    app: &App,
    grant: &Grant<access::Append>,
    parts: &Parts,
    body: Body,
) -> Result<Response, Problem> {
    let close = wanted_close(&parts.headers)?;
    let sequencing = sequence::wanted(&parts.headers)?;
    let stream = app.hub.stream(grant.stream()).await?;
    let body = read_whole(body, app.config.max_body_bytes).await?;
    let is_empty = body.is_empty();
    let is_close_alone = is_empty && close.is_some();
    // A closed stream is refused before anything else is looked at: the client has to learn of the end first.
    if stream.state().end.is_some() {
        return match sequencing {
            // Whether it had accepted this very append only the stream knows; it takes nothing more.
            Some(sequencing) => sequence::append(&stream, Append::default(), sequencing, is_empty).await,
            None => closed_already(&stream, is_close_alone),
        };
    }
    let records = if is_close_alone { Vec::new() } else { records(app, &stream, &parts.headers, &body)? };
    if let Some(sequencing) = sequencing {
        return sequence::append(&stream, Append { records, close }, sequencing, is_empty).await;
    }
    match stream.append(Append { records, close }).await {
        Ok(appended) => {
            let mut headers = HeaderMap::new();
            headers.insert(NEXT_OFFSET, head::offset(Position(appended.next)));
            if let Some(closure) = &appended.closure {
                head::closed(&mut headers, closure);
            }
            Ok((StatusCode::NO_CONTENT, headers).into_response())
        }
        Err(error) if error.kind() == ErrorKind::StreamClosed => closed_already(&stream, is_close_alone),
        Err(error) => Err(error.into()),
    }
}

/// Hands over the body of a request that says nothing else but its type, which came at `now`; nothing when it is refused,
/// which [`append`] would explain, or when its stream has to be fetched from the log first.
pub(crate) fn append_plainly(
    app: &App,
    grant: &Grant<access::Append>,
    content_type: &[u8],
    body: Bytes,
    now: Timestamp,
) -> Option<Appending> {
    let stream = app.hub.stream_in_memory(grant.stream(), now)?;
    if content_type != stream.settings().content_type.as_bytes()
        && !is_of_type(&stream, &String::from_utf8_lossy(content_type))
    {
        return None;
    }
    let records = payload::records(stream.content(), body, PayloadLimits::of(&app.config)).ok()?;
    if records.is_empty() {
        return None;
    }
    stream.hand_over(Append { records, close: None }).ok()
}

/// The records of a body that has to have some.
fn records(app: &App, stream: &Stream, headers: &HeaderMap, body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    check_type(stream, headers)?;
    payload::check_coding(headers)?;
    payload_records(app, stream, body)
}

/// The same, once its type is known to be the stream's.
fn payload_records(app: &App, stream: &Stream, body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let content = stream.content();
    let records = if body.is_empty() {
        Vec::new()
    } else {
        payload::records(content, body.clone(), PayloadLimits::of(&app.config))?
    };
    if records.is_empty() {
        return Err(Problem::new(Code::InvalidBody, "the body has nothing to append").about(
            "body",
            String::from_utf8_lossy(body),
            payload::example(content),
        ));
    }
    Ok(records)
}

/// The answer of a stream that has ended: closing it again is no news, appending to it is refused.
pub(super) fn closed_already(stream: &Stream, is_close_alone: bool) -> Result<Response, Problem> {
    let state = stream.state();
    let Some(End::Closed(closure)) = &state.end else {
        return Err(Problem::new(Code::StreamNotFound, format!("no stream {}", stream.name())));
    };
    let mut headers = HeaderMap::new();
    headers.insert(NEXT_OFFSET, head::offset(Position(state.tail)));
    head::closed(&mut headers, closure);
    if is_close_alone {
        return Ok((StatusCode::NO_CONTENT, headers).into_response());
    }
    let detail = format!("stream {} was closed as {}", stream.name(), closure.reason.as_str());
    let problem = Problem::new(Code::StreamClosed, detail);
    Err(headers.into_iter().fold(problem, |problem, (name, value)| match name {
        Some(name) => problem.with_header(name, value),
        None => problem,
    }))
}

/// How the request wants the stream closed, if it does.
///
/// # Errors
/// `invalid_header` for a reason that is none, or one without `Stream-Closed: true`, and for either sent twice.
pub(super) fn wanted_close(headers: &HeaderMap) -> Result<Option<Close>, Problem> {
    // The protocol takes any other value for absence.
    let is_wanted =
        sequence::one(headers, &CLOSED)?.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let Some(reason) = sequence::one(headers, &CLOSE_REASON)? else {
        return Ok(is_wanted.then(|| Close::because(CloseReason::Completed)));
    };
    let text = String::from_utf8_lossy(reason.as_bytes());
    let refused = |detail: &str| {
        Problem::new(Code::InvalidHeader, detail).about("stream-close-reason", text.as_ref(), "completed")
    };
    if !is_wanted {
        return Err(refused("a reason to close needs `Stream-Closed: true`"));
    }
    let reason = CloseReason::parse(&text)
        .ok_or_else(|| refused("the reasons are `completed`, `stopped`, `failed` and `interrupted`"))?;
    Ok(Some(Close::because(reason)))
}

/// The body's type must be the stream's; parameters and case do not matter.
pub(super) fn check_type(stream: &Stream, headers: &HeaderMap) -> Result<(), Problem> {
    let own = &stream.settings().content_type;
    let Some(given) = sequence::one(headers, &CONTENT_TYPE)? else {
        return Err(Problem::new(Code::InvalidHeader, "a body needs its `Content-Type`").about(
            "content-type",
            "",
            own,
        ));
    };
    let given = String::from_utf8_lossy(given.as_bytes());
    if is_of_type(stream, &given) { Ok(()) } else { Err(mismatch(stream, &given)) }
}

fn is_of_type(stream: &Stream, given: &str) -> bool {
    let own = &stream.settings().content_type;
    given == own || payload::essence(given).eq_ignore_ascii_case(payload::essence(own))
}

/// The body has another type than the stream.
pub(super) fn mismatch(stream: &Stream, given: &str) -> Problem {
    let own = &stream.settings().content_type;
    let problem = Problem::new(Code::ContentTypeMismatch, format!("stream {} is of type {own}", stream.name())).about(
        "content-type",
        given,
        own,
    );
    match stream.epoch().as_str().parse() {
        Ok(epoch) => problem.with_header(STREAM_EPOCH, epoch),
        Err(_) => problem,
    }
}

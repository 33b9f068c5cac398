//! `Producer-Id`, `Producer-Epoch`, `Producer-Seq` and `Stream-Seq`: what a publisher says of its append's place, and
//! what it is told (Durable Streams 5.2, 5.2.1).

use axum::response::{IntoResponse, Response};
use everstream_hub::{Append, Appended, ErrorKind, Sequenced, Stream};
use everstream_log::{ProducerId, ProducerMark, ProducerState, Sequencing, StreamSeq};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::append::closed_already;
use super::head;
use super::position::Position;
use crate::problem::{Code, Problem};

const PRODUCER_ID: HeaderName = HeaderName::from_static("producer-id");
const PRODUCER_EPOCH: HeaderName = HeaderName::from_static("producer-epoch");
const PRODUCER_SEQ: HeaderName = HeaderName::from_static("producer-seq");
const PRODUCER_EXPECTED_SEQ: HeaderName = HeaderName::from_static("producer-expected-seq");
const PRODUCER_RECEIVED_SEQ: HeaderName = HeaderName::from_static("producer-received-seq");
const STREAM_SEQ: HeaderName = HeaderName::from_static("stream-seq");

/// The largest number that every client can read back, JavaScript's included.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What the request says of its append's place, if anything.
///
/// # Errors
/// `invalid_header` for a header that is malformed or sent twice, and when only some of a producer's three are there.
pub(super) fn wanted(headers: &HeaderMap) -> Result<Option<Sequencing>, Problem> {
    let producer = producer(headers)?;
    let stream_seq = match one(headers, &STREAM_SEQ)? {
        None => None,
        Some(value) => Some(StreamSeq::parse(value.as_bytes()).map_err(|error| {
            refused(&STREAM_SEQ, &lossy(value), "2026-01-01T00:00:00Z", &format!("`Stream-Seq` {error}"))
        })?),
    };
    let is_any = producer.is_some() || stream_seq.is_some();
    Ok(is_any.then_some(Sequencing { producer, stream_seq }))
}

/// Refuses such headers on a request that is not one append; `why` says so to its sender.
///
/// # Errors
/// As [`wanted`], and `invalid_header` when there are any.
pub(super) fn refuse(headers: &HeaderMap, why: &str) -> Result<(), Problem> {
    if wanted(headers)?.is_none() {
        return Ok(());
    }
    let names = [PRODUCER_ID, STREAM_SEQ];
    let named = names.into_iter().find_map(|name| headers.get(&name).map(|value| (name, lossy(value))));
    Err(match named {
        Some((name, value)) => refused(&name, &value, "", why),
        None => Problem::new(Code::InvalidHeader, why),
    })
}

fn producer(headers: &HeaderMap) -> Result<Option<ProducerMark>, Problem> {
    let given = [(PRODUCER_ID, "writer-1"), (PRODUCER_EPOCH, "0"), (PRODUCER_SEQ, "0")];
    if given.iter().all(|(name, _)| !headers.contains_key(name)) {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(given.len());
    for (name, example) in &given {
        values.push(one(headers, name)?.ok_or_else(|| {
            refused(
                name,
                "",
                example,
                "`Producer-Id`, `Producer-Epoch` and `Producer-Seq` come all three or not at all",
            )
        })?);
    }
    let &[id, epoch, seq] = values.as_slice() else { return Ok(None) };
    let id = ProducerId::parse(id.as_bytes())
        .map_err(|error| refused(&PRODUCER_ID, &lossy(id), "writer-1", &format!("`Producer-Id` {error}")))?;
    Ok(Some(ProducerMark { id, epoch: number(&PRODUCER_EPOCH, epoch)?, seq: number(&PRODUCER_SEQ, seq)? }))
}

/// The one value of a header: which of two was meant nobody can tell.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(first), Some(second)) => Err(refused(name, &lossy(second), &lossy(first), "the header may be sent once")),
        (first, _) => Ok(first),
    }
}

fn number(name: &HeaderName, value: &HeaderValue) -> Result<u64, Problem> {
    let text = lossy(value);
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= NUMBER_MAX);
    number.ok_or_else(|| refused(name, &text, "0", &format!("a whole number from 0 to {NUMBER_MAX}, in digits only")))
}

/// Appends what its publisher numbers; `is_empty` when the request has no body.
pub(super) async fn append(
    stream: &Stream,
    append: Append,
    sequencing: Sequencing,
    is_empty: bool,
) -> Result<Response, Problem> {
    let wanted = sequencing.clone();
    match stream.append_sequenced(append, sequencing).await {
        Ok(Sequenced::Accepted(appended)) => Ok(accepted(&appended, &wanted, is_empty)),
        Ok(Sequenced::Duplicate(last)) => Ok(duplicate(stream, last)),
        Err(error) if error.kind() == ErrorKind::StreamClosed => closed_already(stream, false),
        Err(error) => {
            let kind = error.kind();
            Err(explain(stream, kind, &wanted, error.into()))
        }
    }
}

/// 200 when a producer's records were stored, which tells it apart from a duplicate's 204; else 204.
fn accepted(appended: &Appended, sequencing: &Sequencing, is_empty: bool) -> Response {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(head::NEXT_OFFSET, head::offset(Position(appended.next)));
    if let Some(closure) = &appended.closure {
        head::closed(&mut headers, closure);
    }
    let is_produced = echo(&mut headers, sequencing);
    let status = if is_produced && !is_empty { StatusCode::OK } else { StatusCode::NO_CONTENT };
    (status, headers).into_response()
}

/// Says which append of its producer a stored one is; whether it has one.
pub(super) fn echo(headers: &mut HeaderMap, sequencing: &Sequencing) -> bool {
    let Some(mark) = &sequencing.producer else { return false };
    headers.insert(PRODUCER_EPOCH, mark.epoch.into());
    headers.insert(PRODUCER_SEQ, mark.seq.into());
    true
}

/// The highest number accepted, and the offset after it; of a closed stream the final one.
fn duplicate(stream: &Stream, last: ProducerState) -> Response {
    let mut headers = head::progress(stream, last.next);
    if headers.contains_key(head::CLOSED) {
        headers.insert(head::NEXT_OFFSET, head::offset(Position(stream.state().tail)));
    }
    headers.insert(PRODUCER_EPOCH, last.epoch.into());
    headers.insert(PRODUCER_SEQ, last.seq.into());
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Adds to a refusal what its producer needs to go on.
pub(super) fn explain(stream: &Stream, kind: ErrorKind, sequencing: &Sequencing, problem: Problem) -> Problem {
    match (kind, &sequencing.producer, &sequencing.stream_seq) {
        (ErrorKind::StreamSeqRegressed, _, Some(given)) => {
            let last = stream.stream_seq().map(|last| last.to_string()).unwrap_or_default();
            problem.about(STREAM_SEQ.as_str(), given.to_string(), format!("{last}0"))
        }
        (_, Some(mark), _) => explain_producer(kind, mark, problem),
        _ => problem,
    }
}

/// The same for refusals that need no stream to be explained.
pub(super) fn explain_producer(kind: ErrorKind, mark: &ProducerMark, problem: Problem) -> Problem {
    match kind {
        ErrorKind::ProducerFenced { epoch } => problem
            .about(PRODUCER_EPOCH.as_str(), mark.epoch.to_string(), epoch.saturating_add(1).to_string())
            .with_header(PRODUCER_EPOCH, epoch.into()),
        ErrorKind::ProducerGap { expected } => problem
            .about(PRODUCER_SEQ.as_str(), mark.seq.to_string(), expected.to_string())
            .with_header(PRODUCER_EXPECTED_SEQ, expected.into())
            .with_header(PRODUCER_RECEIVED_SEQ, mark.seq.into()),
        ErrorKind::ProducerLateStart => problem.about(PRODUCER_SEQ.as_str(), mark.seq.to_string(), "0"),
        _ => problem,
    }
}

fn refused(name: &HeaderName, value: &str, example: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidHeader, detail).about(name.as_str(), value, example)
}

fn lossy(value: &HeaderValue) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

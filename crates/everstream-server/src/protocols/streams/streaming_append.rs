//! `POST` with `Everstream-Append: streaming`: each complete event of an endless body is appended as it arrives.
//!
//! What was acknowledged stays, whatever becomes of the rest. The body is read no faster than the log acknowledges: a
//! publisher that is too fast is slowed down by its own socket.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everstream_hub::{Append, Appended, Close, ErrorKind, EventId, Stream};
use everstream_log::Offset;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::append::{closed_already, wanted_close};
use super::head::{self, NEXT_OFFSET};
use super::position::Position;
use super::{payload, sequence, state};
use crate::access::{self, Grant};
use crate::app::App;
use crate::body::{EVERSTREAM_APPEND, is_streaming_append};
use crate::problem::{Code, Problem};
use feed::Feed;

mod feed;

/// What the reply says: the ids of the first and the last record, and how many there are.
#[derive(Debug, Serialize)]
struct Reply {
    first: Option<String>,
    last: Option<String>,
    records: u64,
}

/// What has been acknowledged so far.
#[derive(Debug, Default)]
struct Tally {
    first: Option<Offset>,
    next: Option<Offset>,
    records: u64,
}

/// Whether the request asks for it.
///
/// # Errors
/// `invalid_header` for any other value than `streaming`.
pub(super) fn is_wanted(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(EVERSTREAM_APPEND) {
        Some(other) if !is_streaming_append(headers) => Err(Problem::new(
            Code::InvalidHeader,
            "the only value is `streaming`",
        )
        .about(EVERSTREAM_APPEND.as_str(), String::from_utf8_lossy(other.as_bytes()), "streaming")),
        wanted => Ok(wanted.is_some()),
    }
}

/// Appends until the body ends.
pub(super) async fn append(
    app: &App,
    grant: &Grant<access::Append>,
    parts: &Parts,
    body: Body,
) -> Result<Response, Problem> {
    let close = wanted_close(&parts.headers)?;
    sequence::refuse(&parts.headers, "a streaming append is many appends; number them one request each, without it")?;
    payload::check_coding(&parts.headers)?;
    let stream = app.hub.stream(grant.stream()).await?;
    let content_type =
        sequence::one(&parts.headers, &CONTENT_TYPE)?.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let feed = Feed::open(&stream, content_type.as_deref().unwrap_or_default(), app.config.max_event_bytes.0)?;
    let mut tally = Tally::default();
    let carried = carry(&stream, feed, body, close, app.hub.tasks().draining(), &mut tally).await;
    let next = tally.next.unwrap_or_else(|| stream.state().tail);
    match carried {
        Ok(()) => {
            let mut response = state::json(&tally.reply(&stream)).into_response();
            response.headers_mut().extend(head::progress(&stream, next));
            Ok(response)
        }
        Err(problem) => Err(problem.with_header(NEXT_OFFSET, head::offset(Position(next)))),
    }
}

async fn carry(
    stream: &Stream,
    mut feed: Feed,
    mut body: Body,
    close: Option<Close>,
    draining: &CancellationToken,
    tally: &mut Tally,
) -> Result<(), Problem> {
    while let Some(chunk) = next_chunk(stream, &mut body, draining).await? {
        feed.push(&chunk);
        let (records, refused) = feed.take();
        if !records.is_empty() {
            tally.count(&commit(stream, Append { records, close: None }).await?);
        }
        if let Some(problem) = refused {
            return Err(problem);
        }
    }
    let records: Vec<Bytes> = feed.finish()?.into_iter().collect();
    if !records.is_empty() || close.is_some() {
        tally.count(&commit(stream, Append { records, close }).await?);
    }
    Ok(())
}

async fn commit(stream: &Stream, append: Append) -> Result<Appended, Problem> {
    match stream.append(append).await {
        Err(error) if error.kind() == ErrorKind::StreamClosed => Err(ended(stream)),
        other => Ok(other?),
    }
}

/// The next bytes of the upload; `None` at its end. Every branch only waits, so that dropping the others loses nothing.
async fn next_chunk(stream: &Stream, body: &mut Body, draining: &CancellationToken) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = stream.ended() => return Err(ended(stream)),
            () = draining.cancelled() => {
                return Err(Problem::new(Code::Draining, "the server is shutting down; go on behind what was appended"));
            }
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Problem::new(Code::IncompleteBody, format!("the body broke off: {error}")));
            }
            Some(Ok(frame)) => {
                // Trailers say nothing here.
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
        }
    }
}

/// Somebody else ended the stream under the upload.
fn ended(stream: &Stream) -> Problem {
    closed_already(stream, false).err().unwrap_or_else(|| Problem::new(Code::StreamClosed, "the stream is closed"))
}

impl Tally {
    fn count(&mut self, appended: &Appended) {
        let records = appended.next.since(appended.first);
        self.next = Some(appended.next);
        if records > 0 {
            self.first.get_or_insert(appended.first);
            self.records += records;
        }
    }

    /// Other publishers may have appended between ours: `first`, `last` and `records` need not fit together.
    fn reply(&self, stream: &Stream) -> Reply {
        let id = |next: Offset| EventId::new(stream.epoch(), next).to_string();
        Reply {
            first: self.first.map(|first| id(first.plus(1))),
            last: self.next.filter(|_| self.records > 0).map(id),
            records: self.records,
        }
    }
}

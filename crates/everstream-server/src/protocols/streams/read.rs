//! `GET` without a live mode: a bounded read in the stream's own type.

use axum::response::{IntoResponse, Response};
use everstream_hub::{End, Stream, StreamState};
use everstream_log::Offset;
use http::header::{CACHE_CONTROL, ETAG, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::entity_tag::EntityTag;
use super::head::{self, CLOSE_REASON, CLOSED, NEXT_OFFSET, TRUE, UP_TO_DATE};
use super::joined::join_runs;
use super::not_acceptable;
use super::position::{Position, ReadFrom};
use super::query::Query;
use crate::accept::Accept;
use crate::access::{Grant, Read};
use crate::app::App;
use crate::pieces::Pieces;
use crate::problem::Problem;

/// May be kept by the client itself, but asked about each time: the next append belongs to the same answer, and a stream
/// may be deleted and made anew under its URL. A client that has it all is told so without a read.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Consecutive records and how the stream stood just behind the read.
pub(super) struct Page {
    pub(super) start: Offset,
    /// The offset behind them; where the next read begins.
    pub(super) next: Offset,
    body: Pieces,
    /// Taken after the read: who is told to be up to date, or at the end, has everything that was there by then.
    pub(super) state: StreamState,
}

/// Records from `offset` on, up to one page.
pub(super) async fn read(
    app: &App,
    grant: &Grant<Read>,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Response, Problem> {
    let wanted = ReadFrom::parse(query)?;
    let stream = app.hub.stream(grant.stream()).await?;
    check_accept(&stream, headers)?;
    let state = stream.state();
    let start = wanted.resolve(&state)?;
    if wanted == ReadFrom::Now {
        stream.touch();
        return Ok(Page::empty(&stream, start, state).respond(StatusCode::OK));
    }
    let tag = EntityTag::of(&state, start, state.tail);
    if tag.is_held_by(headers) {
        // The tag says that one page reached from here to the tail, which has not moved.
        stream.touch();
        return Ok(not_modified(&state, tag));
    }
    let page = Page::read(app, &stream, start).await?;
    let tag = page.tag();
    if tag.is_held_by(headers) {
        return Ok(not_modified(&page.state, tag));
    }
    let mut response = page.respond(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, REVALIDATED);
    headers.insert(ETAG, tag.to_value());
    Ok(response)
}

/// Whether the client takes the stream's own type.
pub(super) fn check_accept(stream: &Stream, headers: &HeaderMap) -> Result<(), Problem> {
    let own_type = stream.settings().content_type.as_str();
    if Accept::of(headers).allows(own_type) { Ok(()) } else { Err(not_acceptable(own_type)) }
}

fn not_modified(state: &StreamState, tag: EntityTag) -> Response {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CACHE_CONTROL, REVALIDATED);
    headers.insert(ETAG, tag.to_value());
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(epoch) = HeaderValue::try_from(state.epoch.as_str()) {
        headers.insert(crate::sse_body::STREAM_EPOCH, epoch);
    }
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

impl Page {
    /// The page that begins at `start`.
    ///
    /// # Errors
    /// As [`Stream::read_with`].
    pub(super) async fn read(app: &App, stream: &Stream, start: Offset) -> Result<Self, Problem> {
        let page = app.history.page(stream, start).await?;
        Ok(Self { start, next: page.next, body: page.body, state: stream.state() })
    }

    fn empty(stream: &Stream, at: Offset, state: StreamState) -> Self {
        Self { start: at, next: at, body: Pieces::new(join_runs(stream.content(), &[], None), None), state }
    }

    /// Whether there is no record in it.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.next
    }

    fn tag(&self) -> EntityTag {
        EntityTag::of(&self.state, self.start, self.next)
    }

    /// The records as a body, and in the head where they lead. Nobody keeps it, unless the caller says otherwise.
    pub(super) fn respond(&self, status: StatusCode) -> Response {
        let next = self.next;
        let mut headers = head::describe(&self.state);
        headers.insert(NEXT_OFFSET, head::offset(Position(next)));
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        if next == self.state.tail {
            headers.insert(UP_TO_DATE, TRUE);
        } else if let Some(End::Closed(_)) = self.state.end {
            headers.remove(CLOSED);
            headers.remove(CLOSE_REASON);
        }
        if status == StatusCode::NO_CONTENT {
            return (status, headers).into_response();
        }
        (status, headers, self.body.clone()).into_response()
    }
}

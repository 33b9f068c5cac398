//! `GET ?live=long-poll`: a bounded read that waits when there is nothing yet.

use axum::response::Response;
use everstream_hub::{End, Stream};
use everstream_log::Offset;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::cursor::Cursor;
use crate::access::{Grant, Read};
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::protocols::streams::position::ReadFrom;
use crate::protocols::streams::query::Query;
use crate::protocols::streams::read::{Page, check_accept};

const STREAM_CURSOR: HeaderName = HeaderName::from_static("stream-cursor");

/// 200 with what comes after `offset`, as soon as there is something; 204 when `long_poll_timeout` passes, the server
/// drains, or the stream is closed and has nothing more. Of a stranded stream that has nothing more it says why.
pub(super) async fn get(
    app: &App,
    grant: &Grant<Read>,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Response, Problem> {
    let wanted = ReadFrom::parse_live(query)?;
    let stream = app.hub.stream(grant.stream()).await?;
    check_accept(&stream, headers)?;
    let start = wanted.resolve(&stream.state())?;
    let mut cursor = Cursor::of(query, app.hub.clock().now(), &mut fastrand::Rng::new());
    until_news(app, &stream, start).await?;
    let page = page(app, &stream, start).await?;
    if let Some(error) = stream.stranded().filter(|_| page.is_empty() && page.state.end.is_none()) {
        return Err(error.into());
    }
    let status = if page.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::OK };
    let mut response = page.respond(status);
    let headers = response.headers_mut();
    if status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_TYPE);
    }
    // At the end of a closed stream nobody asks again.
    if status == StatusCode::OK || page.state.end.is_none() {
        headers.insert(STREAM_CURSOR, HeaderValue::from(cursor.tell(app.hub.clock().now())));
    }
    Ok(response)
}

/// Returns once something may be there. What is appended between the look at the tail and the subscription is found by
/// the subscription's own look, so that no wake-up is lost.
async fn until_news(app: &App, stream: &Stream, start: Offset) -> Result<(), Problem> {
    let state = stream.state();
    if start < state.tail || state.end.is_some() {
        return Ok(());
    }
    let mut subscription = stream.subscribe(start)?;
    let draining = app.hub.tasks().draining().child_token();
    tokio::select! {
        () = subscription.news() => {}
        () = tokio::time::sleep(app.config.long_poll_timeout) => {}
        () = draining.cancelled() => {}
    }
    Ok(())
}

/// What there is now; a stream that went away meanwhile is not there any more.
async fn page(app: &App, stream: &Stream, start: Offset) -> Result<Page, Problem> {
    let page = Page::read(app, stream, start).await;
    if let Some(End::Deleted | End::Expired) = stream.state().end {
        return Err(Problem::new(Code::StreamNotFound, format!("stream {} is gone", stream.name())));
    }
    page
}

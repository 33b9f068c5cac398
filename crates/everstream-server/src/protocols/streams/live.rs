//! `GET` with `live`: the live modes of Durable Streams.
//!
//! | mode | where |
//! |---|---|
//! | `live=long-poll` | [`long_poll`]: a bounded read that waits when there is nothing yet |
//! | `live=sse` | [`sse`]: an event stream of batches, [`wire`] |
//!
//! Both say a [`cursor`], which keeps a cache between us and many clients from answering them with the same old answer.

use axum::response::Response;
use http::HeaderMap;

use super::invalid_parameter;
use super::query::Query;
use crate::access::{Grant, Read};
use crate::app::App;
use crate::problem::Problem;

mod cursor;
mod long_poll;
mod sse;
mod wire;

/// Answers `GET ?live=<mode>`.
pub(super) async fn get(
    app: &App,
    grant: &Grant<Read>,
    headers: &HeaderMap,
    query: &Query,
    mode: &str,
) -> Result<Response, Problem> {
    match mode {
        "long-poll" => long_poll::get(app, grant, headers, query).await,
        "sse" => sse::get(app, grant, headers, query).await,
        other => Err(invalid_parameter("live", other, "sse", "the live modes are `long-poll` and `sse`")),
    }
}

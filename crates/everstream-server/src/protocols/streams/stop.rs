//! `POST ?action=stop`: end a stream for everybody, whoever produces it.

use axum::response::{IntoResponse, Response};
use everstream_hub::Stopped;
use everstream_log::Epoch;
use http::StatusCode;

use super::query::Query;
use super::{invalid_parameter, state};
use crate::access::{Grant, Stop};
use crate::app::App;
use crate::problem::Problem;

/// Closes an open stream as `stopped`: 202 when this did it, 200 when the stream had ended or is not the one meant.
/// The body of the request does not matter, so that `sendBeacon` can send it.
pub(super) async fn stop(app: &App, grant: &Grant<Stop>, query: &Query) -> Result<Response, Problem> {
    let epoch = query.one("epoch")?.map(parse_epoch).transpose()?;
    let stream = app.hub.stream(grant.stream()).await?;
    let status = match stream.stop(epoch).await? {
        Stopped::Now(_) => StatusCode::ACCEPTED,
        Stopped::AlreadyEnded(_) | Stopped::OtherEpoch => StatusCode::OK,
    };
    let mut response = state::respond(&stream).into_response();
    *response.status_mut() = status;
    Ok(response)
}

/// An empty one is refused, too: it is a client that lost the epoch it meant, and might hit a newer stream.
fn parse_epoch(text: &str) -> Result<Epoch, Problem> {
    Epoch::parse(text).map_err(|broken| invalid_parameter("epoch", text, "k3v9x2ab", &broken.to_string()))
}

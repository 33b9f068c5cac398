//! Request bodies that are read whole, within `max_body_bytes`.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::config::ByteSize;
use crate::problem::{Code, Problem};

/// Asks for an append that goes on as long as the body does.
pub const EVERSTREAM_APPEND: HeaderName = HeaderName::from_static("everstream-append");

/// A whole request body, as an extractor. The bound is `max_body_bytes`; a refused body is not read further.
#[derive(Debug, Clone)]
pub struct WholeBody(pub Bytes);

impl FromRequest<App> for WholeBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read_whole(request.into_body(), app.config.max_body_bytes).await.map(Self)
    }
}

/// Reads `body` to its end.
///
/// # Errors
/// `body_too_large` over `bytes_max`, `incomplete_body` when the client broke off.
///
/// # Cancel safety
/// Dropped, it has lost what it read.
pub async fn read_whole(body: Body, bytes_max: ByteSize) -> Result<Bytes, Problem> {
    match Limited::new(body, bytes_max.0).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(error) => Err(Problem::new(Code::IncompleteBody, format!("the body broke off: {error}"))),
    }
}

/// The refusal of a body over `bytes_max`.
#[must_use]
pub fn too_large(bytes_max: ByteSize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is over max_body_bytes ({bytes_max})"))
}

/// Whether the request asks for a streaming append, whose body has no bound of its own.
#[must_use]
pub fn is_streaming_append(headers: &HeaderMap) -> bool {
    headers.get(EVERSTREAM_APPEND).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"streaming"))
}

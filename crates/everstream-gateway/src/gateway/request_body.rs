//! The body of a POST: read whole where it may be an ask, else carried as it comes.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::options::Options;
use crate::upstream::Body;
use crate::{BodyStream, Dialect, Error, ErrorKind};

/// Reads a body of a type that asks have; uploads and the like stay a stream.
///
/// # Errors
/// `BodyTooLarge`, `IncompleteBody`.
pub(super) async fn read(headers: &HeaderMap, body: BodyStream, bytes_max: usize) -> Result<Body, Error> {
    if may_hold_an_ask(headers) { whole(body, bytes_max).await.map(Body::Whole) } else { Ok(Body::Stream(body)) }
}

/// Whether the caller means to get its answer in events.
pub(super) fn is_ask(dialect: Dialect, headers: &HeaderMap, body: &Body, options: &Options) -> bool {
    let Body::Whole(bytes) = body else { return false };
    let wants = dialect.wants_events(bytes);
    match dialect {
        Dialect::OpenAiChat => wants,
        Dialect::Sse => wants || options.are_given() || accepts_events(headers),
    }
}

fn may_hold_an_ask(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || matches!(&*essence, "" | "application/json" | "application/x-www-form-urlencoded")
}

async fn whole(mut body: BodyStream, bytes_max: usize) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk
            .map_err(|error| Error::new(ErrorKind::IncompleteBody, "the request body broke off").caused_by(error))?;
        if whole.len() + first.len() + chunk.len() > bytes_max {
            let context = format!("the body is larger than the limit of {bytes_max} bytes");
            return Err(Error::new(ErrorKind::BodyTooLarge, context));
        }
        // Most bodies are one chunk: it is taken as it is.
        if whole.is_empty() && first.is_empty() {
            first = chunk;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&chunk);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Whether `Accept` names `text/event-stream` and does not exclude it.
fn accepts_events(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = lists.flat_map(|list| list.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("text/event-stream"));
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let is_excluded = quality.and_then(|quality| quality.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        is_named && !is_excluded
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::BoxError;

    fn chunks(parts: &[Result<&'static str, &'static str>]) -> BodyStream {
        let parts: Vec<Result<Bytes, BoxError>> =
            parts.iter().map(|part| part.map(Bytes::from_static_str).map_err(BoxError::from)).collect();
        Box::pin(futures_util::stream::iter(parts))
    }

    trait FromStaticStr {
        fn from_static_str(text: &'static str) -> Self;
    }

    impl FromStaticStr for Bytes {
        fn from_static_str(text: &'static str) -> Self {
            Self::from_static(text.as_bytes())
        }
    }

    #[tokio::test]
    async fn a_body_is_put_together_up_to_its_limit() {
        assert_eq!(whole(chunks(&[Ok("ab"), Ok(""), Ok("cd")]), 4).await.unwrap(), "abcd");
        assert_eq!(whole(chunks(&[]), 4).await.unwrap(), "");
        assert_eq!(whole(chunks(&[Ok("abc"), Ok("de")]), 4).await.unwrap_err().kind(), ErrorKind::BodyTooLarge);
        assert_eq!(whole(chunks(&[Ok("abc"), Err("reset")]), 4).await.unwrap_err().kind(), ErrorKind::IncompleteBody);
    }

    #[test]
    fn uploads_are_not_read() {
        for (content_type, read) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.x+json", true),
            ("text/plain", true),
            ("multipart/form-data; boundary=b", false),
            ("audio/wav", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(may_hold_an_ask(&headers), read, "{content_type}");
        }
    }

    #[test]
    fn events_are_accepted_where_they_are_named_and_not_excluded() {
        for (accept, accepts) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.5", true),
            ("text/event-stream;q=0", false),
            ("text/event-stream; q=0.000", false),
            ("*/*", false),
            ("text/*", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepts_events(&headers), accepts, "{accept}");
        }
    }
}

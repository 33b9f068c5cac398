//! One request of a reader, and what its answer says.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;

use super::position::Facts;
use super::{Live, ReadOptions};
use crate::connect::{encoded, refusal, unreachable};
use crate::error::{Error, ErrorKind};
use crate::subscriber::chunk;

/// Requests that bring nothing are at least this far apart: no server can make a reader spin.
const EMPTY_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// A whole answer, and how long to wait before the next request.
    Page {
        data: Bytes,
        facts: Facts,
        pause: Duration,
    },
    /// An event stream begins.
    Listening {
        response: Box<Response>,
        is_base64: bool,
    },
    Busy {
        retry_after: Option<Duration>,
        error: Error,
    },
    NotConnected(Error),
    Refused(Error),
}

pub(super) fn request(http: &Client, url: &Url, headers: &HeaderMap, query: &[(&str, &str)]) -> RequestBuilder {
    let mut url = url.clone();
    url.query_pairs_mut().extend_pairs(query);
    let mut all = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    if query.contains(&("live", "sse")) {
        all.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    }
    all.extend(headers.clone());
    http.get(url).headers(all)
}

pub(super) async fn ask(request: RequestBuilder, live: Live, options: ReadOptions) -> Answer {
    let asked = Instant::now();
    let response = match tokio::time::timeout(options.head_timeout, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Answer::NotConnected(unreachable(error)),
        Err(elapsed) => {
            let context = format!("no answer within {} s", options.head_timeout.as_secs());
            return Answer::NotConnected(Error::new(ErrorKind::Unreachable, context).caused_by(elapsed));
        }
    };
    if response.status() == StatusCode::OK
        && let Some(error) = encoded(&response)
    {
        return Answer::Refused(error);
    }
    match response.status().as_u16() {
        200 if live == Live::Sse => listen(response),
        200 | 204 => page(response, asked, &options).await,
        429 | 500..=599 => {
            let retry_after = text(response.headers(), RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
            Answer::Busy { retry_after: retry_after.map(Duration::from_secs), error: refusal(response).await }
        }
        _ => Answer::Refused(refusal(response).await),
    }
}

fn listen(response: Response) -> Answer {
    let content_type = text(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("text/event-stream") {
        let context = format!("the answer is {content_type:?}, not \"text/event-stream\"");
        return Answer::Refused(Error::new(ErrorKind::UnexpectedAnswer, context));
    }
    let is_base64 = text(response.headers(), "stream-sse-data-encoding").is_some_and(|text| text == "base64");
    Answer::Listening { response: Box::new(response), is_base64 }
}

async fn page(mut response: Response, asked: Instant, options: &ReadOptions) -> Answer {
    let is_true = |name| text(response.headers(), name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let owned = |name| text(response.headers(), name).map(ToOwned::to_owned);
    let Some(next_offset) = owned("stream-next-offset") else {
        let context = "the answer has no Stream-Next-Offset: it is no stream of this protocol";
        return Answer::Refused(Error::new(ErrorKind::UnexpectedAnswer, context));
    };
    let facts = Facts {
        next_offset,
        cursor: owned("stream-cursor"),
        is_up_to_date: is_true("stream-up-to-date"),
        is_closed: is_true("stream-closed"),
        close_reason: owned("stream-close-reason"),
    };
    let is_json = owned(CONTENT_TYPE.as_str()).is_some_and(|text| text.to_ascii_lowercase().contains("json"));
    let mut data = BytesMut::new();
    loop {
        match chunk(&mut response, options.read_timeout).await {
            Ok(None) => break,
            Ok(Some(chunk)) => data.extend_from_slice(&chunk),
            Err(cause) => return Answer::NotConnected(cause),
        }
        if data.len() > options.piece_bytes_max {
            return Answer::Refused(too_large(options));
        }
    }
    // An array without values is as empty as no array.
    if is_json && data.trim_ascii() == b"[]" {
        data.clear();
    }
    let is_last = facts.is_closed || (facts.is_up_to_date && options.live == Live::Not);
    let pause =
        if data.is_empty() && !is_last { EMPTY_INTERVAL_MIN.saturating_sub(asked.elapsed()) } else { Duration::ZERO };
    Answer::Page { data: data.freeze(), facts, pause }
}

pub(super) fn too_large(options: &ReadOptions) -> Error {
    Error::new(ErrorKind::EventTooLarge, format!("a piece is larger than {} bytes", options.piece_bytes_max))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

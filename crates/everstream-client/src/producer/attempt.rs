//! One attempt to append, and what its answer says.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use super::ProducerOptions;
use super::batch::Batch;
use super::pipeline::Reply;
use crate::connect::{redirected, refusal, unreachable};
use crate::error::{Error, ErrorKind};
use crate::reconnect::Disconnect;

/// The longest id, in bytes, as the server has it.
const ID_BYTES_MAX: usize = 256;
/// The highest epoch: JavaScript's largest exact number.
const EPOCH_MAX: u64 = (1 << 53) - 1;

/// Makes attempts: everything that is the same for each.
#[derive(Debug)]
pub(super) struct Attempts {
    http: Client,
    url: Url,
    headers: HeaderMap,
    id: String,
    answer_timeout: Duration,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) verdict: Verdict,
    pub(super) next_offset: Option<String>,
    /// What there is to say if it comes to nothing.
    pub(super) error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Reply(Reply),
    /// Sending it again would not help.
    Never,
}

impl Attempts {
    pub(super) fn new(
        http: Client,
        url: Url,
        mut headers: HeaderMap,
        content_type: &str,
        options: &ProducerOptions,
    ) -> Result<Self, Error> {
        let ProducerOptions { id, epoch, answer_timeout, .. } = options;
        let invalid = |why: &str| Error::new(ErrorKind::InvalidProducer, why);
        let value = HeaderValue::from_str(id).ok().filter(|_| (1..=ID_BYTES_MAX).contains(&id.len()));
        let value = value.ok_or_else(|| {
            invalid(&format!("{id:?} is no producer id: 1 to 256 visible characters; try \"writer-1\""))
        })?;
        if *epoch > EPOCH_MAX {
            return Err(invalid(&format!("{epoch} is no producer epoch: at most {EPOCH_MAX}; try 0")));
        }
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| invalid(&format!("{content_type:?} is no content type; try \"application/json\"")))?;
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert("producer-id", value);
        Ok(Self { http, url, headers, id: id.clone(), answer_timeout: *answer_timeout })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// An attempt that begins when it is first polled.
    pub(super) fn send(&self, epoch: u64, seq: u64, batch: &Batch) -> impl Future<Output = Answer> + Send + use<> {
        let mut request = self.http.post(self.url.clone()).headers(self.headers.clone());
        request = request.header("producer-epoch", epoch).header("producer-seq", seq);
        if let Some(reason) = &batch.close {
            request = request.header("stream-closed", "true").header("stream-close-reason", reason.as_str());
        }
        let request = request.body(batch.body.clone());
        let closes_only = batch.body.is_empty();
        let (limit, url) = (self.answer_timeout, self.url.clone());
        async move {
            let answered = tokio::time::timeout(limit, async {
                let response = request.send().await.map_err(unreachable)?;
                Ok::<_, Error>(judge(response, &url, closes_only).await)
            });
            let (verdict, next_offset, error) = match answered.await {
                Ok(Ok(judged)) => judged,
                Ok(Err(error)) => (later(Disconnect::NotConnected), None, Some(error)),
                Err(elapsed) => {
                    let context = format!("no answer to an append within {} s", limit.as_secs());
                    let error = Error::new(ErrorKind::Unreachable, context).caused_by(elapsed);
                    (later(Disconnect::Cut), None, Some(error))
                }
            };
            Answer { epoch, seq, verdict, next_offset, error }
        }
    }

    pub(super) fn unexplained() -> Error {
        Error::new(ErrorKind::UnexpectedAnswer, "the append failed without an explanation")
    }
}

const fn later(how: Disconnect) -> Verdict {
    Verdict::Reply(Reply::Later(how))
}

/// Reads an answer as clause 5.2.1 of the protocol states it.
async fn judge(response: Response, asked: &Url, closes_only: bool) -> (Verdict, Option<String>, Option<Error>) {
    let status = response.status().as_u16();
    let headers = response.headers();
    if !headers.contains_key("producer-seq")
        && let Some(error) = redirected(&response, asked)
    {
        return (Verdict::Never, None, Some(error));
    }
    let next_offset = text(headers, "stream-next-offset").map(ToOwned::to_owned);
    let number = |name| text(headers, name).and_then(|text| text.parse::<u64>().ok());
    let is_closed = text(headers, "stream-closed").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let reply = match (status, number("producer-seq"), number("producer-expected-seq"), number("producer-epoch")) {
        // A close without records has the same status whether it is new or not.
        (200..=299, _, _, _) if status != 204 || closes_only => Some(Reply::Stored),
        (204, Some(highest), _, _) => Some(Reply::Duplicate { highest }),
        (403, _, _, Some(epoch)) => Some(Reply::Fenced { epoch }),
        (409, _, Some(expected), _) if !is_closed => Some(Reply::Gap { expected }),
        (408 | 429 | 500..=599, _, _, _) => {
            let retry_after = text(headers, RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
            Some(Reply::Later(Disconnect::Busy { retry_after: retry_after.map(Duration::from_secs) }))
        }
        _ => None,
    };
    match reply {
        Some(reply @ Reply::Later(_)) => (Verdict::Reply(reply), None, Some(refusal(response).await)),
        Some(reply) => (Verdict::Reply(reply), next_offset, None),
        None if status == 204 => {
            let context = "the server does not know idempotent producers: a repeated append would stand twice";
            (Verdict::Never, None, Some(Error::new(ErrorKind::UnexpectedAnswer, context)))
        }
        None => {
            let kind = if status == 409 && is_closed { ErrorKind::StreamClosed } else { ErrorKind::Refused(status) };
            (Verdict::Never, None, Some(refusal(response).await.of_kind(kind)))
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

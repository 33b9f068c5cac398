//! Creating, appending to and closing a stream.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStream, TryStreamExt as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Body, Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::Value;

use crate::connect::{redirected, refusal, unreachable};
use crate::end::CloseReason;
use crate::error::{Error, ErrorKind};
use crate::request::parse_url;

/// A publisher to one stream.
#[derive(Debug, Clone)]
pub struct Publisher {
    http: Client,
    url: Url,
    headers: HeaderMap,
    answer_timeout: Duration,
}

/// How long the server may take to answer a request without a body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a stream had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    New,
    /// It was there already, with equal settings.
    Existing,
}

/// What a streaming append has stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Appended {
    /// Position of the first record, as the server writes it.
    #[serde(default)]
    pub first: Value,
    /// Position of the last record, likewise.
    #[serde(default)]
    pub last: Value,
    /// Records stored.
    pub records: u64,
}

impl Publisher {
    /// A publisher to the stream at `url`; `headers` go with every request.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`].
    pub fn new(http: Client, url: &str, headers: HeaderMap) -> Result<Self, Error> {
        Ok(Self { http, url: parse_url(url)?, headers, answer_timeout: ANSWER_TIMEOUT })
    }

    /// The same with another limit for how long the server may take to answer a request without a body, 60 s by default.
    /// Appends have none: they take as long as their bytes do.
    #[must_use]
    pub const fn with_answer_timeout(mut self, answer_timeout: Duration) -> Self {
        self.answer_timeout = answer_timeout;
        self
    }

    /// The content type of the stream, or `None` when there is no such stream.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Refused`].
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn content_type(&self) -> Result<Option<String>, Error> {
        let response = self.short(self.http.head(self.url.clone())).send().await.map_err(unreachable)?;
        match response.status().as_u16() {
            404 | 410 => Ok(None),
            200..=299 => {
                let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                Ok(Some(content_type.unwrap_or("application/octet-stream").to_owned()))
            }
            _ => Err(refusal(response).await),
        }
    }

    /// Makes the stream, unless it is there already with this type.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`]; [`ErrorKind::Refused`], with 409 when it is there with other settings.
    ///
    /// # Cancel safety
    /// It may have been made or not; asking again is safe.
    pub async fn create(&self, content_type: &str) -> Result<Created, Error> {
        let request = self.short(self.http.put(self.url.clone())).header(CONTENT_TYPE, content_type);
        let response = accepted(request).await?;
        Ok(if response.status().as_u16() == 201 { Created::New } else { Created::Existing })
    }

    /// Appends `body`, all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] and [`ErrorKind::UnexpectedAnswer`] (a redirect), after which it may have been stored or
    /// not; [`ErrorKind::Refused`].
    ///
    /// # Cancel safety
    /// It may have been stored or not.
    pub async fn append(&self, content_type: &str, body: impl Into<Bytes>) -> Result<(), Error> {
        let request = self.request(self.http.post(self.url.clone())).header(CONTENT_TYPE, content_type);
        taken(request.body(body.into())).await.map(drop)
    }

    /// Appends each complete event or line of `chunks` as it comes, visible at once. `chunks` is pulled only as fast
    /// as the server takes it.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] or, when `chunks` gives an error, [`ErrorKind::Source`], after which a complete
    /// beginning of `chunks` may be stored; [`ErrorKind::Refused`]; [`ErrorKind::UnexpectedAnswer`].
    ///
    /// # Cancel safety
    /// The upload is broken off; what was complete stays stored.
    pub async fn append_streaming<S>(&self, content_type: &str, chunks: S) -> Result<Appended, Error>
    where
        S: TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let request = self.request(self.http.post(self.url.clone())).header(CONTENT_TYPE, content_type);
        let request =
            request.header("everstream-append", "streaming").body(Body::wrap_stream(chunks.map_err(SourceFailed::new)));
        let response = taken(request).await.map_err(|error| SourceFailed::find(&error).unwrap_or(error))?;
        response.json().await.map_err(|error| {
            Error::new(ErrorKind::UnexpectedAnswer, "the answer to the append cannot be read").caused_by(error)
        })
    }

    /// Closes the stream for good.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Refused`], [`ErrorKind::UnexpectedAnswer`] (a redirect).
    ///
    /// # Cancel safety
    /// It may be closed or not; closing again is safe.
    pub async fn close(&self, reason: &CloseReason) -> Result<(), Error> {
        let request = self.short(self.http.post(self.url.clone()));
        let request = request.header("stream-closed", "true").header("stream-close-reason", reason.as_str());
        taken(request).await.map(drop)
    }

    /// Stops the stream and what writes it: it is closed as `stopped`, unless it has ended already.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Refused`], [`ErrorKind::UnexpectedAnswer`] (a redirect).
    ///
    /// # Cancel safety
    /// It may be stopped or not; stopping again is safe.
    pub async fn stop(&self) -> Result<(), Error> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("action", "stop");
        taken(self.short(self.http.post(url))).await.map(drop)
    }

    /// A request without a body.
    fn short(&self, request: RequestBuilder) -> RequestBuilder {
        self.request(request).timeout(self.answer_timeout)
    }

    fn request(&self, request: RequestBuilder) -> RequestBuilder {
        request.headers(self.headers.clone())
    }
}

async fn accepted(request: RequestBuilder) -> Result<Response, Error> {
    let response = request.send().await.map_err(unreachable)?;
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

/// The answer to a `POST` that reached the stream as one.
async fn taken(request: RequestBuilder) -> Result<Response, Error> {
    let (http, request) = request.build_split();
    let request = request.map_err(unreachable)?;
    let asked = request.url().clone();
    let response = http.execute(request).await.map_err(unreachable)?;
    match redirected(&response, &asked) {
        Some(error) => Err(error),
        None if response.status().is_success() => Ok(response),
        None => Err(refusal(response).await),
    }
}

/// The caller's own error on its way through the HTTP client.
#[derive(Debug)]
struct SourceFailed(Box<dyn std::error::Error + Send + Sync>);

impl SourceFailed {
    fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    fn find(error: &Error) -> Option<Error> {
        let mut cause = std::error::Error::source(error);
        while let Some(it) = cause {
            if let Some(found) = it.downcast_ref::<Self>() {
                return Some(Error::new(ErrorKind::Source, found.to_string()));
            }
            cause = it.source();
        }
        None
    }
}

impl std::fmt::Display for SourceFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SourceFailed {}

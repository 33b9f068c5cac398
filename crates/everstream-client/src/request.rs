//! What is asked for on each connection.

use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};

use crate::error::{Error, ErrorKind};

/// A request for an event stream. It is sent again on every reconnect, with the last event id.
#[derive(Debug, Clone)]
pub struct Request {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Request {
    /// A GET of `url`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`].
    pub fn get(url: &str) -> Result<Self, Error> {
        Ok(Self { url: parse_url(url)?, method: Method::GET, headers: HeaderMap::new(), body: None })
    }

    /// A POST of a JSON text to `url`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`].
    pub fn post_json(url: &str, body: impl Into<Bytes>) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { url: parse_url(url)?, method: Method::POST, headers, body: Some(body.into()) })
    }

    /// The same request with headers added. They replace those of the same name, also the ones a subscriber sets by
    /// itself: never two of a kind.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Where it goes.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// A GET of another place with this request's own headers but those about its body and its key.
    pub(crate) fn moved_to(&self, url: Url) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(CONTENT_TYPE);
        headers.remove("idempotency-key");
        Self { url, method: Method::GET, headers, body: None }
    }

    pub(crate) fn build(&self, http: &Client, last_event_id: &str) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // An id that no header can carry is left out: asking from the start beats never asking again.
        if !last_event_id.is_empty()
            && let Ok(id) = HeaderValue::from_bytes(last_event_id.as_bytes())
        {
            headers.insert("last-event-id", id);
        }
        headers.extend(self.headers.clone());
        let builder = http.request(self.method.clone(), self.url.clone()).headers(headers);
        match &self.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        }
    }
}

/// An absolute URL of `http` or `https`.
pub(crate) fn parse_url(text: &str) -> Result<Url, Error> {
    let invalid = |why: &str| {
        let context = format!("{text:?} is no URL to connect to: {why}; try \"http://127.0.0.1:8000/v1/stream/news\"");
        Error::new(ErrorKind::InvalidUrl, context)
    };
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(invalid("it does not begin with http:// or https://")),
    }
}

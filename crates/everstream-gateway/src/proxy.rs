//! The proxy: a call to whatever upstream a trusted caller names, within an allow-list, whose answer becomes a stream of
//! its raw bytes.
//!
//! It is an ask without a mount. The upstream is called first and the stream made once it has answered well, so that an
//! error is the caller's own; from then on the same relay carries the answer as any other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use everstream_hub::{CreateStream, ErrorKind as HubErrorKind, Stream, Tasks};
use everstream_log::{Origin as StreamOrigin, StreamName};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;

use crate::gateway::{Gateway, Plan};
use crate::identity::Annotation;
use crate::presence::Audience;
use crate::relay::{Intake, Origin};
use crate::upstream::{Body, Call, Failure, Upstream, UpstreamAnswer};
use crate::{BodyStream, BoxError, Dialect, DialectChoice, Error, ErrorKind, OnDisconnect, ProxyConfig, header};

pub use allow::{AllowList, AllowedUpstream, InvalidAllowedUpstream};
use resolver::{AddressRefused, Resolver};

mod address;
mod allow;
mod resolver;

/// The first segment of the names of the proxy's streams: reserved, so that no route of streams leads to them.
const NAMES: &str = "__proxy";

/// The type of the proxy's streams: bytes, whatever the upstream's type is.
const CONTENT_TYPE: &str = "application/octet-stream";

/// How much of an upstream's error is handed on.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// The proxy at work. The list and the places are the whole process's, the HTTP client is one worker's.
#[derive(Debug)]
pub(crate) struct Proxy {
    config: Arc<ProxyConfig>,
    /// One for each answer that may be in flight.
    places: Arc<Semaphore>,
    upstream: Upstream,
}

/// A call that a trusted caller wants made.
pub struct ProxyRequest {
    /// The upstream's URL as the caller wrote it.
    pub url: String,
    /// The method of the call.
    pub method: Method,
    /// What the upstream gets as `Authorization`.
    pub authorization: Option<HeaderValue>,
    /// The caller's headers; those that are not about its connection to us go upstream.
    pub headers: HeaderMap,
    /// Its body, as it comes.
    pub body: BodyStream,
}

/// What came of a call.
#[derive(Debug)]
pub enum Proxied {
    /// The upstream answers well; its answer is a stream.
    Streaming {
        /// Where the answer is.
        stream: Stream,
        /// The upstream's type.
        content_type: HeaderValue,
    },
    /// The upstream answers with an error.
    Refused {
        /// The upstream's.
        status: StatusCode,
        /// The upstream's type, if it gave one.
        content_type: Option<HeaderValue>,
        /// When the upstream would be asked again.
        retry_after: Option<HeaderValue>,
        /// The beginning of its body: 64 KiB at most.
        body: Bytes,
    },
}

impl std::fmt::Debug for ProxyRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and queries carry credentials.
        f.debug_struct("ProxyRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Proxy {
    /// The proxy, with its HTTP client on the current runtime.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up, which is tried only where the list has an `https` upstream.
    pub(crate) fn new(config: ProxyConfig, tasks: &Tasks) -> Result<Self, Error> {
        let places = config.in_flight_max.get().min(Semaphore::MAX_PERMITS);
        Self::with(Arc::new(config), Arc::new(Semaphore::new(places)), tasks)
    }

    /// The same proxy for the current runtime.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn again(&self, tasks: &Tasks) -> Result<Self, Error> {
        Self::with(Arc::clone(&self.config), Arc::clone(&self.places), tasks)
    }

    fn with(config: Arc<ProxyConfig>, places: Arc<Semaphore>, tasks: &Tasks) -> Result<Self, Error> {
        let resolver = Resolver::new(Arc::clone(&config.allow));
        let upstream = Upstream::guarded(resolver, config.timeouts, config.allow.has_https(), tasks)?;
        Ok(Self { config, places, upstream })
    }

    /// Calls the upstream and waits for its head.
    async fn call(&self, request: ProxyRequest, body_bytes_max: usize) -> Result<(UpstreamAnswer, Dialect), Error> {
        let ProxyRequest { url, method, authorization, headers, body } = request;
        let url = self.config.allow.admit(&url)?;
        let dialect = DialectChoice::Auto.of_path(url.path());
        let (body, upload) = Upload::watch(body, body_bytes_max);
        let body = Body::passing(&headers, body);
        let headers = header::to_proxied(&headers, authorization, &self.config.via, body.framing());
        let answer = self.upstream.send(Call { method, url, headers, body }).await;
        answer.map(|answer| (answer, dialect)).map_err(|failure| upload.blame(failure, body_bytes_max))
    }
}

impl Gateway {
    /// Makes the call and waits for the head of its answer. A good answer becomes a stream, which the relay fills from
    /// then on, whoever listens.
    ///
    /// # Errors
    /// `PathNotFound` where there is no proxy; `UpstreamNotAllowed`, `UpstreamRedirects`, `UpstreamUnreachable`,
    /// `UpstreamTimeout`, `UpstreamFailed`, `BodyTooLarge`, `IncompleteBody`, `TooManyAsks`, or what the hub refuses: no
    /// stream was made then.
    ///
    /// # Cancel safety
    /// A call dropped before the upstream has answered is taken back; afterwards the answer goes on into its stream.
    pub async fn proxy(&self, request: ProxyRequest) -> Result<Proxied, Error> {
        let Some(proxy) = &self.proxy else {
            return Err(Error::new(ErrorKind::PathNotFound, "the proxy is off"));
        };
        self.check_not_draining()?;
        let permit = Arc::clone(&proxy.places).try_acquire_owned().map_err(|_| {
            let context = format!("the proxy has {} answers in flight", proxy.config.in_flight_max);
            Error::new(ErrorKind::TooManyAsks, context)
        })?;
        let (mut answer, dialect) = proxy.call(request, self.body_bytes_max).await?;
        if answer.status().is_redirection() {
            // Where it points to was not judged.
            return Err(Error::new(
                ErrorKind::UpstreamRedirects,
                "the upstream redirects, which the proxy never follows",
            ));
        }
        if !answer.status().is_success() {
            return Ok(refused(&mut answer).await);
        }
        if answer.is_encoded() {
            let context = "the upstream answers in a content coding that it was not asked for";
            return Err(Error::new(ErrorKind::UpstreamFailed(None), context));
        }
        let content_type = content_type(&answer).unwrap_or(HeaderValue::from_static(CONTENT_TYPE));
        // Only a dialect that says when it is whole can judge; the others are whole at a clean end, as bytes are.
        let judge = (answer.is_event_stream() && dialect != Dialect::Sse).then_some(dialect);
        let plan = Plan {
            create: CreateStream {
                origin: StreamOrigin::Relayed,
                annotation: Annotation::proxied(&content_type).to_bytes(),
                ..CreateStream::new(name(&uuid::Uuid::now_v7().to_string())?, CONTENT_TYPE)
            },
            intake: Intake::bytes(judge, self.event_bytes_max),
            on_disconnect: OnDisconnect::Continue,
            audience: Audience::ToCome,
            permit,
        };
        let started = self.start(plan, Origin::Answered(Box::new(answer))).await?;
        Ok(Proxied::Streaming { stream: started.stream, content_type })
    }

    /// The proxy's stream `id`.
    ///
    /// # Errors
    /// `StreamNotFound`, also where `id` cannot be one; `Storage`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn proxied(&self, id: &str) -> Result<Stream, Error> {
        Ok(self.hub.stream(&name(id)?).await?)
    }
}

/// The upstream's own type of an answer that the proxy carried; `None` for any other stream.
#[must_use]
pub fn proxied_content_type(stream: &Stream) -> Option<HeaderValue> {
    match Annotation::parse(&stream.settings().annotation)? {
        Annotation::Proxied { content_type } => HeaderValue::try_from(content_type).ok(),
        Annotation::Ask { .. } | Annotation::Tombstone => None,
    }
}

/// What tells a proxy's stream in a URL: the last segment of its name.
#[must_use]
pub fn proxied_id(stream: &Stream) -> &str {
    stream.name().as_str().rsplit('/').next().unwrap_or_default()
}

fn name(id: &str) -> Result<StreamName, Error> {
    let name = (!id.contains('/')).then(|| StreamName::parse_reserved(&format!("{NAMES}/{id}")));
    match name {
        Some(Ok(name)) => Ok(name),
        Some(Err(_)) | None => {
            Err(Error::new(ErrorKind::Hub(HubErrorKind::StreamNotFound), "the proxy has no such stream"))
        }
    }
}

fn content_type(answer: &UpstreamAnswer) -> Option<HeaderValue> {
    // Kept as text, so that one beyond ASCII is as good as none.
    answer.headers().get(http::header::CONTENT_TYPE).filter(|value| value.to_str().is_ok()).cloned()
}

async fn refused(answer: &mut UpstreamAnswer) -> Proxied {
    let mut body = answer.beginning(ERROR_BYTES_MAX).await;
    body.truncate(ERROR_BYTES_MAX);
    Proxied::Refused {
        status: answer.status(),
        content_type: content_type(answer),
        retry_after: answer.headers().get(http::header::RETRY_AFTER).cloned(),
        body,
    }
}

/// How the caller's own body goes, so that its fault is not taken for the upstream's.
#[derive(Debug, Default, Clone)]
struct Upload(Arc<AtomicU8>);

const BROKEN_OFF: u8 = 1;
const TOO_LARGE: u8 = 2;

impl Upload {
    /// `body`, cut where it is larger than `bytes_max`.
    fn watch(mut body: BodyStream, bytes_max: usize) -> (BodyStream, Self) {
        let upload = Self::default();
        let (state, mut left) = (Arc::clone(&upload.0), bytes_max);
        let watched = futures_util::stream::poll_fn(move |cx| {
            body.poll_next_unpin(cx).map(|chunk| match chunk? {
                Ok(chunk) => match left.checked_sub(chunk.len()) {
                    Some(less) => {
                        left = less;
                        Some(Ok(chunk))
                    }
                    None => {
                        state.store(TOO_LARGE, Ordering::Relaxed);
                        Some(Err(BoxError::from("the body is too large")))
                    }
                },
                Err(error) => {
                    state.store(BROKEN_OFF, Ordering::Relaxed);
                    Some(Err(error))
                }
            })
        });
        (Box::pin(watched), upload)
    }

    /// The error of a call that failed.
    fn blame(&self, failure: Failure, bytes_max: usize) -> Error {
        let refused = failure.source.as_ref().is_some_and(|source| AddressRefused::is_cause_of(&**source));
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => {
                let context = format!("the body is larger than the limit of {bytes_max} bytes");
                Error::new(ErrorKind::BodyTooLarge, context)
            }
            BROKEN_OFF => Error::new(ErrorKind::IncompleteBody, "the request body broke off"),
            _ if refused => Error::new(ErrorKind::UpstreamNotAllowed, AddressRefused.to_string()),
            _ => failure.into_error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use everstream_testkit::MockUpstream;
    use url::Url;

    use super::*;
    use crate::Timeouts;

    /// Calls `url`, which was admitted, with a resolver that knows these entries.
    async fn call(entries: &[&str], url: &str) -> Result<UpstreamAnswer, ErrorKind> {
        let entries = entries.iter().map(|text| AllowedUpstream::parse(text).unwrap()).collect();
        let resolver = Resolver::new(Arc::new(AllowList::new(entries)));
        let upstream = Upstream::guarded(resolver, Timeouts::default(), false, &Tasks::new()).unwrap();
        let url = Url::parse(url).unwrap();
        let call = Call { method: Method::GET, url, headers: HeaderMap::new(), body: Body::Whole(Bytes::new()) };
        upstream.send(call).await.map_err(|failure| Upload::default().blame(failure, 0).kind())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_that_leads_into_a_private_network_has_to_be_written_down() {
        let upstream = MockUpstream::start();
        let url = format!("http://localhost:{}/", upstream.addr().port());
        let refused = call(&["http://*.localhost:*"], &url).await;
        assert_eq!(refused.map(|answer| answer.status()).unwrap_err(), ErrorKind::UpstreamNotAllowed);
        assert_eq!(upstream.call_count(), 0);
        let answering = std::thread::spawn(move || upstream.call().respond(200, "text/plain", "ok"));
        assert_eq!(call(&["http://localhost:*"], &url).await.map(|answer| answer.status()), Ok(StatusCode::OK));
        answering.join().unwrap();
    }
}

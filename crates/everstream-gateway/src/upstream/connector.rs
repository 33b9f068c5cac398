//! Connections to upstreams: made when there is none to spare, kept for a moment when an answer was read to its end.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use everstream_hub::Tasks;
use hyper::rt::{Read, ReadBuf};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::failure::Failure;
use super::pipe::Pipe;
use super::wire::Wire;
use crate::outcome::OutcomeCode;
use crate::{BoxError, InProcessUpstream};

/// How long a connection waits for the next ask. Common servers close theirs after five seconds of silence; a request
/// written into such a closing connection is lost and must not be sent again.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// So many connections of a client wait for the next ask on each worker; further ones are closed.
const WIRES_KEPT_MAX: usize = 256;

/// Makes and keeps the connections of one client on one runtime. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    dial: Dial,
    connect_timeout: Duration,
    kept: Arc<Kept>,
    tasks: Tasks,
}

#[derive(Debug, Clone)]
enum Dial {
    Http(HttpConnector<Dns>),
    Https(HttpsConnector<HttpConnector<Dns>>),
    InProcess(Arc<dyn InProcessUpstream>),
}

/// The addresses that a name leads to.
pub(crate) type Found = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, BoxError>> + Send>>;

/// Where names lead.
pub(crate) trait Resolve: Debug + Send + Sync {
    /// The addresses of `name` that may be connected to; their ports do not matter.
    fn resolve(&self, name: &str) -> Found;
}

/// The system's names, or somebody's who has an opinion.
#[derive(Debug, Clone)]
struct Dns(Option<Arc<dyn Resolve>>);

/// Where a connection leads, and who keeps it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    origin: Arc<str>,
    connector: Connector,
}

/// Connections that wait, the longest first, each with its origin.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<(Arc<str>, Wire, Instant)>>);

impl Connector {
    /// One that asks `resolver` for addresses, or else the system.
    ///
    /// # Errors
    /// TLS cannot be set up, which is tried only with `has_tls`: a machine without certificate authorities can still talk
    /// to its own http upstream.
    pub(super) fn new(
        resolver: Option<Arc<dyn Resolve>>,
        connect_timeout: Duration,
        has_tls: bool,
        tasks: &Tasks,
    ) -> Result<Self, BoxError> {
        let mut http = HttpConnector::new_with_resolver(Dns(resolver));
        http.set_nodelay(true);
        http.set_connect_timeout(Some(connect_timeout));
        let dial = if has_tls {
            http.enforce_http(false);
            let tls = HttpsConnectorBuilder::new().try_with_platform_verifier()?;
            Dial::Https(tls.https_or_http().enable_http1().wrap_connector(http))
        } else {
            Dial::Http(http)
        };
        Ok(Self { dial, connect_timeout, kept: Arc::default(), tasks: tasks.clone() })
    }

    /// One that leads to `upstream`, whatever the address.
    pub(super) fn in_process(upstream: Arc<dyn InProcessUpstream>, connect_timeout: Duration, tasks: &Tasks) -> Self {
        let dial = Dial::InProcess(upstream);
        Self { dial, connect_timeout, kept: Arc::default(), tasks: tasks.clone() }
    }

    /// The place of `uri`: connections are kept by scheme, host and port.
    pub(super) fn place(&self, uri: &http::Uri) -> Place {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let origin = format!("{}://{authority}", uri.scheme_str().unwrap_or_default()).into();
        Place { origin, connector: self.clone() }
    }

    /// A connection to `place` that waits, or a new one to `uri`, which is there.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn connect(&self, uri: http::Uri, place: &Place) -> Result<Wire, Failure> {
        while let Some(wire) = self.kept.take(&place.origin) {
            if let Some(wire) = if_silent(wire).await {
                return Ok(wire);
            }
        }
        let dialling = async {
            match self.dial.clone() {
                Dial::Http(mut http) => match poll_fn(|cx| http.poll_ready(cx)).await {
                    Ok(()) => http.call(uri).await.map(Wire::Socket).map_err(Failure::unreachable),
                    Err(error) => Err(Failure::unreachable(error)),
                },
                Dial::Https(mut https) => https.call(uri).await.map(Wire::from).map_err(Failure::unreachable),
                Dial::InProcess(upstream) => Ok(Wire::Memory(Pipe::to(&*upstream))),
            }
        };
        match timeout(self.connect_timeout, dialling).await {
            Ok(dialled) => dialled,
            Err(_) => Err(Failure::new(OutcomeCode::UpstreamTimeout, "the upstream took no connection in time")),
        }
    }
}

impl Place {
    /// Keeps a connection to here whose last answer was read to its end. One through memory is not worth it.
    pub(super) fn keep(self, wire: Wire) {
        let Self { origin, connector: Connector { kept, tasks, .. } } = self;
        if tasks.draining().is_cancelled() || matches!(wire, Wire::Memory(_)) {
            return;
        }
        let is_first = {
            let mut wires = kept.lock();
            if wires.len() >= WIRES_KEPT_MAX {
                return;
            }
            wires.push((origin, wire, Instant::now()));
            wires.len() == 1
        };
        if is_first {
            let (kept, draining) = (Arc::downgrade(&kept), tasks.draining().clone());
            drop(tasks.spawn(async move { draining.run_until_cancelled(close_in_time(kept)).await }));
        }
    }
}

impl Service<Name> for Dns {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.0.clone();
        Box::pin(async move {
            let found = match resolver {
                Some(resolver) => resolver.resolve(name.as_str()).await?,
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}

/// The wire unless its other side has closed it, or said what nobody asked.
async fn if_silent(mut wire: Wire) -> Option<Wire> {
    let mut room = [0; 1];
    let mut read = ReadBuf::new(&mut room);
    let is_silent = poll_fn(|cx| Poll::Ready(Pin::new(&mut wire).poll_read(cx, read.unfilled()).is_pending())).await;
    is_silent.then_some(wire)
}

/// Closes what has waited too long, until nothing waits.
async fn close_in_time(kept: Weak<Kept>) {
    loop {
        let Some(due) = kept.upgrade().and_then(|kept| kept.close_overdue()) else { return };
        tokio::time::sleep_until(due).await;
    }
}

impl Kept {
    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<str>, Wire, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one to `origin` that waits for the shortest time, if it is not too long.
    fn take(&self, origin: &str) -> Option<Wire> {
        let mut wires = self.lock();
        let at = wires.iter().rposition(|(place, _, _)| **place == *origin)?;
        let (_, wire, since) = wires.remove(at);
        (since.elapsed() < IDLE_MAX).then_some(wire)
    }

    /// Closes what has waited too long and tells when the next is due.
    fn close_overdue(&self) -> Option<Instant> {
        let mut wires = self.lock();
        wires.retain(|(_, _, since)| since.elapsed() < IDLE_MAX);
        wires.first().map(|(_, _, since)| *since + IDLE_MAX)
    }
}

//! The gateway: requests to mounts become asks, attachments to asks, or plain passages.

use std::fmt;
use std::sync::Arc;

use everstream_hub::{CreateStream, ErrorKind as HubErrorKind, Hub, Stream, Tasks};
use everstream_log::{Epoch, Origin as StreamOrigin, StreamName};
use http::{HeaderMap, Method, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::identity::{Annotation, Fingerprint};
use crate::options::{Options, Reply};
use crate::presence::{Audience, Caller, Presence};
use crate::proxy::Proxy;
use crate::relay::{Intake, Origin, Relay};
use crate::running::{Phase, Running, RunningAsks};
use crate::upstream::{Body, Call, Upstream, UpstreamAnswer};
use crate::{
    Accepted, Answer, BodyStream, Dialect, Error, ErrorKind, GatewayConfig, Mount, OnDisconnect, PassThrough, header,
    target,
};

mod attach;
mod request_body;
mod stop;

pub use stop::StoppedByKey;

/// Makes asks of requests. Cheap to clone; each worker has a handle of its own, made by [`Gateway::on_this_runtime`], whose
/// upstream connections and relays live on the worker's runtime.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(crate) hub: Hub,
    mounted: Arc<[Arc<Mounted>]>,
    pub(crate) proxy: Option<Arc<Proxy>>,
    running: Arc<RunningAsks>,
    pub(crate) body_bytes_max: usize,
    pub(crate) event_bytes_max: usize,
}

/// A mount at work. The mount and its places are the whole process's, the HTTP client is one worker's.
#[derive(Debug)]
struct Mounted {
    mount: Arc<Mount>,
    /// One for each ask that may be in flight.
    places: Arc<Semaphore>,
    upstream: Upstream,
}

/// A request to a mount.
pub struct AskRequest {
    /// Its method.
    pub method: Method,
    /// Its target; path and query matter.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it comes.
    pub body: BodyStream,
}

impl fmt::Debug for AskRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers carry credentials.
        f.debug_struct("AskRequest").field("method", &self.method).field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// One request, sorted out.
struct Asked {
    mounted: Arc<Mounted>,
    dialect: Dialect,
    options: Options,
    /// Set where the body was read whole.
    fingerprint: Option<Fingerprint>,
}

/// A stream to be made, and how its relay fills it.
pub(crate) struct Plan {
    pub(crate) create: CreateStream,
    pub(crate) intake: Intake,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) audience: Audience,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// A stream that was made, its relay running, and what its caller waits on.
pub(crate) struct Started {
    pub(crate) stream: Stream,
    running: Running,
    caller: Caller,
    refusal: oneshot::Receiver<PassThrough>,
}

impl Gateway {
    /// A gateway on `hub` whose relays run on the current runtime.
    ///
    /// # Errors
    /// `Internal` when an HTTP client cannot be made.
    pub fn new(hub: Hub, config: GatewayConfig) -> Result<Self, Error> {
        let GatewayConfig { mounts, body_bytes_max, event_bytes_max, proxy } = config;
        let mounted = mounts.into_iter().map(|mount| {
            let places = mount.asks_in_flight_max.get().min(Semaphore::MAX_PERMITS);
            Mounted::new(Arc::new(mount), Arc::new(Semaphore::new(places)), hub.tasks()).map(Arc::new)
        });
        let mounted = mounted.collect::<Result<_, _>>()?;
        let proxy = proxy.map(|config| Proxy::new(config, hub.tasks()).map(Arc::new)).transpose()?;
        Ok(Self { hub, mounted, proxy, running: Arc::default(), body_bytes_max, event_bytes_max })
    }

    /// A handle of the same gateway for the current runtime, with the hub's handle there.
    ///
    /// # Errors
    /// As [`Gateway::new`].
    pub fn on_this_runtime(&self, hub: Hub) -> Result<Self, Error> {
        let again = |mounted: &Arc<Mounted>| {
            Mounted::new(Arc::clone(&mounted.mount), Arc::clone(&mounted.places), hub.tasks()).map(Arc::new)
        };
        let mounted = self.mounted.iter().map(again).collect::<Result<_, _>>()?;
        let proxy = self.proxy.as_ref().map(|proxy| proxy.again(hub.tasks()).map(Arc::new)).transpose()?;
        Ok(Self { hub, mounted, proxy, ..self.clone() })
    }

    /// How answers to requests to `path` are framed; `None` where no mount is.
    #[must_use]
    pub fn dialect_of(&self, path: &str) -> Option<Dialect> {
        self.mounted_at(path).map(|mounted| mounted.mount.dialect.of_path(path))
    }

    /// The mount whose path is the longest prefix of `path`, by whole segments.
    fn mounted_at(&self, path: &str) -> Option<&Arc<Mounted>> {
        let holds = |mounted: &&Arc<Mounted>| target::is_below(path, &mounted.mount.path);
        self.mounted.iter().filter(holds).max_by_key(|mounted| mounted.mount.path.len())
    }

    /// Answers a request to a mount.
    ///
    /// A POST that wants events is an ask: it becomes a stream, or attaches to the one it became before. Any other POST
    /// becomes one if it is answered in events. Everything else passes through.
    ///
    /// # Errors
    /// No stream was made then, or it is closed as failed and says so.
    ///
    /// # Cancel safety
    /// A dropped call leaves an ask that it made running, under its on-disconnect policy. A passage ends.
    pub async fn ask(&self, request: AskRequest) -> Result<Answer, Error> {
        let AskRequest { method, uri, headers, body } = request;
        let mounted = self
            .mounted_at(uri.path())
            .ok_or_else(|| Error::new(ErrorKind::PathNotFound, format!("no upstream is mounted at {}", uri.path())))?;
        let mount = &*mounted.mount;
        let url = target::upstream_url(mount, &uri)?;
        let call = |method, body: Body| {
            let headers = header::to_upstream(mount, &headers, body.framing());
            Call { method, url, headers, body }
        };
        if method != Method::POST {
            let body = Body::passing(&headers, body);
            return pass_through(mounted.upstream.send(call(method, body)).await);
        }
        let options = Options::read(&headers, mount)?;
        let dialect = mount.dialect.of_path(uri.path());
        let body = request_body::read(&headers, body, self.body_bytes_max).await?;
        let fingerprint = match &body {
            Body::Whole(bytes) => Some(Fingerprint::of(&uri_key(&uri), bytes)),
            Body::Stream(_) => None,
        };
        let is_ask = request_body::is_ask(dialect, &headers, &body, &options);
        let asked = Asked { mounted: Arc::clone(mounted), dialect, options, fingerprint };
        if is_ask {
            self.answer_ask(asked, call(method, body)).await
        } else {
            self.answer_post(asked, call(method, body)).await
        }
    }

    /// An ask for sure: its stream is made before the upstream is called, so that it can be found from then on.
    async fn answer_ask(&self, asked: Asked, call: Call) -> Result<Answer, Error> {
        if let Some(answer) = self.attach(&asked).await? {
            return Ok(answer);
        }
        let permit = self.admit(&asked)?;
        let plan = self.plan(&asked, permit)?;
        let origin = Origin::Call(Box::new(asked.mounted.upstream.clone()), Box::new(call));
        match self.start(plan, origin).await {
            Ok(started) if asked.options.reply == Reply::Async => {
                Ok(Answer::Accepted(Accepted { stream: started.stream }))
            }
            Ok(started) => self.first_reply(started, &asked).await,
            // Perhaps an equal ask was faster.
            Err(error) => self.attach(&asked).await?.ok_or(error),
        }
    }

    /// A POST that may be answered in events, or not.
    async fn answer_post(&self, asked: Asked, call: Call) -> Result<Answer, Error> {
        let permit = self.admit(&asked)?;
        let answer = match asked.mounted.upstream.send(call).await {
            Ok(answer) if answer.is_event_stream() => answer,
            other => return pass_through(other),
        };
        let plan = self.plan(&asked, permit)?;
        let started = self.start(plan, Origin::Answered(Box::new(answer))).await?;
        self.first_reply(started, &asked).await
    }

    pub(crate) fn check_not_draining(&self) -> Result<(), Error> {
        if self.hub.tasks().draining().is_cancelled() {
            return Err(Error::new(ErrorKind::Hub(HubErrorKind::Draining), "the server is shutting down"));
        }
        Ok(())
    }

    fn admit(&self, asked: &Asked) -> Result<OwnedSemaphorePermit, Error> {
        self.check_not_draining()?;
        let Mounted { mount, places, .. } = &*asked.mounted;
        Arc::clone(places).try_acquire_owned().map_err(|_| {
            let context = format!("upstream {} has {} asks in flight", mount.name, mount.asks_in_flight_max);
            Error::new(ErrorKind::TooManyAsks, context)
        })
    }

    /// The stream that the ask becomes.
    fn plan(&self, asked: &Asked, permit: OwnedSemaphorePermit) -> Result<Plan, Error> {
        let Asked { mounted, dialect, options, fingerprint } = asked;
        let name = match &options.name {
            Some(name) => name.clone(),
            None => fresh_name()?,
        };
        let epoch = Epoch::random();
        let alias = match (&options.key, fingerprint) {
            (Some(key), _) => Some(key.alias()),
            (None, fingerprint) => fingerprint.map(|fingerprint| fingerprint.alias(epoch)),
        };
        let create = CreateStream {
            epoch,
            origin: StreamOrigin::Relayed,
            alias,
            annotation: Annotation::ask(&mounted.mount.path, *dialect, *fingerprint).to_bytes(),
            ..CreateStream::new(name, "text/event-stream")
        };
        Ok(Plan {
            create,
            intake: Intake::events(*dialect, self.event_bytes_max),
            on_disconnect: options.on_disconnect.unwrap_or(mounted.mount.on_disconnect),
            audience: if options.reply == Reply::Async { Audience::ToCome } else { Audience::Here },
            permit,
        })
    }

    /// Makes the stream and sets its relay going, in one task: a caller that goes away in between leaves no stream behind
    /// that nobody fills.
    ///
    /// # Errors
    /// What the hub refuses; `StreamExists` also for a stream with equal settings.
    pub(crate) async fn start(&self, plan: Plan, origin: Origin) -> Result<Started, Error> {
        let (reply, started) = oneshot::channel();
        // Each step is on the heap: the task is polled for every token, and is to be small.
        let making = Box::pin(self.clone().make(plan));
        self.hub.tasks().spawn(async move {
            let relaying = match making.await {
                Ok((relay, started)) => {
                    // Without a caller the answer comes all the same; its policy decides.
                    let _ = reply.send(Ok(started));
                    Box::pin(relay.run(origin))
                }
                Err(error) => return drop(reply.send(Err(error))),
            };
            relaying.await;
        });
        started.await.map_err(|_| Error::new(ErrorKind::Internal, "the relay died before it began"))?
    }

    async fn make(self, plan: Plan) -> Result<(Relay, Started), Error> {
        let Plan { create, intake, on_disconnect, audience, permit } = plan;
        let (phase, phase_seen) = watch::channel(Phase::Calling);
        let (refusal, refused) = oneshot::channel();
        let running = Running { phase: phase_seen, presence: Presence::new() };
        let listed = self.running.list(&create.name, &running);
        let stream = self.create(&create).await?;
        let caller = running.presence.enter();
        let relay = Relay {
            stream: stream.clone(),
            intake,
            on_disconnect,
            audience,
            presence: running.presence.clone(),
            tasks: self.hub.tasks().clone(),
            phase,
            refusal,
            listed,
            permit,
        };
        Ok((relay, Started { stream, running, caller, refusal: refused }))
    }

    async fn create(&self, create: &CreateStream) -> Result<Stream, Error> {
        let created = self.hub.create(create).await?;
        if created.is_new {
            Ok(created.stream)
        } else {
            let context = format!("stream {} is there already", created.stream.name());
            Err(Error::new(ErrorKind::Hub(HubErrorKind::StreamExists), context))
        }
    }
}

impl Mounted {
    fn new(mount: Arc<Mount>, places: Arc<Semaphore>, tasks: &Tasks) -> Result<Self, Error> {
        let upstream = Upstream::new(&mount, tasks)?;
        Ok(Self { mount, places, upstream })
    }
}

fn pass_through(answer: Result<UpstreamAnswer, crate::upstream::Failure>) -> Result<Answer, Error> {
    let answer = answer.map_err(crate::upstream::Failure::into_error)?;
    let (status, headers) = (answer.status(), header::to_caller(answer.headers()));
    Ok(Answer::PassThrough(PassThrough { status, headers, body: answer.into_stream(), stream: None }))
}

/// What tells one target from another, besides the body.
fn uri_key(uri: &Uri) -> String {
    uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

fn fresh_name() -> Result<StreamName, Error> {
    let name = format!("asks/{}", uuid::Uuid::now_v7());
    StreamName::parse(&name).map_err(|broken| {
        Error::new(ErrorKind::Hub(HubErrorKind::Storage), "no name for a new stream").caused_by(broken)
    })
}

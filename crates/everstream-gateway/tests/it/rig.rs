//! A gateway before one mock upstream, and what a caller of it does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstream_gateway::{Answer, Ask, AskRequest, BoxError, CloseDetail, Error, Gateway, GatewayConfig, Mount, Url};
use everstream_hub::{Delivery, End, Hub, HubConfig, Stream, Tasks};
use everstream_log::MemoryLog;
use everstream_log::{CloseReason, Closure, Offset, StreamName, SystemClock};
use everstream_testkit::{FaultyLog, MockUpstream, PATIENCE, UpstreamCall};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A question that wants events.
pub(crate) const QUESTION: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
/// Where questions go.
pub(crate) const CHAT: &str = "/up/v1/chat/completions";

pub(crate) struct Rig {
    pub(crate) upstream: MockUpstream,
    pub(crate) gateway: Gateway,
    pub(crate) hub: Hub,
    pub(crate) log: Arc<FaultyLog>,
}

/// A request under construction.
pub(crate) struct Request<'a> {
    rig: &'a Rig,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: String,
}

pub(crate) type Asking = JoinHandle<Result<Answer, Error>>;

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    pub(crate) fn mounted(change: impl FnOnce(&mut Mount)) -> Self {
        Self::with(change, |_| {})
    }

    pub(crate) fn with(change_mount: impl FnOnce(&mut Mount), change_hub: impl FnOnce(&mut HubConfig)) -> Self {
        let upstream = MockUpstream::start();
        let mut mount = Mount::new("up", "/up", Url::parse(&upstream.url()).unwrap());
        change_mount(&mut mount);
        let mut config = HubConfig::default();
        change_hub(&mut config);
        let log = FaultyLog::over(Arc::new(MemoryLog::new(10_000)));
        let hub = Hub::new(log.clone(), Arc::new(SystemClock), config, Tasks::new());
        let config = GatewayConfig { mounts: vec![mount], event_bytes_max: 4096, ..GatewayConfig::default() };
        let gateway = Gateway::new(hub.clone(), config).unwrap();
        Self { upstream, gateway, hub, log }
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Request<'_> {
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Request { rig: self, method: Method::POST, target: target.to_owned(), headers, body: body.to_owned() }
    }

    pub(crate) fn question(&self) -> Request<'_> {
        self.post(CHAT, QUESTION)
    }

    /// Asks, lets `play` answer, and gives the caller's answer when the upstream's is written.
    pub(crate) async fn play(&self, play: impl FnOnce(UpstreamCall)) -> Result<Answer, Error> {
        let asking = self.question().send();
        play(self.upstream.call());
        join(asking).await
    }

    pub(crate) async fn stream(&self, name: &str) -> Stream {
        self.hub.stream(&StreamName::parse(name).unwrap()).await.unwrap()
    }
}

impl Request<'_> {
    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    /// Sends it; the gateway works while the test's thread drives the upstream.
    pub(crate) fn send(self) -> Asking {
        let gateway = self.rig.gateway.clone();
        let body: Result<Bytes, BoxError> = Ok(self.body.into());
        let request = AskRequest {
            method: self.method,
            uri: self.target.parse().unwrap(),
            headers: self.headers,
            body: Box::pin(futures_util::stream::iter([body])),
        };
        tokio::spawn(async move { gateway.ask(request).await })
    }

    pub(crate) async fn answer(self) -> Result<Answer, Error> {
        join(self.send()).await
    }
}

pub(crate) async fn join(asking: Asking) -> Result<Answer, Error> {
    timeout(PATIENCE, asking).await.expect("an answer in time").unwrap()
}

#[track_caller]
pub(crate) fn streaming(answer: Result<Answer, Error>) -> Ask {
    match answer {
        Ok(Answer::Streaming(ask)) => ask,
        other => panic!("not a stream: {other:?}"),
    }
}

/// The status and body of an answer that is the upstream's own.
pub(crate) async fn passed(answer: Result<Answer, Error>) -> (u16, HeaderMap, Result<String, String>) {
    let passage = match answer {
        Ok(Answer::PassThrough(passage)) => passage,
        other => panic!("not a passage: {other:?}"),
    };
    let mut body = passage.body;
    let read = async {
        let mut text = String::new();
        while let Some(chunk) = body.next().await {
            text.push_str(std::str::from_utf8(&chunk.map_err(|error| error.to_string())?).unwrap());
        }
        Ok(text)
    };
    let text = timeout(PATIENCE, read).await.expect("the body in time");
    (passage.status.as_u16(), passage.headers, text)
}

/// What a caller on the dialect route gets from `ask` to its end, with the epoch written as `E`.
pub(crate) async fn read(ask: Ask) -> (String, Closure) {
    let (frames, end) = timeout(PATIENCE, read_frames(&ask.stream, ask.from)).await.expect("the end in time");
    let text = frames.concat().replace(ask.stream.epoch().as_str(), "E");
    let error = ask.dialect.error_event(&end).unwrap_or_default();
    let End::Closed(closure) = end else { panic!("not closed: {end:?}") };
    (text + std::str::from_utf8(&error).unwrap(), closure)
}

/// The frames of a stream from an offset on, and its end.
pub(crate) async fn read_frames(stream: &Stream, from: Offset) -> (Vec<String>, End) {
    let mut subscription = stream.subscribe(from).unwrap();
    let mut frames = VecDeque::new();
    let end = loop {
        match subscription.next(&mut frames).await {
            Delivery::Frames => {}
            Delivery::Ended(end) => break end,
            Delivery::Broken(error) => panic!("{error}"),
        }
    };
    (frames.into_iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect(), end)
}

/// The reason, code, status and message of an end.
pub(crate) fn told(closure: &Closure) -> (CloseReason, &'static str, Option<u16>, String) {
    let detail = CloseDetail::of(closure);
    (closure.reason, detail.code.as_str(), detail.upstream_status, detail.message)
}

pub(crate) async fn closure_of(stream: &Stream) -> Closure {
    match timeout(PATIENCE, stream.ended()).await.expect("an end in time") {
        End::Closed(closure) => closure,
        end => panic!("not closed: {end:?}"),
    }
}

/// A timeout that is waited for on purpose.
pub(crate) const SOON: Duration = Duration::from_millis(40);

//! For tests: the whole router over the memory engine, on clocks that tests move, with requests and responses as text.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use everstream_hub::{Hub, Stream, Tasks};
use everstream_log::{ManualClock, MemoryLog, StreamName, Timestamp};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use crate::app::{App, router};
use crate::config::Config;

/// The wall time at which every test begins.
const START: Timestamp = Timestamp(1_700_000_000_000);

/// A server without sockets.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
}

/// A response body that is being read.
pub(crate) struct Viewer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Body,
    end: Option<BodyEnd>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    Clean,
    Cut,
}

impl TestApp {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// An app whose configuration is `change`d from the defaults. Must be called inside a runtime.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::defaults().unwrap();
        change(&mut config);
        let clock = Arc::new(ManualClock::starting_at(START));
        let hub = Hub::new(Arc::new(MemoryLog::new(1000)), clock.clone(), config.hub(), Tasks::new());
        let app = App::new(hub, Arc::new(config), ([127, 0, 0, 1], 8000).into()).unwrap();
        Self { app, clock }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        router(self.app.clone()).oneshot(request).await.unwrap()
    }

    /// Sends `text`: a request line without version, header lines, and after a blank line the body.
    pub(crate) async fn open(&self, text: &str) -> Viewer {
        let response = self.send(request(text)).await;
        let (parts, body) = response.into_parts();
        Viewer { status: parts.status, headers: parts.headers, body, end: None }
    }

    /// The status alone.
    pub(crate) async fn status(&self, text: &str) -> u16 {
        self.open(text).await.status.as_u16()
    }

    /// The whole answer as text, with epochs of `stream` written as `<epoch>`.
    pub(crate) async fn transcript(&self, stream: &str, text: &str) -> String {
        let mut viewer = self.open(text).await;
        let body = viewer.rest().await;
        let mut headers: Vec<String> =
            viewer.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
        headers.sort();
        let answer = format!("{}\n{}\n{body}", viewer.status.as_u16(), headers.concat());
        match self.app.hub.stream(&StreamName::parse(stream).unwrap()).await {
            Ok(stream) => answer.replace(stream.epoch().as_str(), "<epoch>"),
            Err(_) => answer,
        }
    }

    pub(crate) async fn stream(&self, name: &str) -> Stream {
        self.app.hub.stream(&StreamName::parse(name).unwrap()).await.unwrap()
    }
}

impl Viewer {
    /// What arrives within `time` from now.
    pub(crate) async fn during(&mut self, time: Duration) -> String {
        let until = Instant::now() + time;
        let mut text = Vec::new();
        while self.end.is_none() {
            match timeout_at(until, self.body.frame()).await {
                Err(_) => break,
                Ok(Some(Ok(frame))) => text.extend_from_slice(&frame.into_data().unwrap()),
                Ok(Some(Err(_))) => self.end = Some(BodyEnd::Cut),
                Ok(None) => self.end = Some(BodyEnd::Clean),
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// What arrives without time passing to speak of.
    pub(crate) async fn now(&mut self) -> String {
        self.during(Duration::from_millis(1)).await
    }

    /// What arrives until the body ends; for bodies that do.
    pub(crate) async fn rest(&mut self) -> String {
        let text = self.during(Duration::from_secs(3600)).await;
        assert!(self.end.is_some(), "the body goes on after {text:?}");
        text
    }

    pub(crate) const fn end(&self) -> Option<BodyEnd> {
        self.end
    }
}

/// A request from text, see [`TestApp::open`].
pub(crate) fn request(text: &str) -> Request<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        request = request.header(name.trim(), HeaderValue::from_str(value.trim()).unwrap());
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

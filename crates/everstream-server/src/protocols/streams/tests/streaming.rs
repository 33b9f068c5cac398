//! Streaming appends: an upload that is read as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::test_app::{TestApp, request};

type Chunk = io::Result<Frame<Bytes>>;

/// An upload under way: chunks go in one by one, the answer comes at its end.
struct Upload {
    chunks: mpsc::Sender<Chunk>,
    answer: JoinHandle<Response>,
}

/// A body fed by a channel.
struct Fed(mpsc::Receiver<Chunk>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.0.poll_recv(cx)
    }
}

impl Upload {
    async fn begin(app: &TestApp, content_type: &str, headers: &str) -> Self {
        let (chunks, receiver) = mpsc::channel(1);
        let head = format!("POST /v1/stream/a\neverstream-append: streaming\ncontent-type: {content_type}{headers}");
        let (parts, _) = request(&head).into_parts();
        let request = Request::from_parts(parts, Body::new(Fed(receiver)));
        let router = crate::app::router(app.app.clone());
        let answer =
            app.app.hub.tasks().spawn(async move { tower::ServiceExt::oneshot(router, request).await.unwrap() });
        Self { chunks, answer }
    }

    async fn send(&self, text: &'static str) {
        self.chunks.send(Ok(Frame::data(Bytes::from_static(text.as_bytes())))).await.unwrap();
    }

    async fn break_off(self) -> (u16, String, String) {
        self.chunks.send(Err(io::ErrorKind::ConnectionReset.into())).await.unwrap();
        self.end().await
    }

    /// Status, next offset and body of the answer.
    async fn end(self) -> (u16, String, String) {
        drop(self.chunks);
        let response = self.answer.await.unwrap();
        let status = response.status().as_u16();
        let next = response.headers().get("stream-next-offset").map(|value| value.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, next.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }
}

async fn app(content_type: &str) -> TestApp {
    let app = TestApp::with(|config| config.max_event_bytes.0 = 64);
    assert_eq!(app.status(&format!("PUT /v1/stream/a\ncontent-type: {content_type}")).await, 201);
    app
}

async fn tail(app: &TestApp) -> u64 {
    app.stream("a").await.state().tail.0
}

fn code(body: &str) -> String {
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_event_is_visible_as_soon_as_it_is_complete() {
    let app = app("text/event-stream").await;
    let mut viewer = app.open("GET /v1/stream/a\naccept: text/event-stream").await;
    viewer.now().await;
    let upload = Upload::begin(&app, "text/event-stream", "").await;
    upload.send("data: on").await;
    assert_eq!(viewer.now().await, "");
    upload.send("e\n\ndata: two\n\ndata: thr").await;
    assert_eq!(viewer.now().await.matches("data: ").count(), 2);
    upload.send("ee\n\n").await;
    assert!(viewer.now().await.ends_with("-3\ndata: three\n\n"));
    let epoch = app.stream("a").await.epoch();
    let (status, next, body) = upload.end().await;
    assert_eq!((status, next.as_str()), (200, "0000000000000003_0000000000000000"));
    assert_eq!(body, format!("{{\"first\":\"{epoch}-1\",\"last\":\"{epoch}-3\",\"records\":3}}"));
}

#[tokio::test(start_paused = true)]
async fn lines_are_streamed_onto_a_json_stream() {
    let app = app("application/json").await;
    let upload = Upload::begin(&app, "application/x-ndjson", "\nstream-closed: true").await;
    upload.send("{\"n\":1.0}\n[2,").await;
    upload.send("3]\n4").await;
    let (status, _, body) = upload.end().await;
    assert!(status == 200 && body.ends_with("\"records\":3}"), "{body}");
    let mut read = app.open("GET /v1/stream/a").await;
    assert_eq!(read.rest().await, "[{\"n\":1.0},[2,3],4]");
    assert_eq!(read.headers["stream-close-reason"], "completed");
}

#[tokio::test(start_paused = true)]
async fn a_broken_upload_keeps_what_was_complete_and_does_not_close() {
    let app = app("text/event-stream").await;
    let upload = Upload::begin(&app, "text/event-stream", "\nstream-closed: true").await;
    upload.send("data: one\n\ndata: tw").await;
    let (status, next, body) = upload.break_off().await;
    assert_eq!((status, next.as_str()), (400, "0000000000000001_0000000000000000"));
    assert_eq!(code(&body), "incomplete_body");
    let state = app.stream("a").await.state();
    assert_eq!((state.tail.0, state.end), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_ends_the_upload_behind_the_good_ones() {
    for (kind, upload_kind, body, refused) in [
        ("text/event-stream", "text/event-stream", "data: one\n\nevent: x\n\ndata: two\n\n", "invalid_event"),
        ("text/event-stream", "text/event-stream", "data: one\n\ndata: unfinished", "invalid_event"),
        ("application/json", "application/x-ndjson", "1\nnope\n2\n", "invalid_body"),
        (
            "application/json",
            "application/x-ndjson",
            "1\n\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
            "event_too_large",
        ),
    ] {
        let app = app(kind).await;
        let upload = Upload::begin(&app, upload_kind, "").await;
        upload.send(body).await;
        let (_, _, body) = upload.end().await;
        assert_eq!((code(&body).as_str(), tail(&app).await), (refused, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_cannot_be_streamed_onto_the_stream_is_refused() {
    for (kind, upload_kind, status) in [
        ("text/event-stream", "application/x-ndjson", 409),
        ("application/json", "text/event-stream", 409),
        ("application/json", "application/json", 415),
        ("text/plain", "text/plain", 415),
    ] {
        let app = app(kind).await;
        let upload = Upload::begin(&app, upload_kind, "").await;
        assert_eq!(upload.end().await.0, status, "{upload_kind} onto {kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_reaches_a_silent_publisher() {
    let app = app("text/event-stream").await;
    let upload = Upload::begin(&app, "text/event-stream", "").await;
    upload.send("data: one\n\n").await;
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(app.status("POST /v1/stream/a?action=stop").await, 202);
    let response = upload.answer.await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["stream-close-reason"]),
        (409, &"stopped".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_answers_an_upload_under_way() {
    let app = app("text/event-stream").await;
    let upload = Upload::begin(&app, "text/event-stream", "").await;
    upload.send("data: one\n\n").await;
    tokio::task::yield_now().await;
    app.app.hub.tasks().draining().cancel();
    let response = upload.answer.await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(response.headers()["stream-next-offset"], "0000000000000001_0000000000000000");
}

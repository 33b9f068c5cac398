//! A read that waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::test_app::{TestApp, Viewer};

const TAIL: &str = "0000000000000001_0000000000000000";

async fn app() -> TestApp {
    filled(TestApp::new()).await
}

/// With a stream `t` of one record.
async fn filled(app: TestApp) -> TestApp {
    assert_eq!(app.status("PUT /v1/stream/t\ncontent-type: text/plain\n\none").await, 201);
    app
}

fn poll(query: &str) -> String {
    format!("GET /v1/stream/t?live=long-poll&{query}")
}

/// The answer to a poll at the tail, `request` being sent while it waits, and how long it took.
async fn answered(app: &TestApp, request: &str) -> (Viewer, Duration) {
    let start = Instant::now();
    let waiting = poll(&format!("offset={TAIL}"));
    let meanwhile = async {
        // The poll was polled first and waits now.
        assert_eq!(app.stream("t").await.state().subscribers, 1);
        app.status(request).await
    };
    let (viewer, _) = tokio::join!(biased; app.open(&waiting), meanwhile);
    (viewer, start.elapsed())
}

fn header<'a>(viewer: &'a Viewer, name: &str) -> &'a str {
    viewer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_answered_at_once() {
    let app = app().await;
    for offset in ["-1", "0000000000000000_0000000000000000"] {
        let mut viewer = app.open(&poll(&format!("offset={offset}"))).await;
        assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (200, "one"));
        assert_eq!(header(&viewer, "stream-next-offset"), TAIL);
        assert_eq!(header(&viewer, "stream-up-to-date"), "true");
        assert_eq!(header(&viewer, "content-type"), "text/plain");
        assert!(header(&viewer, "stream-cursor").parse::<u64>().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_is_answered_the_moment_it_is_acknowledged() {
    let app = app().await;
    let (mut viewer, took) = answered(&app, "POST /v1/stream/t\ncontent-type: text/plain\n\ntwo").await;
    assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (200, "two"));
    assert_eq!(header(&viewer, "stream-next-offset"), "0000000000000002_0000000000000000");
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn silence_is_answered_when_the_timeout_passes() {
    let app = filled(TestApp::with(|config| config.long_poll_timeout = Duration::from_secs(7))).await;
    for offset in [TAIL, "now"] {
        let start = Instant::now();
        let mut viewer = app.open(&poll(&format!("offset={offset}"))).await;
        assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (204, ""));
        assert_eq!(start.elapsed().as_secs(), 7);
        assert_eq!(header(&viewer, "stream-next-offset"), TAIL);
        assert_eq!(header(&viewer, "stream-up-to-date"), "true");
        assert_eq!(header(&viewer, "stream-closed"), "");
        assert!(header(&viewer, "stream-cursor").parse::<u64>().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_wakes_whoever_waits_and_whoever_comes_later_does_not_wait() {
    let app = app().await;
    let close = "POST /v1/stream/t\nstream-closed: true\nstream-close-reason: failed";
    let (viewer, took) = answered(&app, close).await;
    assert_eq!(took, Duration::ZERO);
    for viewer in [viewer, app.open(&poll(&format!("offset={TAIL}"))).await, app.open(&poll("offset=now")).await] {
        assert_eq!(viewer.status, 204);
        assert_eq!(header(&viewer, "stream-closed"), "true");
        assert_eq!(header(&viewer, "stream-close-reason"), "failed");
        assert_eq!(header(&viewer, "stream-up-to-date"), "true");
        assert_eq!(header(&viewer, "stream-cursor"), "");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_append_and_the_close_come_together() {
    let app = app().await;
    let last = "POST /v1/stream/t\ncontent-type: text/plain\nstream-closed: true\n\nend";
    let (mut viewer, _) = answered(&app, last).await;
    assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (200, "end"));
    assert_eq!(header(&viewer, "stream-closed"), "true");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_away_is_not_found_any_more() {
    let app = app().await;
    let (viewer, took) = answered(&app, "DELETE /v1/stream/t").await;
    assert_eq!((viewer.status.as_u16(), took), (404, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_drain_sends_whoever_waits_away_without_an_end() {
    let app = app().await;
    let start = Instant::now();
    let waiting = poll(&format!("offset={TAIL}"));
    let (viewer, ()) = tokio::join!(biased; app.open(&waiting), app.app.hub.tasks().drain(Duration::ZERO));
    assert_eq!((viewer.status.as_u16(), start.elapsed()), (204, Duration::ZERO));
    assert_eq!(header(&viewer, "stream-closed"), "");
    assert_ne!(header(&viewer, "stream-cursor"), "");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_presents_its_cursor_is_told_a_later_one() {
    let app = app().await;
    let first: u64 = header(&app.open(&poll("offset=-1")).await, "stream-cursor").parse().unwrap();
    let again = app.open(&poll(&format!("offset=-1&cursor={first}"))).await;
    assert!(header(&again, "stream-cursor").parse::<u64>().unwrap() > first);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_count_as_subscribers_and_leave_nothing_behind() {
    let app = filled(TestApp::with(|config| config.max_subscribers_per_stream = 1.try_into().unwrap())).await;
    let waiting = poll(&format!("offset={TAIL}"));
    let second = async {
        let viewer = app.open(&waiting).await;
        app.status("POST /v1/stream/t\ncontent-type: text/plain\n\ntwo").await;
        viewer.status.as_u16()
    };
    let (first, second) = tokio::join!(biased; app.open(&waiting), second);
    assert_eq!((first.status.as_u16(), second), (200, 503));
    let given_up = tokio::time::timeout(Duration::from_secs(1), app.open(&poll("offset=now"))).await;
    assert!(given_up.is_err());
    assert_eq!(app.stream("t").await.state().subscribers, 0);
}

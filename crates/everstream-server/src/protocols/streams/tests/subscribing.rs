//! Native subscriptions: what an EventSource sees.

use std::time::Duration;

use expect_test::expect;

use crate::test_app::{BodyEnd, TestApp, Viewer};

const OPEN: &str = "GET /v1/stream/a\naccept: text/event-stream";

async fn append(app: &TestApp, body: &str) {
    let request = format!("POST /v1/stream/a\ncontent-type: text/event-stream\n\n{body}");
    assert_eq!(app.status(&request).await, 204);
}

async fn made(records: usize) -> TestApp {
    filled(TestApp::new(), records).await
}

async fn filled(app: TestApp, records: usize) -> TestApp {
    assert_eq!(app.status("PUT /v1/stream/a\ncontent-type: text/event-stream").await, 201);
    for n in 0..records {
        append(&app, &format!("event: token\ndata: {n}\n\n")).await;
    }
    app
}

/// The text without the retry line, which differs for each client, and with a fixed epoch.
async fn seen(app: &TestApp, viewer: &mut Viewer) -> String {
    let text = viewer.now().await.replace(app.stream("a").await.epoch().as_str(), "k3v9");
    match text.split_once('\n') {
        Some((retry, rest)) if retry.starts_with("retry: ") => rest.to_owned(),
        _ => text,
    }
}

async fn resumed(app: &TestApp, id: &str) -> String {
    let epoch = app.stream("a").await.epoch();
    let id = id.replace("k3v9", epoch.as_str());
    let mut viewer = app.open(&format!("{OPEN}\nlast-event-id: {id}")).await;
    assert_eq!(viewer.status, 200);
    seen(app, &mut viewer).await
}

#[tokio::test(start_paused = true)]
async fn the_head_comes_before_any_event() {
    let app = made(0).await;
    let viewer = app.open(OPEN).await;
    assert_eq!(viewer.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(viewer.headers[name], value);
    }
    assert_eq!(viewer.headers["stream-epoch"], app.stream("a").await.epoch().as_str());
    for absent in ["content-length", "etag", "last-modified", "accept-ranges", "stream-sse-data-encoding"] {
        assert!(!viewer.headers.contains_key(absent), "{absent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_from_the_first_event_to_the_close() {
    let app = made(1).await;
    let mut viewer = app.open(OPEN).await;
    let mut text = seen(&app, &mut viewer).await;
    append(&app, "id: theirs\nretry: 1\ndata:two\ndata: lines\nother: x\n\n").await;
    text += &seen(&app, &mut viewer).await;
    text += &viewer.during(Duration::from_secs(15)).await;
    app.status("POST /v1/stream/a\nstream-closed: true").await;
    text += &seen(&app, &mut viewer).await;
    expect![[r#"
        id: k3v9-0

        id: k3v9-1
        event: token
        data: 0

        id: k3v9-2
        data:two
        data: lines
        other: x

        : keep-alive
        id: k3v9-2-end
        event: close
        data: {"reason":"completed","detail":null,"next":"k3v9-2"}

    "#]]
    .assert_eq(&text);
    assert_eq!(viewer.end(), Some(BodyEnd::Clean));
}

#[tokio::test(start_paused = true)]
async fn the_law_holds_for_every_cut_from_memory_and_from_the_log() {
    for ring_frames in [1, 3, 1024] {
        let app = TestApp::with(|config| config.max_ring_frames = ring_frames.try_into().unwrap());
        let app = filled(app, 7).await;
        app.status("POST /v1/stream/a?action=stop").await;
        let canonical = seen(&app, &mut app.open(OPEN).await).await;
        let frames: Vec<&str> = canonical.split_inclusive("\n\n").collect();
        assert_eq!(frames.len(), 9);
        let mut in_many = frames[0].to_owned();
        for cut in 0..frames.len() - 1 {
            let id = frames[cut].lines().next().unwrap().strip_prefix("id: ").unwrap();
            let rest = resumed(&app, id).await;
            // What a client resumes with begins with the position it already has, unless only the close is left.
            let rest = rest.strip_prefix(&format!("id: {id}\n\n")).unwrap_or(&rest);
            assert_eq!(frames[..=cut].concat() + rest, canonical, "cut behind {id}");
            in_many += rest.split_inclusive("\n\n").next().unwrap();
        }
        assert_eq!(in_many, canonical, "a connection for each event");
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_tail_of_a_closed_stream_there_is_the_close_alone_and_behind_it_nothing() {
    let app = made(2).await;
    app.status("POST /v1/stream/a?action=stop").await;
    assert_eq!(
        resumed(&app, "k3v9-2").await,
        "id: k3v9-2-end\nevent: close\ndata: {\"reason\":\"stopped\",\"detail\":null,\"next\":\"k3v9-2\"}\n\n"
    );
    let epoch = app.stream("a").await.epoch();
    let mut viewer = app.open(&format!("{OPEN}\nlast-event-id: {epoch}-2-end")).await;
    assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (204, ""));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_not_of_this_life_is_answered_with_a_reset_and_the_whole() {
    let app = made(1).await;
    for (id, reason) in [("k3v9-5", "beyond_tail"), ("other1-1", "epoch_changed"), ("nonsense", "epoch_changed")] {
        let text = resumed(&app, id).await;
        let reset =
            format!("event: reset\ndata: {{\"reason\":\"{reason}\",\"first\":\"k3v9-0\",\"next\":\"k3v9-1\"}}\n\n");
        assert_eq!(text, reset + "id: k3v9-0\n\nid: k3v9-1\nevent: token\ndata: 0\n\n", "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_query_and_a_posted_body_resume_as_the_header_does() {
    let app = made(2).await;
    let epoch = app.stream("a").await.epoch();
    for request in [
        format!("GET /v1/stream/a?last_event_id={epoch}-1\naccept: text/event-stream"),
        format!("GET /v1/stream/a?lastEventId={epoch}-1\naccept: text/event-stream"),
        format!("GET /v1/stream/a?from={epoch}-1\naccept: text/event-stream"),
        format!("GET /v1/stream/a?lastEventId={epoch}-0\naccept: text/event-stream\nlast-event-id: {epoch}-1"),
        format!(
            "POST /v1/stream/a?action=subscribe\ncontent-type: application/json\n\n{{\"last_event_id\":\"{epoch}-1\"}}"
        ),
        format!("POST /v1/stream/a?action=subscribe\nlast-event-id: {epoch}-1"),
    ] {
        let text = seen(&app, &mut app.open(&request).await).await;
        assert_eq!(text, "id: k3v9-1\n\nid: k3v9-2\nevent: token\ndata: 1\n\n", "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn from_now_leaves_the_past_out() {
    let app = made(2).await;
    let mut viewer = app.open("GET /v1/stream/a?from=now\naccept: text/event-stream").await;
    assert_eq!(seen(&app, &mut viewer).await, "id: k3v9-2\n\n");
    append(&app, "data: new\n\n").await;
    assert_eq!(seen(&app, &mut viewer).await, "id: k3v9-3\ndata: new\n\n");
}

#[tokio::test(start_paused = true)]
async fn records_of_other_types_become_data() {
    for (kind, body, data, encoding) in [
        ("application/json", "{\"n\": 1.0}", "data: {\"n\": 1.0}\n", None),
        ("text/plain", "a\r\nb", "data: a\ndata: b\n", None),
        ("text/plain", "日\u{2028}", "data: 日\u{2028}\n", None),
        ("application/octet-stream", "\0\n", "data: AAo=\n", Some("base64")),
    ] {
        let app = TestApp::new();
        app.status(&format!("PUT /v1/stream/a\ncontent-type: {kind}\n\n{body}")).await;
        let mut viewer = app.open(OPEN).await;
        assert_eq!(seen(&app, &mut viewer).await, format!("id: k3v9-0\n\nid: k3v9-1\n{data}\n"));
        let got = viewer.headers.get("stream-sse-data-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(got, encoding, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_configured_age_ends_a_subscription_so_that_its_client_resumes() {
    let app = TestApp::with(|config| {
        config.max_subscription_age = crate::config::Limit::At(Duration::from_secs(20));
        config.keep_alive = crate::config::Limit::Off;
    });
    app.status("PUT /v1/stream/a\ncontent-type: text/event-stream").await;
    let mut viewer = app.open(OPEN).await;
    assert!(viewer.rest().await.matches("retry: ").count() == 2);
    assert_eq!(viewer.end(), Some(BodyEnd::Cut));
}

#[tokio::test(start_paused = true)]
async fn a_stream_takes_no_more_subscribers_than_configured() {
    let app = TestApp::with(|config| config.max_subscribers_per_stream = 1.try_into().unwrap());
    app.status("PUT /v1/stream/a\ncontent-type: text/event-stream").await;
    let first = app.open(OPEN).await;
    assert_eq!(app.status(OPEN).await, 503);
    drop(first);
    assert_eq!(app.status(OPEN).await, 200);
}

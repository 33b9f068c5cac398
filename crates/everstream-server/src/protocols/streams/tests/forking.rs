//! Streams that begin with the records of another one, over HTTP.

use expect_test::{Expect, expect};

use crate::test_app::TestApp;

const ZERO: &str = "0000000000000000_0000000000000000";

async fn check(app: &TestApp, stream: &str, request: &str, expected: Expect) {
    expected.assert_eq(&app.transcript(stream, request).await);
}

/// A source of text, `hello` and ` world`, and one of JSON.
async fn app() -> TestApp {
    let app = TestApp::new();
    for (request, status) in [
        ("PUT /v1/stream/chat/1\ncontent-type: text/plain\nstream-ttl: 60\n\nhello", 201),
        ("POST /v1/stream/chat/1\ncontent-type: text/plain\n\n world", 204),
        ("PUT /v1/stream/json\ncontent-type: application/json\n\n[1,2,3]", 201),
    ] {
        assert_eq!(app.status(request).await, status, "{request}");
    }
    app
}

async fn body(app: &TestApp, stream: &str) -> String {
    app.open(&format!("GET /v1/stream/{stream}")).await.rest().await
}

#[tokio::test(start_paused = true)]
async fn a_fork_says_nothing_of_its_source_in_its_heads() {
    let app = app().await;
    let request = format!(
        "PUT /v1/stream/f\nhost: h\nstream-forked-from: /v1/stream/chat%2F1\nstream-fork-offset: {ZERO}\nstream-fork-sub-offset: 3\n\n!"
    );
    check(
        &app,
        "f",
        &request,
        expect![[r#"
            201
            cache-control: no-store
            content-length: 0
            content-type: text/plain
            cross-origin-resource-policy: same-origin
            location: http://h/v1/stream/f
            stream-epoch: <epoch>
            stream-next-offset: 0000000000000002_0000000000000000
            stream-ttl: 60
            x-content-type-options: nosniff

        "#]],
    )
    .await;
    check(
        &app,
        "f",
        "GET /v1/stream/f?offset=-1",
        expect![[r#"
            200
            cache-control: private, no-cache
            content-length: 4
            content-type: text/plain
            cross-origin-resource-policy: same-origin
            etag: "<epoch>-0-2-tail"
            stream-epoch: <epoch>
            stream-next-offset: 0000000000000002_0000000000000000
            stream-ttl: 60
            stream-up-to-date: true
            vary: Accept
            x-content-type-options: nosniff

            hel!"#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_fork_names_its_source_and_where_it_left() {
    let app = app().await;
    assert_eq!(app.status("PUT /v1/stream/f\nstream-forked-from: /v1/stream/chat/1").await, 201);
    for (stream, expected) in [
        ("f", r#""forked_from":{"path":"/v1/stream/chat/1","offset":"0000000000000002_0000000000000000"}"#),
        ("chat/1", r#""forked_from":null"#),
    ] {
        let state = app.open(&format!("GET /v1/stream/{stream}?view=state")).await.rest().await;
        assert!(state.contains(expected), "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fork_leaves_its_source_at_an_event_id_too() {
    let app = app().await;
    let epoch = app.stream("chat/1").await.epoch();
    let request = format!("PUT /v1/stream/f\nstream-forked-from: /v1/stream/chat/1\nstream-fork-offset: {epoch}-1");
    assert_eq!((app.status(&request).await, body(&app, "f").await.as_str()), (201, "hello"));
    // The same point in the protocol's own words.
    let same = request.replace(&format!("{epoch}-1"), "0000000000000001_0000000000000000");
    assert_eq!(app.status(&same).await, 200);
    let of_another_life = request.replace(epoch.as_str(), "0123abcd");
    check(&app, "chat/1", &of_another_life, expect![[r#"
        400
        cache-control: no-store
        content-length: 227
        content-type: application/problem+json
        cross-origin-resource-policy: same-origin
        x-content-type-options: nosniff

        {"type":"/problems/invalid_header","title":"Invalid header","status":400,"detail":"the event id is of another life of the source","code":"invalid_header","field":"stream-fork-offset","value":"0123abcd-1","example":"<epoch>-1"}"#]])
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_refusal_names_the_header_that_has_to_change() {
    let app = app().await;
    assert_eq!(app.status("PUT /v1/stream/taken\ncontent-type: text/plain").await, 201);
    assert_eq!(
        app.status("PUT /v1/stream/made\nstream-forked-from: /v1/stream/json\nstream-fork-offset: 1_0").await,
        201
    );
    let of = |headers: &str| format!("PUT /v1/stream/f\nstream-forked-from: /v1/stream/chat/1\n{headers}");
    for (request, status, code, field) in [
        (
            "PUT /v1/stream/f\nstream-forked-from: /v1/stream/none".to_owned(),
            404,
            "stream_not_found",
            "stream-forked-from",
        ),
        ("PUT /v1/stream/f\nstream-forked-from: chat/1".to_owned(), 400, "invalid_header", "stream-forked-from"),
        ("PUT /v1/stream/f\nstream-forked-from: ".to_owned(), 400, "invalid_header", "stream-forked-from"),
        (of("stream-forked-from: /v1/stream/json"), 400, "invalid_header", "stream-forked-from"),
        ("PUT /v1/stream/f\nstream-fork-sub-offset: 0".to_owned(), 400, "invalid_header", "stream-fork-sub-offset"),
        (format!("PUT /v1/stream/f\nstream-fork-offset: {ZERO}"), 400, "invalid_header", "stream-fork-offset"),
        (of("stream-fork-offset: now"), 400, "invalid_header", "stream-fork-offset"),
        (of("stream-fork-offset: 3_0"), 400, "offset_beyond_tail", "stream-fork-offset"),
        (of("stream-fork-offset: 0_0\nstream-fork-sub-offset: 6"), 400, "invalid_header", "stream-fork-sub-offset"),
        (of("stream-fork-offset: 0_0\nstream-fork-sub-offset: 03"), 400, "invalid_header", "stream-fork-sub-offset"),
        (of("stream-fork-sub-offset: 1"), 400, "invalid_header", "stream-fork-sub-offset"),
        (of("content-type: application/json"), 409, "content_type_mismatch", "content-type"),
        (of("").replace("stream/f", "stream/taken"), 409, "stream_exists", "stream-forked-from"),
        ("PUT /v1/stream/made\ncontent-type: application/json".to_owned(), 409, "stream_exists", "stream-forked-from"),
        (of("").replace("stream/f", "stream/made"), 409, "stream_exists", "stream-forked-from"),
        (
            "PUT /v1/stream/made\nstream-forked-from: /v1/stream/json\nstream-fork-offset: 2_0".to_owned(),
            409,
            "stream_exists",
            "stream-fork-offset",
        ),
        (
            "PUT /v1/stream/made\nstream-forked-from: /v1/stream/json\nstream-fork-sub-offset: 1".to_owned(),
            409,
            "stream_exists",
            "stream-fork-sub-offset",
        ),
        (
            "PUT /v1/stream/made\nstream-forked-from: /v1/stream/json\nstream-ttl: 5".to_owned(),
            409,
            "stream_exists",
            "stream-ttl",
        ),
    ] {
        let mut viewer = app.open(&request).await;
        let problem: serde_json::Value = serde_json::from_str(&viewer.rest().await).unwrap();
        let told = (viewer.status.as_u16(), problem["code"].as_str(), problem["field"].as_str());
        assert_eq!(told, (status, Some(code), Some(field)), "{request}");
    }
    // Nothing was made, and nobody holds the source.
    assert_eq!(app.status("DELETE /v1/stream/chat/1").await, 204);
    assert_eq!(app.status("HEAD /v1/stream/chat/1").await, 404);
    assert_eq!(app.status("HEAD /v1/stream/f").await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_source_is_gone_on_every_route_until_its_last_fork_is() {
    let app = app().await;
    assert_eq!(app.status("PUT /v1/stream/f\nstream-forked-from: /v1/stream/chat/1").await, 201);
    assert_eq!(app.status("DELETE /v1/stream/chat/1").await, 204);
    for (request, status) in [
        ("GET /v1/stream/chat/1", 410),
        ("GET /v1/stream/chat/1?live=long-poll&offset=-1", 410),
        ("GET /v1/stream/chat/1?live=sse&offset=-1", 410),
        ("GET /v1/stream/chat/1?view=state", 410),
        ("GET /v1/stream/chat/1\naccept: text/event-stream", 410),
        ("HEAD /v1/stream/chat/1", 410),
        ("POST /v1/stream/chat/1\ncontent-type: text/plain\n\nx", 410),
        ("POST /v1/stream/chat/1?action=stop", 410),
        ("POST /v1/stream/chat/1?action=subscribe", 410),
        ("POST /v1/stream/chat/1\ncontent-type: text/event-stream\neverstream-append: streaming\n\n", 410),
        ("DELETE /v1/stream/chat/1", 410),
        ("PUT /v1/stream/chat/1\ncontent-type: text/plain", 409),
        ("PUT /v1/stream/g\nstream-forked-from: /v1/stream/chat/1", 409),
        ("PUT /v1/stream/f\nstream-forked-from: /v1/stream/chat/1", 200),
        ("POST /v1/stream/f\ncontent-type: text/plain\n\n!", 204),
    ] {
        assert_eq!(app.status(request).await, status, "{request}");
    }
    assert_eq!(body(&app, "f").await, "hello world!");
    check(&app, "f", "PUT /v1/stream/g\nstream-forked-from: /v1/stream/chat/1", expect![[r#"
        409
        cache-control: no-store
        content-length: 287
        content-type: application/problem+json
        cross-origin-resource-policy: same-origin
        x-content-type-options: nosniff

        {"type":"/problems/fork_source_deleted","title":"Source of the fork was deleted","status":409,"detail":"stream chat/1 was deleted; only its forks still read its records","code":"fork_source_deleted","field":"stream-forked-from","value":"/v1/stream/chat/1","example":"/v1/stream/chat/42"}"#]])
    .await;
    check(&app, "f", "PUT /v1/stream/chat/1\ncontent-type: text/plain", expect![[r#"
        409
        cache-control: no-store
        content-length: 241
        content-type: application/problem+json
        cross-origin-resource-policy: same-origin
        x-content-type-options: nosniff

        {"type":"/problems/stream_exists","title":"Stream exists with other settings","status":409,"detail":"stream chat/1 was deleted; only its forks still read its records; its name is free once the last of them is deleted","code":"stream_exists"}"#]])
    .await;
    assert_eq!(app.status("DELETE /v1/stream/f").await, 204);
    assert_eq!(app.status("GET /v1/stream/chat/1").await, 404);
    assert_eq!(app.status("PUT /v1/stream/chat/1\ncontent-type: application/json").await, 201);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_goes_from_the_source_s_records_to_the_fork_s_own() {
    let app = app().await;
    assert_eq!(app.status("PUT /v1/stream/f\nstream-forked-from: /v1/stream/json\nstream-fork-offset: 2_0").await, 201);
    let epoch = app.stream("f").await.epoch();
    let mut native = app.open(&format!("GET /v1/stream/f\naccept: text/event-stream\nlast-event-id: {epoch}-1")).await;
    let mut live = app.open("GET /v1/stream/f?live=sse&offset=-1").await;
    let past = (native.now().await, live.now().await);
    assert_eq!(app.status("POST /v1/stream/json\ncontent-type: application/json\n\n4").await, 204);
    assert_eq!(
        app.status("POST /v1/stream/f\ncontent-type: application/json\nstream-closed: true\n\n[5,6]").await,
        204
    );
    let data = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(str::trim).filter(|data| !data.contains(['"'])).map(str::to_owned).collect()
    };
    assert_eq!(
        (data(&past.0), data(&native.rest().await)),
        (vec!["2".to_owned()], vec!["5".to_owned(), "6".to_owned()])
    );
    assert_eq!((data(&past.1), data(&live.rest().await)), (vec!["[1,2]".to_owned()], vec!["[5,6]".to_owned()]));
}

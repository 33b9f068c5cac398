//! Create, append, close, stop, delete.

use expect_test::expect;

use crate::test_app::TestApp;

#[tokio::test(start_paused = true)]
async fn a_stream_is_made_appended_to_and_closed() {
    let app = TestApp::new();
    let create = "PUT /v1/stream/chat/1\nhost: t:8000\ncontent-type: application/json\nstream-ttl: 60\n\n[{\"n\":0},{\"n\":1.0}]";
    expect![[r#"
        201
        cache-control: no-store
        content-length: 0
        content-type: application/json
        cross-origin-resource-policy: same-origin
        location: http://t:8000/v1/stream/chat/1
        stream-epoch: <epoch>
        stream-next-offset: 0000000000000002_0000000000000000
        stream-ttl: 60
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&app.transcript("chat/1", create).await);
    let append = "POST /v1/stream/chat/1\ncontent-type: application/json\nstream-closed: true\nstream-close-reason: failed\n\n[[3]]";
    expect![[r#"
        204
        content-length: 0
        cross-origin-resource-policy: same-origin
        stream-close-reason: failed
        stream-closed: true
        stream-next-offset: 0000000000000003_0000000000000000
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&app.transcript("chat/1", append).await);
    expect![[r#"
        200
        cache-control: private, no-cache
        content-length: 23
        content-type: application/json
        cross-origin-resource-policy: same-origin
        etag: "<epoch>-0-3-end"
        stream-close-reason: failed
        stream-closed: true
        stream-epoch: <epoch>
        stream-next-offset: 0000000000000003_0000000000000000
        stream-ttl: 60
        stream-up-to-date: true
        vary: Accept
        x-content-type-options: nosniff

        [{"n":0},{"n":1.0},[3]]"#]]
    .assert_eq(&app.transcript("chat/1", "GET /v1/stream/chat/1").await);
}

#[tokio::test(start_paused = true)]
async fn an_append_to_a_closed_stream_learns_of_the_end() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/a\ncontent-type: text/plain\nstream-closed: true\n\nall").await;
    expect![[r#"
        409
        cache-control: no-store
        content-length: 141
        content-type: application/problem+json
        cross-origin-resource-policy: same-origin
        stream-close-reason: completed
        stream-closed: true
        stream-next-offset: 0000000000000001_0000000000000000
        x-content-type-options: nosniff

        {"type":"/problems/stream_closed","title":"Stream is closed","status":409,"detail":"stream a was closed as completed","code":"stream_closed"}"#]]
    .assert_eq(&app.transcript("a", "POST /v1/stream/a\ncontent-type: text/plain\n\nmore").await);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_refused_body_is_stored() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/a\ncontent-type: text/event-stream").await;
    let status = app.status("POST /v1/stream/a\ncontent-type: text/event-stream\n\ndata: a\n\nevent: b\n\n").await;
    assert_eq!((status, app.stream("a").await.state().tail.0), (400, 0));
}

#[tokio::test(start_paused = true)]
async fn behind_tls_the_location_is_https() {
    let app = TestApp::new();
    let viewer = app.open("PUT /v1/stream/a%2Fb\nhost: example.org\nx-forwarded-proto: https").await;
    assert_eq!(viewer.headers["location"], "https://example.org/v1/stream/a%2Fb");
    assert_eq!(app.status("GET /v1/stream/a/b").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_durable_idempotent_and_hits_only_the_life_it_means() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/a\ncontent-type: text/plain").await;
    let other = app.transcript("a", "POST /v1/stream/a?action=stop&epoch=other1").await;
    assert!(other.starts_with("200\n") && other.contains(r#""state":"open""#), "{other}");
    let epoch = app.stream("a").await.epoch();
    let now = app.transcript("a", &format!("POST /v1/stream/a?action=stop&epoch={epoch}\n\n[beacon]")).await;
    assert!(now.starts_with("202\n"), "{now}");
    expect![[r#"
        200
        cache-control: no-store
        content-length: 267
        content-type: application/json
        cross-origin-resource-policy: same-origin
        x-content-type-options: nosniff

        {"path":"a","epoch":"<epoch>","content_type":"text/plain","state":"closed","close_reason":"stopped","created_at":"2023-11-14T22:13:20.000Z","next_event_id":"<epoch>-0","records":0,"bytes":0,"expires_at":"2023-11-15T22:13:20.000Z","forked_from":null,"subscribers":0}"#]]
    .assert_eq(&app.transcript("a", "POST /v1/stream/a?action=stop").await);
}

#[tokio::test(start_paused = true)]
async fn a_name_made_again_has_another_epoch() {
    let app = TestApp::new();
    let first = app.open("PUT /v1/stream/a").await.headers["stream-epoch"].clone();
    assert_eq!(app.status("DELETE /v1/stream/a").await, 204);
    let second = app.open("PUT /v1/stream/a").await.headers["stream-epoch"].clone();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_header_that_is_sent_twice_is_refused_whatever_it_says() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/a\nContent-Type: text/plain").await;
    for (request, header) in [
        ("PUT /v1/stream/b\nStream-TTL: 5\nStream-TTL: 7", "stream-ttl"),
        ("PUT /v1/stream/b\nContent-Type: text/plain\nContent-Type: application/json", "content-type"),
        ("PUT /v1/stream/b\nStream-Closed: false\nStream-Closed: true", "stream-closed"),
        ("POST /v1/stream/a\nContent-Type: text/plain\nContent-Type: text/html\n\nx", "content-type"),
        (
            "POST /v1/stream/a\nStream-Closed: true\nStream-Close-Reason: failed\nStream-Close-Reason: stopped",
            "stream-close-reason",
        ),
    ] {
        let mut answer = app.open(request).await;
        assert_eq!(answer.status, 400, "{request}");
        let problem = answer.rest().await;
        assert!(problem.contains(&format!(r#""code":"invalid_header","field":"{header}""#)), "{problem}");
    }
    assert_eq!(app.status("GET /v1/stream/b").await, 404);
}

#[tokio::test]
async fn a_body_in_a_coding_is_refused_since_no_reader_would_know() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/a\nContent-Type: text/event-stream").await;
    for request in [
        "POST /v1/stream/a\nContent-Type: text/event-stream\nContent-Encoding: gzip\n\ndata: x\n\n",
        "POST /v1/stream/a\nContent-Type: text/event-stream\nContent-Encoding: identity, BR\n\ndata: x\n\n",
        "POST /v1/stream/a\nContent-Type: text/event-stream\nEverstream-Append: streaming\nContent-Encoding: zstd\n\ndata: x\n\n",
        "PUT /v1/stream/b\nContent-Type: text/plain\nContent-Encoding: gzip\n\nx",
    ] {
        let answer = app.open(request).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["accept-encoding"]), (415, &"identity".parse().unwrap()));
    }
    let plain = "POST /v1/stream/a\nContent-Type: text/event-stream\nContent-Encoding: Identity\n\ndata: x\n\n";
    assert_eq!(app.status(plain).await, 204);
    assert_eq!(app.status("POST /v1/stream/a?action=stop\nContent-Encoding: gzip\n\nx").await, 202);
    assert_eq!(app.stream("a").await.state().tail.0, 1);
}

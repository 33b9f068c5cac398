//! Bounded reads, the state and the head.

use std::time::Duration;

use expect_test::expect;

use crate::test_app::TestApp;

async fn app() -> TestApp {
    let app = TestApp::new();
    app.status("PUT /v1/stream/e\ncontent-type: text/event-stream\n\nid: 9\nevent: a\ndata:x\n\ndata: y\n\n").await;
    app.status("PUT /v1/stream/j\ncontent-type: application/json\nstream-closed: true\n\n[1,2,3]").await;
    app
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_is_read_as_the_stored_events() {
    let app = app().await;
    expect![[r#"
        200
        cache-control: private, no-cache
        content-length: 26
        content-type: text/event-stream
        cross-origin-resource-policy: same-origin
        etag: "<epoch>-0-2-tail"
        stream-epoch: <epoch>
        stream-next-offset: 0000000000000002_0000000000000000
        stream-up-to-date: true
        vary: Accept
        x-content-type-options: nosniff

        event: a
        data:x

        data: y

    "#]]
    .assert_eq(&app.transcript("e", "GET /v1/stream/e").await);
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_on_where_the_last_one_ended() {
    let app = app().await;
    for (offset, body) in [(0, "[1,2,3]"), (1, "[2,3]"), (3, "[]")] {
        let mut viewer = app.open(&format!("GET /v1/stream/j?offset={offset:016}_{:016}", 0)).await;
        assert_eq!(viewer.headers["stream-next-offset"], "0000000000000003_0000000000000000");
        assert_eq!(viewer.headers["stream-closed"], "true");
        assert_eq!(viewer.rest().await, body);
    }
    let mut now = app.open("GET /v1/stream/j?offset=now").await;
    assert_eq!((now.rest().await.as_str(), &now.headers["stream-up-to-date"]), ("[]", &"true".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn no_stream_runs_scripts_as_a_page_of_the_server() {
    let app = TestApp::new();
    let types = [
        ("text/html", true),
        ("Text/HTML; charset=utf-8", true),
        ("application/xhtml+xml", true),
        ("image/svg+xml", true),
        ("text/xml", true),
        ("text/xsl", true),
        ("multipart/x-mixed-replace; boundary=b", true),
        ("text/plain", false),
        ("image/png", false),
    ];
    for (at, (content_type, is_sandboxed)) in types.into_iter().enumerate() {
        assert_eq!(app.status(&format!("PUT /v1/stream/{at}\ncontent-type: {content_type}\n\n<script>")).await, 201);
        let last = "offset=0000000000000000_0000000000000000&live=long-poll";
        for request in ["GET /v1/stream/{}", "HEAD /v1/stream/{}", &format!("GET /v1/stream/{{}}?{last}")] {
            let answer = app.open(&request.replace("{}", &at.to_string())).await;
            let policy = answer.headers.get("content-security-policy").map(|policy| policy.as_bytes());
            assert_eq!(policy, is_sandboxed.then_some(b"sandbox".as_slice()), "{content_type}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_stream_is_read_in_pages() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/t\ncontent-type: text/plain").await;
    let line = "x".repeat(700 << 10);
    for _ in 0..6 {
        assert_eq!(app.status(&format!("POST /v1/stream/t\ncontent-type: text/plain\n\n{line}")).await, 204);
    }
    assert_eq!(app.status("POST /v1/stream/t\ncontent-type: text/plain\nstream-closed: true\n\nend").await, 204);
    let mut read = String::new();
    let mut offset = "-1".to_owned();
    for page in 0..5 {
        let mut viewer = app.open(&format!("GET /v1/stream/t?offset={offset}")).await;
        read += &viewer.rest().await;
        offset = viewer.headers["stream-next-offset"].to_str().unwrap().to_owned();
        let is_last = viewer.headers.contains_key("stream-up-to-date");
        assert_eq!(viewer.headers.contains_key("stream-closed"), is_last);
        if is_last {
            assert!(page > 0);
            break;
        }
    }
    assert_eq!(read.len(), 6 * line.len() + 3);
}

#[tokio::test(start_paused = true)]
async fn the_state_says_what_is_known() {
    let app = app().await;
    let _viewer = app.open("GET /v1/stream/e\naccept: text/event-stream").await;
    app.clock.advance(Duration::from_secs(1));
    expect![[r#"
        200
        cache-control: no-store
        content-length: 268
        content-type: application/json
        cross-origin-resource-policy: same-origin
        x-content-type-options: nosniff

        {"path":"e","epoch":"<epoch>","content_type":"text/event-stream","state":"open","close_reason":null,"created_at":"2023-11-14T22:13:20.000Z","next_event_id":"<epoch>-2","records":2,"bytes":24,"expires_at":"2023-11-21T22:13:20.000Z","forked_from":null,"subscribers":1}"#]]
    .assert_eq(&app.transcript("e", "GET /v1/stream/e?view=state\naccept: application/json").await);
}

#[tokio::test(start_paused = true)]
async fn a_head_is_that_of_the_get_without_subscribing() {
    let app = app().await;
    for (accept, view) in [("*/*", ""), ("text/event-stream", ""), ("application/json", "?view=state")] {
        let head = app.open(&format!("HEAD /v1/stream/e{view}\naccept: {accept}")).await;
        let get = app.open(&format!("GET /v1/stream/e{view}\naccept: {accept}")).await;
        assert_eq!(head.headers["content-type"], get.headers["content-type"], "{accept}");
        // The tag of a read takes a read.
        let cache = if accept == "*/*" { "no-store".parse().unwrap() } else { get.headers["cache-control"].clone() };
        assert_eq!(head.headers["cache-control"], cache, "{accept}");
    }
    for accept in ["*/*", "text/event-stream"] {
        let head = app.open(&format!("HEAD /v1/stream/e\naccept: {accept}")).await;
        assert!(!head.headers.contains_key("content-length"), "{accept}");
    }
    let mut head = app.open("HEAD /v1/stream/e\naccept: text/event-stream").await;
    assert_eq!(head.rest().await, "");
    assert_eq!(app.stream("e").await.state().subscribers, 0);
    let epoch = app.stream("j").await.epoch();
    let end = format!("HEAD /v1/stream/j\naccept: text/event-stream\nlast-event-id: {epoch}-3-end");
    assert_eq!(app.status(&end).await, 204);
}

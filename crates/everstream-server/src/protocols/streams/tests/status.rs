//! One table of refusals and successes for each route.

use crate::test_app::TestApp;

async fn app() -> TestApp {
    let app = TestApp::with(|config| {
        config.max_event_bytes.0 = 64;
        config.max_body_bytes.0 = 256;
    });
    for request in [
        "PUT /v1/stream/events\ncontent-type: text/event-stream",
        "PUT /v1/stream/json\ncontent-type: application/json\n\n[1,2,3]",
        "PUT /v1/stream/text\ncontent-type: text/plain; charset=utf-8\n\nhello",
        "PUT /v1/stream/closed\ncontent-type: application/json\nstream-closed: true\n\n1",
    ] {
        assert_eq!(app.status(request).await, 201, "{request}");
    }
    app
}

async fn check(table: &[(&str, u16)]) {
    let app = app().await;
    for (request, status) in table {
        let viewer = app.open(request).await;
        assert_eq!(viewer.status.as_u16(), *status, "{request}");
        assert_eq!(viewer.headers["x-content-type-options"], "nosniff", "{request}");
        let is_problem = viewer.headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
        assert_eq!(is_problem, *status >= 400, "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn put() {
    check(&[
        ("PUT /v1/stream/new", 201),
        ("PUT /v1/stream/new", 200),
        ("PUT /v1/stream/new\ncontent-type: text/plain", 409),
        ("PUT /v1/stream/json\ncontent-type: application/json", 200),
        ("PUT /v1/stream/json\ncontent-type: application/json\nstream-closed: true", 409),
        ("PUT /v1/stream/closed\ncontent-type: application/json\nstream-closed: TRUE", 200),
        ("PUT /v1/stream/closed\ncontent-type: application/json", 409),
        ("PUT /v1/stream/n1\ncontent-type: nonsense", 400),
        ("PUT /v1/stream/n2\nstream-ttl: 060", 400),
        ("PUT /v1/stream/n3\nstream-ttl: 60\nstream-expires-at: 2030-01-01T00:00:00Z", 400),
        ("PUT /v1/stream/n4\ncontent-type: application/json\n\n[]", 201),
        ("PUT /v1/stream/n5\ncontent-type: application/json\n\n[1,", 400),
        ("PUT /v1/stream/n6\ncontent-type: text/event-stream\n\ndata: a", 400),
        ("PUT /v1/stream/n7\nstream-closed: true\nstream-close-reason: bored", 400),
        ("PUT /v1/stream/a//b", 400),
        ("PUT /v1/stream/a%20b", 400),
        ("PUT /v1/stream/%ff", 400),
        ("PUT /v1/stream/__ds/x", 400),
        ("PUT /v1/stream/chat%2F42", 201),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn post() {
    let long = format!("POST /v1/stream/text\ncontent-type: text/plain\n\n{}", "x".repeat(65));
    let huge = format!("POST /v1/stream/text\ncontent-type: text/plain\n\n{}", "x".repeat(257));
    check(&[
        ("POST /v1/stream/text\ncontent-type: TEXT/plain\n\nmore", 204),
        ("POST /v1/stream/none\ncontent-type: text/plain\n\nmore", 404),
        ("POST /v1/stream/text\ncontent-type: application/json\n\n1", 409),
        ("POST /v1/stream/text\n\nmore", 400),
        ("POST /v1/stream/text\ncontent-type: text/plain", 400),
        ("POST /v1/stream/text\ncontent-type: application/json", 409),
        ("POST /v1/stream/text", 400),
        ("POST /v1/stream/json\ncontent-type: application/json\n\n[]", 400),
        ("POST /v1/stream/json\ncontent-type: application/json\n\n{", 400),
        ("POST /v1/stream/events\ncontent-type: text/event-stream\n\nevent: a\n\n", 400),
        ("POST /v1/stream/events\ncontent-type: text/event-stream\n\n: nothing\n\n", 400),
        (&long, 413),
        (&huge, 413),
        ("POST /v1/stream/closed\ncontent-type: application/json\n\n1", 409),
        ("POST /v1/stream/closed\ncontent-type: text/plain\n\n1", 409),
        ("POST /v1/stream/closed\nstream-closed: true", 204),
        ("POST /v1/stream/closed\nstream-closed: true\n\n1", 409),
        ("POST /v1/stream/text\nstream-close-reason: failed\ncontent-type: text/plain\n\nx", 400),
        ("POST /v1/stream/text?action=dance", 400),
        ("POST /v1/stream/text?action=stop&action=stop", 400),
        ("POST /v1/stream/text?action=stop&epoch=", 400),
        ("POST /v1/stream/text?action=stop&epoch=other1", 200),
        ("POST /v1/stream/text?action=stop\n\nanything", 202),
        ("POST /v1/stream/text?action=stop", 200),
        ("POST /v1/stream/none?action=stop", 404),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn get() {
    check(&[
        ("GET /v1/stream/json", 200),
        ("GET /v1/stream/json\naccept: */*", 200),
        ("GET /v1/stream/json\naccept: application/*", 200),
        ("GET /v1/stream/json\naccept: text/event-stream", 200),
        ("GET /v1/stream/json\naccept: text/html, text/event-stream;q=0.3", 200),
        ("GET /v1/stream/json\naccept: text/event-stream;q=0, */*", 200),
        ("GET /v1/stream/json\naccept: text/*", 406),
        ("GET /v1/stream/json\naccept: text/html", 406),
        ("GET /v1/stream/events\naccept: text/*", 200),
        ("GET /v1/stream/events\naccept: application/json", 406),
        ("GET /v1/stream/events\naccept: text/event-stream;q=0", 406),
        ("GET /v1/stream/events\naccept: text/event-stream;q=0, */*", 406),
        ("GET /v1/stream/json?offset=now", 200),
        ("GET /v1/stream/json?offset=", 400),
        ("GET /v1/stream/json?offset=0", 400),
        ("GET /v1/stream/json?offset=1_0&offset=1_0", 400),
        ("GET /v1/stream/json?offset=0000000000000004_0000000000000000", 400),
        ("GET /v1/stream/json?offset=9999999999999999_9999999999999999", 400),
        ("GET /v1/stream/json?live=long-poll&offset=-1", 200),
        ("GET /v1/stream/json?live=long-poll", 400),
        ("GET /v1/stream/json?live=long-poll&offset=", 400),
        ("GET /v1/stream/json?live=long-poll&offset=9_0", 400),
        ("GET /v1/stream/json?live=long-poll&offset=-1\naccept: text/plain", 406),
        ("GET /v1/stream/none?live=long-poll&offset=-1", 404),
        ("GET /v1/stream/closed?live=long-poll&offset=now", 204),
        ("GET /v1/stream/json?live=sse&offset=-1", 200),
        ("GET /v1/stream/json?live=sse&offset=-1\naccept: text/event-stream", 200),
        ("GET /v1/stream/json?live=sse\naccept: text/event-stream", 400),
        ("GET /v1/stream/json?live=sse&offset=9_0", 400),
        ("GET /v1/stream/json?live=sse&offset=now&offset=now", 400),
        ("GET /v1/stream/json?live=sse&offset=-1\naccept: application/json", 406),
        ("GET /v1/stream/none?live=sse&offset=-1", 404),
        ("GET /v1/stream/json?live=yes", 400),
        ("GET /v1/stream/json?view=state", 200),
        ("GET /v1/stream/json?view=state\naccept: text/html", 406),
        ("GET /v1/stream/json?view=all", 400),
        ("GET /v1/stream/json?unknown=%zz", 200),
        ("GET /v1/stream/none", 404),
        ("GET /v1/stream/none\naccept: text/event-stream", 404),
        ("GET /v1/stream/none?view=state", 404),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn subscriptions() {
    check(&[
        ("GET /v1/stream/json?from=start\naccept: text/event-stream", 200),
        ("GET /v1/stream/json?from=yesterday\naccept: text/event-stream", 400),
        ("GET /v1/stream/json?last_event_id=nonsense\naccept: text/event-stream", 200),
        ("GET /v1/stream/json\naccept: text/event-stream\nlast-event-id: …", 200),
        ("POST /v1/stream/json?action=subscribe", 200),
        ("POST /v1/stream/json?action=subscribe\naccept: application/json", 406),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{\"from\":\"now\"}", 200),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: text/plain\n\n{\"from\":\"now\"}", 415),
        ("POST /v1/stream/json?action=subscribe\n\n{}", 415),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{\"form\":\"now\"}", 400),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{\"from\":\"never\"}", 400),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{", 400),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n[]", 400),
        ("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{\"from\":3}", 400),
        ("POST /v1/stream/none?action=subscribe", 404),
    ])
    .await;
    let long =
        format!("POST /v1/stream/json?action=subscribe\ncontent-type: application/json\n\n{}", " ".repeat(65 << 10));
    let app = TestApp::new();
    app.status("PUT /v1/stream/json\ncontent-type: application/json").await;
    assert_eq!(app.status(&long).await, 413);
}

#[tokio::test(start_paused = true)]
async fn the_other_methods() {
    check(&[
        ("HEAD /v1/stream/json", 200),
        ("HEAD /v1/stream/json\naccept: text/event-stream", 200),
        ("HEAD /v1/stream/json\naccept: text/html", 406),
        ("HEAD /v1/stream/none", 404),
        ("OPTIONS /v1/stream/none", 204),
        ("PATCH /v1/stream/json", 405),
        ("BREW /v1/stream/json", 501),
        ("get /v1/stream/json", 501),
        ("DELETE /v1/stream/json", 204),
        ("DELETE /v1/stream/json", 404),
        ("GET /v1/stream/json", 404),
    ])
    .await;
    let app = app().await;
    for request in ["OPTIONS /v1/stream/a", "PATCH /v1/stream/a"] {
        assert_eq!(app.open(request).await.headers["allow"], "GET, HEAD, PUT, POST, DELETE, OPTIONS");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_field_value_and_example() {
    let app = app().await;
    for (request, field, value, example) in [
        ("GET /v1/stream/json?offset=abc", "offset", "abc", "0000000000000042_0000000000000000"),
        ("GET /v1/stream/json?from=abc\naccept: text/event-stream", "from", "abc", "start"),
        ("PUT /v1/stream/n\nstream-ttl: abc", "stream-ttl", "abc", "3600"),
        ("PUT /v1/stream/n\ncontent-type: abc", "content-type", "abc", "application/json"),
        ("PUT /v1/stream/a//b", "path", "a//b", "chat/42"),
        ("PUT /v1/stream/json\ncontent-type: text/plain", "content-type", "text/plain", "application/json"),
        ("PUT /v1/stream/closed\ncontent-type: application/json", "stream-closed", "false", "true"),
        ("PUT /v1/stream/json\ncontent-type: application/json\nstream-ttl: 9", "stream-ttl", "another expiry", ""),
        ("POST /v1/stream/json\ncontent-type: text/plain\n\n1", "content-type", "text/plain", "application/json"),
        ("POST /v1/stream/json\nstream-closed: true\nstream-close-reason: x", "stream-close-reason", "x", "completed"),
        ("POST /v1/stream/json\ncontent-type: application/json\n\nabc", "body", "abc", "{\"n\":1}"),
        ("POST /v1/stream/json?action=abc", "action", "abc", "stop"),
        ("POST /v1/stream/json\neverstream-append: abc", "everstream-append", "abc", "streaming"),
    ] {
        let problem: serde_json::Value = serde_json::from_str(&app.open(request).await.rest().await).unwrap();
        let named = [&problem["field"], &problem["value"], &problem["example"]];
        assert_eq!(named, [field, value, example], "{request}: {problem}");
    }
}

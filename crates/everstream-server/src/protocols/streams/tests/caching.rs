//! Bounded reads that a client holds already.

use std::time::Duration;

use crate::test_app::{TestApp, Viewer};

async fn app() -> TestApp {
    let app = TestApp::new();
    assert_eq!(app.status("PUT /v1/stream/t\ncontent-type: text/plain\nstream-ttl: 10\n\none").await, 201);
    app
}

async fn held(app: &TestApp, tag: &str) -> Viewer {
    app.open(&format!("GET /v1/stream/t\nif-none-match: {tag}")).await
}

async fn tag(app: &TestApp) -> String {
    let viewer = app.open("GET /v1/stream/t").await;
    assert_eq!(viewer.headers["cache-control"], "private, no-cache");
    viewer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_it_all_is_told_so() {
    let app = app().await;
    let tag = tag(&app).await;
    let mut viewer = held(&app, &tag).await;
    assert_eq!((viewer.status.as_u16(), viewer.rest().await.as_str()), (304, ""));
    assert_eq!(viewer.headers["etag"], tag);
    assert_eq!(held(&app, "\"other\"").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_append_a_close_and_another_life_are_changes() {
    let app = app().await;
    let mut tags = vec![tag(&app).await];
    for change in [
        "POST /v1/stream/t\ncontent-type: text/plain\n\ntwo",
        "POST /v1/stream/t\nstream-closed: true",
        "DELETE /v1/stream/t",
    ] {
        assert_eq!(app.status(change).await, 204);
        if change.starts_with("DELETE") {
            let again = "PUT /v1/stream/t\ncontent-type: text/plain\nstream-closed: true\nstream-ttl: 10\n\nonetwo";
            assert_eq!(app.status(again).await, 201);
        }
        let viewer = held(&app, tags.last().unwrap()).await;
        assert_eq!(viewer.status, 200, "{change}");
        tags.push(tag(&app).await);
    }
    let all = tags.clone();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), all.len(), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_page_changes_when_it_is_no_longer_the_last_one() {
    let app = TestApp::new();
    let body = format!("[{}]", vec!["1"; 16_384].join(","));
    app.status(&format!("PUT /v1/stream/t\ncontent-type: application/json\n\n{body}")).await;
    let last = tag(&app).await;
    assert_eq!(held(&app, &last).await.status, 304);
    assert_eq!(app.status("POST /v1/stream/t\ncontent-type: application/json\n\n2").await, 204);
    let viewer = held(&app, &last).await;
    assert_eq!(viewer.status, 200);
    assert!(!viewer.headers.contains_key("stream-up-to-date"));
    // From now on it stays as it is, whatever is appended.
    let full = tag(&app).await;
    assert_eq!(app.status("POST /v1/stream/t\ncontent-type: application/json\n\n3").await, 204);
    assert_eq!(held(&app, &full).await.status, 304);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_this_moment_has_no_tag() {
    let app = app().await;
    for query in ["offset=now", "offset=-1&live=long-poll"] {
        let viewer = app.open(&format!("GET /v1/stream/t?{query}\nif-none-match: *")).await;
        assert_eq!(viewer.status, 200, "{query}");
        assert_eq!(viewer.headers["cache-control"], "no-store", "{query}");
        assert!(!viewer.headers.contains_key("etag"), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_keeps_a_stream_alive_however_little_is_read_and_looking_at_it_does_not() {
    let app = app().await;
    let tag = tag(&app).await;
    let held = format!("GET /v1/stream/t\nif-none-match: {tag}");
    for (request, status) in [(held.as_str(), 304), ("GET /v1/stream/t?offset=now", 200), ("GET /v1/stream/t", 200)] {
        app.clock.advance(Duration::from_secs(9));
        assert_eq!(app.status(request).await, status, "{request}");
    }
    app.clock.advance(Duration::from_secs(9));
    assert_eq!(app.status("HEAD /v1/stream/t").await, 200);
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(app.status("HEAD /v1/stream/t").await, 404);
}

//! Appends that their publishers number.

use expect_test::expect;
use serde_json::Value;

use crate::test_app::{TestApp, Viewer};

/// An append of `body` to the text stream `s`, with more headers.
fn post(headers: &str, body: &str) -> String {
    let headers = headers.trim_end();
    let gap = if headers.is_empty() { "" } else { "\n" };
    format!("POST /v1/stream/s\ncontent-type: text/plain{gap}{headers}\n\n{body}")
}

fn producer(epoch: &str, seq: &str) -> String {
    format!("producer-id: p\nproducer-epoch: {epoch}\nproducer-seq: {seq}")
}

async fn app() -> TestApp {
    let app = TestApp::new();
    assert_eq!(app.status("PUT /v1/stream/s\ncontent-type: text/plain").await, 201);
    app
}

/// Sends each request and holds its status to the table.
async fn check(app: &TestApp, table: &[(String, u16)]) {
    for (request, status) in table {
        assert_eq!(app.status(request).await, *status, "{request}");
    }
}

async fn problem(mut viewer: Viewer) -> (u16, Value) {
    let problem = serde_json::from_str(&viewer.rest().await).unwrap();
    (viewer.status.as_u16(), problem)
}

async fn content(app: &TestApp) -> String {
    app.open("GET /v1/stream/s").await.rest().await
}

#[tokio::test(start_paused = true)]
async fn a_new_append_is_200_and_a_retry_204_with_the_highest_number_accepted() {
    let app = app().await;
    app.status(&post(&producer("3", "0"), "a")).await;
    expect![[r#"
        200
        content-length: 0
        cross-origin-resource-policy: same-origin
        producer-epoch: 3
        producer-seq: 1
        stream-next-offset: 0000000000000002_0000000000000000
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&app.transcript("s", &post(&producer("3", "1"), "b")).await);
    app.status(&post("", "c")).await;
    expect![[r#"
        204
        content-length: 0
        cross-origin-resource-policy: same-origin
        producer-epoch: 3
        producer-seq: 1
        stream-epoch: <epoch>
        stream-next-offset: 0000000000000002_0000000000000000
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&app.transcript("s", &post(&producer("3", "0"), "a")).await);
    assert_eq!(content(&app).await, "abc");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_accepted_says_what_would_be() {
    let app = app().await;
    app.status(&post(&producer("5", "0"), "a")).await;
    let gap = app.open(&post(&producer("5", "2"), "x")).await;
    assert_eq!(
        (&gap.headers["producer-expected-seq"], &gap.headers["producer-received-seq"]),
        (&"1".parse().unwrap(), &"2".parse().unwrap())
    );
    let old = app.open(&post(&producer("4", "0"), "x")).await;
    assert_eq!(old.headers["producer-epoch"], "5");
    let late = app.open(&post(&producer("6", "1"), "x")).await;
    for (viewer, status, code, field, value, example) in [
        (gap, 409, "producer_gap", "producer-seq", "2", "1"),
        (old, 403, "producer_fenced", "producer-epoch", "4", "6"),
        (late, 400, "producer_late_start", "producer-seq", "1", "0"),
    ] {
        let (answered, problem) = problem(viewer).await;
        assert_eq!((answered, problem["code"].as_str().unwrap()), (status, code));
        assert_eq!([&problem["field"], &problem["value"], &problem["example"]], [field, value, example], "{problem}");
    }
    assert_eq!(content(&app).await, "a");
}

#[tokio::test(start_paused = true)]
async fn the_three_headers_are_well_formed_and_come_together() {
    let app = app().await;
    let long = "x".repeat(257);
    let mut table = vec![
        (post("producer-id: p", "x"), 400),
        (post("producer-epoch: 0", "x"), 400),
        (post("producer-seq: 0", "x"), 400),
        (post("producer-id: p\nproducer-epoch: 0", "x"), 400),
        (post("producer-id: p\nproducer-seq: 0", "x"), 400),
        (post("producer-epoch: 0\nproducer-seq: 0", "x"), 400),
        (post("producer-id: \nproducer-epoch: 0\nproducer-seq: 0", "x"), 400),
        (post(&format!("producer-id: {long}\nproducer-epoch: 0\nproducer-seq: 0"), "x"), 400),
        (post(&format!("{}\nproducer-seq: 0", producer("0", "0")), "x"), 400),
        (post("stream-seq: ", "x"), 400),
        (post(&format!("stream-seq: {long}"), "x"), 400),
        (post("stream-seq: 1\nstream-seq: 2", "x"), 400),
    ];
    for number in ["", "-1", "+1", "1.0", "1e3", "0x0", "1abc", "0xyz", "9007199254740992", "99999999999999999999"] {
        table.push((post(&producer(number, "0"), "x"), 400));
        table.push((post(&producer("0", number), "x"), 400));
    }
    check(&app, &table).await;
    assert_eq!(content(&app).await, "");
    check(&app, &[(post(&producer("9007199254740991", "00"), "x"), 200)]).await;
    let (_, missing) = problem(app.open(&post("producer-id: p\nproducer-seq: 0", "x")).await).await;
    assert_eq!([&missing["field"], &missing["value"], &missing["example"]], ["producer-epoch", "", "0"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_does_not_use_up_its_number() {
    let app = TestApp::with(|config| config.max_event_bytes.0 = 8);
    app.status("PUT /v1/stream/s\ncontent-type: application/json").await;
    let post = |body: &str, content_type: &str| {
        format!("POST /v1/stream/s\ncontent-type: {content_type}\n{}\n\n{body}", producer("0", "0"))
    };
    check(
        &app,
        &[
            (post("{", "application/json"), 400),
            (post("[]", "application/json"), 400),
            (post("", "application/json"), 400),
            (post("1", "text/plain"), 409),
            (post("\"too long\"", "application/json"), 413),
            (post("[1,2]", "application/json"), 200),
            (post("[1,2]", "application/json"), 204),
        ],
    )
    .await;
    assert_eq!(content(&app).await, "[1,2]");
}

#[tokio::test(start_paused = true)]
async fn a_producer_closes_once_and_is_known_afterwards() {
    let app = app().await;
    app.status(&post(&producer("1", "0"), "a")).await;
    let last = format!("{}\nstream-closed: true\nstream-close-reason: failed", producer("1", "1"));
    expect![[r#"
        200
        content-length: 0
        cross-origin-resource-policy: same-origin
        producer-epoch: 1
        producer-seq: 1
        stream-close-reason: failed
        stream-closed: true
        stream-next-offset: 0000000000000002_0000000000000000
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&app.transcript("s", &post(&last, "b")).await);
    let again = app.transcript("s", &post(&last, "another body")).await;
    assert_eq!(again, app.transcript("s", &post(&producer("1", "0"), "a")).await, "an earlier one is known as well");
    expect![[r#"
        204
        content-length: 0
        cross-origin-resource-policy: same-origin
        producer-epoch: 1
        producer-seq: 1
        stream-close-reason: failed
        stream-closed: true
        stream-epoch: <epoch>
        stream-next-offset: 0000000000000002_0000000000000000
        x-content-type-options: nosniff

    "#]]
    .assert_eq(&again);
    check(
        &app,
        &[
            (post(&producer("1", "2"), "x"), 409),
            (post(&producer("2", "0"), "x"), 409),
            (post(&producer("0", "0"), "x"), 403),
            (post(&format!("{}\nstream-closed: true", producer("1", "2")), ""), 409),
            (format!("POST /v1/stream/s\ncontent-type: application/json\n{}\n\n1", producer("1", "2")), 409),
            (format!("POST /v1/stream/s\ncontent-type: application/json\n{}\n\n1", producer("1", "1")), 204),
        ],
    )
    .await;
    let refused = app.open(&post(&producer("1", "2"), "x")).await;
    assert_eq!(
        (&refused.headers["stream-closed"], &refused.headers["stream-next-offset"]),
        (&"true".parse().unwrap(), &"0000000000000002_0000000000000000".parse().unwrap())
    );
    assert_eq!(content(&app).await, "ab");
}

#[tokio::test(start_paused = true)]
async fn a_close_without_records_is_numbered_too() {
    let app = app().await;
    let close = format!("POST /v1/stream/s\nstream-closed: true\n{}", producer("0", "0"));
    for _ in 0..2 {
        let viewer = app.open(&close).await;
        assert_eq!((viewer.status.as_u16(), &viewer.headers["producer-seq"]), (204, &"0".parse().unwrap()));
        assert_eq!(viewer.headers["stream-closed"], "true");
    }
}

#[tokio::test(start_paused = true)]
async fn positions_rise_and_a_retry_with_both_is_its_producers() {
    let app = app().await;
    let with = |position: &str, rest: &str| post(&format!("stream-seq: {position}\n{rest}"), "x");
    check(
        &app,
        &[
            (with("2", ""), 204),
            (with("10", ""), 409),
            (with("2", ""), 409),
            (with("a", &producer("0", "0")), 200),
            (with("a", &producer("0", "0")), 204),
            (with("a", &producer("0", "1")), 409),
            (with("B", &producer("0", "1")), 409),
            (with("b", &producer("0", "1")), 200),
            (post("", "y"), 204),
        ],
    )
    .await;
    let (status, problem) = problem(app.open(&with("b", "")).await).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (409, "stream_seq_regressed"));
    // The title is what the protocol's PHP client knows it by.
    assert_eq!(problem["title"], "Sequence conflict");
    assert_eq!([&problem["field"], &problem["value"], &problem["example"]], ["stream-seq", "b", "b0"]);
    assert_eq!(content(&app).await, "xxxy");
}

#[tokio::test(start_paused = true)]
async fn a_stream_can_be_made_by_its_producer() {
    let app = TestApp::new();
    let put = |headers: &str, body: &str| format!("PUT /v1/stream/s\ncontent-type: text/plain\n{headers}\n\n{body}");
    check(
        &app,
        &[
            (put(&producer("0", "1"), "a"), 409),
            (put(&producer("0", "x"), "a"), 400),
            (put(&producer("0", "0"), ""), 400),
            (put("stream-seq: 1", ""), 400),
        ],
    )
    .await;
    let made = app.open(&put(&format!("{}\nstream-seq: 1", producer("0", "0")), "a")).await;
    assert_eq!((made.status.as_u16(), &made.headers["producer-seq"]), (201, &"0".parse().unwrap()));
    check(
        &app,
        &[
            (put(&producer("0", "0"), "a"), 200),
            (post(&producer("0", "0"), "a"), 204),
            (post(&format!("{}\nstream-seq: 1", producer("0", "1")), "b"), 409),
            (post(&producer("0", "1"), "b"), 200),
        ],
    )
    .await;
    assert_eq!(content(&app).await, "ab");
}

#[tokio::test(start_paused = true)]
async fn a_streaming_append_cannot_be_numbered_and_says_so() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/e\ncontent-type: text/event-stream").await;
    for numbers in [producer("0", "0"), "stream-seq: 1".to_owned()] {
        let request = format!(
            "POST /v1/stream/e\ncontent-type: text/event-stream\neverstream-append: streaming\n{numbers}\n\ndata: x\n\n"
        );
        let (status, problem) = problem(app.open(&request).await).await;
        assert_eq!((status, problem["code"].as_str().unwrap()), (400, "invalid_header"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_producers_of_a_stream_are_bounded() {
    let app = TestApp::with(|config| config.max_producers_per_stream = 1.try_into().unwrap());
    app.status("PUT /v1/stream/s\ncontent-type: text/plain").await;
    check(&app, &[(post(&producer("0", "0"), "a"), 200)]).await;
    let other = "producer-id: q\nproducer-epoch: 0\nproducer-seq: 0";
    let (status, problem) = problem(app.open(&post(other, "x")).await).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (409, "producers_full"));
    check(&app, &[(post(&producer("0", "1"), "b"), 200), (post("", "c"), 204)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_there_knows_no_producer() {
    let app = TestApp::new();
    check(&app, &[(post(&producer("0", "0"), "x"), 404)]).await;
}

use std::time::Duration;

use crate::test_app::{BodyEnd, TestApp};

const EVENT: &str = "GET /event?appId=a&page=1&pageSize=20";

#[tokio::test(start_paused = true)]
async fn ten_events_one_each_second_then_close_and_a_clean_end() {
    let app = TestApp::new();
    let mut viewer = app.open(EVENT).await;
    assert_eq!(viewer.status, 200);
    assert_eq!(viewer.headers["content-type"], "text/event-stream");
    let event = |index| format!("data: {{\"index\":{index},\"appId\":\"a\",\"page\":\"1\",\"pageSize\":\"20\"}}\n\n");
    assert_eq!(viewer.now().await, event(0));
    for index in 1..9 {
        assert_eq!(viewer.during(Duration::from_secs(1)).await, event(index));
    }
    let last =
        "data: {\"index\":9,\"appId\":\"a\",\"page\":\"1\",\"pageSize\":\"20\"}\n\nevent: close\ndata: close\n\n";
    assert_eq!(viewer.rest().await, last);
    assert_eq!(viewer.end(), Some(BodyEnd::Clean));
}

#[tokio::test(start_paused = true)]
async fn the_interval_can_be_chosen() {
    let app = TestApp::new();
    let mut viewer = app.open(&format!("{EVENT}&interval_ms=10")).await;
    assert_eq!(viewer.during(Duration::from_millis(100)).await.matches("data: ").count(), 11);
    let mut viewer = app.open(&format!("{EVENT}&interval_ms=0")).await;
    assert!(viewer.rest().await.ends_with("event: close\ndata: close\n\n"));
}

#[tokio::test(start_paused = true)]
async fn values_stay_on_their_data_line() {
    let app = TestApp::new();
    let hostile = "%0D%0A%0D%0Adata:%20evil%0A%0A%00%E2%80%A8%22%5C";
    let mut viewer =
        app.open(&format!("GET /event?appId={hostile}&page={hostile}&pageSize={hostile}&interval_ms=0")).await;
    let text = viewer.rest().await;
    let lines: Vec<&str> = text.split(['\r', '\n']).collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("data: {\"index\"")).count(), 10);
    assert!(!lines.iter().any(|line| line.starts_with("data: evil") || line.contains('\0')));
    let first: serde_json::Value = serde_json::from_str(lines[0].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(first["appId"], "\r\n\r\ndata: evil\n\n\0\u{2028}\"\\");
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_its_status() {
    let app = TestApp::new();
    for (request, status) in [
        ("GET /event?page=1&pageSize=20", 400),
        ("GET /event?appId=a&pageSize=20", 400),
        ("GET /event?appId=a&page=1", 400),
        ("GET /event?appId=&page=1&pageSize=20", 400),
        ("GET /event?appId=a&page=1&pageSize=20&interval_ms=x", 400),
        ("GET /event?appId=a&page=1&pageSize=20&interval_ms=10001", 400),
        ("GET /event?appId=%zz&page=1&pageSize=20", 200),
        ("HEAD /event?appId=a&page=1&pageSize=20", 200),
        ("OPTIONS /event", 204),
        ("POST /event?appId=a&page=1&pageSize=20", 405),
        ("GET /random\naccept: */*", 200),
        ("GET /random\naccept: text/*", 200),
        ("GET /random\naccept: text/html, text/event-stream;q=0.3", 200),
        ("GET /random\naccept: application/json", 406),
        ("GET /random\naccept: text/event-stream;q=0, */*", 406),
        ("DELETE /random", 405),
        ("get /random", 501),
    ] {
        assert_eq!(app.status(request).await, status, "{request}");
    }
    assert_eq!(app.open("PUT /random").await.headers["allow"], "GET, HEAD, OPTIONS");
    assert!(!app.open("HEAD /random").await.headers.contains_key("content-length"));
}

#[tokio::test(start_paused = true)]
async fn a_missing_parameter_is_named() {
    let app = TestApp::new();
    let problem = app.open("GET /event?appId=a&pageSize=20").await.rest().await;
    let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((&problem["code"], &problem["field"]), (&"missing_parameter".into(), &"page".into()));
    assert_eq!(problem["example"], "1");
}

#[tokio::test(start_paused = true)]
async fn every_viewer_of_random_sees_the_same_number_each_second() {
    let app = TestApp::new();
    let (mut one, mut other) = (app.open("GET /random").await, app.open("GET /random").await);
    let (first, second) = tokio::join!(one.during(Duration::from_secs(5)), other.during(Duration::from_secs(5)));
    assert_eq!(first, second);
    assert_eq!(first.matches("data: ").count(), 6);
    // The wall clock is the test's: whoever comes at 5.3 seconds gets the numbers of the seconds 6, 7 and 8.
    app.clock.advance(Duration::from_millis(5300));
    let mut late = app.open("GET /random").await;
    let (rest, of_late) = tokio::join!(one.during(Duration::from_secs(3)), late.during(Duration::from_secs(3)));
    assert_eq!(rest, of_late);
}

#[tokio::test(start_paused = true)]
async fn a_drain_cuts_both() {
    let app = TestApp::new();
    let (mut event, mut random) = (app.open(EVENT).await, app.open("GET /random").await);
    event.now().await;
    app.app.hub.tasks().draining().cancel();
    event.now().await;
    random.now().await;
    assert_eq!((event.end(), random.end()), (Some(BodyEnd::Cut), Some(BodyEnd::Cut)));
}

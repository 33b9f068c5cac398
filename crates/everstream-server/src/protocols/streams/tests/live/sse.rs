//! An event stream of batches.

use std::time::Duration;

use expect_test::expect;

use crate::config::Limit;
use crate::test_app::{BodyEnd, TestApp, Viewer};

const OPEN: &str = "GET /v1/stream/a?live=sse&offset=-1";

async fn made(kind: &str) -> TestApp {
    filled(TestApp::new(), kind, 0).await
}

async fn filled(app: TestApp, kind: &str, records: usize) -> TestApp {
    assert_eq!(app.status(&format!("PUT /v1/stream/a\ncontent-type: {kind}")).await, 201);
    for n in 0..records {
        append(&app, kind, &n.to_string()).await;
    }
    app
}

async fn append(app: &TestApp, kind: &str, body: &str) {
    assert_eq!(app.status(&format!("POST /v1/stream/a\ncontent-type: {kind}\n\n{body}")).await, 204);
}

/// Without the retry line, which differs for each client, with a fixed epoch, and with offsets of one digit.
async fn seen(app: &TestApp, viewer: &mut Viewer) -> String {
    let text = viewer.now().await;
    let text = text.replace(app.stream("a").await.epoch().as_str(), "k3v9").replace("_0000000000000000", "");
    let text = text.replace("000000000000000", "").replace(",\"streamCursor\":\"0\"", ",C");
    match text.split_once('\n') {
        Some((retry, rest)) if retry.starts_with("retry: ") => rest.to_owned(),
        _ => text,
    }
}

async fn resumed(app: &TestApp, id: &str) -> String {
    let id = id.replace("k3v9", app.stream("a").await.epoch().as_str());
    let mut viewer = app.open(&format!("{OPEN}\naccept: text/event-stream\nlast-event-id: {id}")).await;
    assert_eq!(viewer.status, 200);
    seen(app, &mut viewer).await
}

#[tokio::test(start_paused = true)]
async fn a_life_from_an_empty_stream_to_the_end() {
    let app = made("application/json").await;
    let mut viewer = app.open(OPEN).await;
    assert!(viewer.headers.contains_key("stream-epoch"));
    assert!(!viewer.headers.contains_key("stream-sse-data-encoding"));
    let mut text = seen(&app, &mut viewer).await;
    append(&app, "application/json", "[1.0, {\"n\": 12345678901234567890}]").await;
    text += &seen(&app, &mut viewer).await;
    text += &viewer.during(Duration::from_secs(15)).await;
    let last = "POST /v1/stream/a\ncontent-type: application/json\nstream-closed: true\n\n2";
    assert_eq!(app.status(last).await, 204);
    text += &seen(&app, &mut viewer).await;
    expect![[r#"
        id: k3v9-0
        event: control
        data:{"streamNextOffset":"0",C,"upToDate":true}

        id: k3v9-2
        event: data
        data:[1.0,{"n": 12345678901234567890}]

        id: k3v9-2
        event: control
        data:{"streamNextOffset":"2",C,"upToDate":true}

        : keep-alive
        id: k3v9-3
        event: data
        data:[2]

        id: k3v9-3-end
        event: control
        data:{"streamNextOffset":"3","upToDate":true,"streamClosed":true,"streamCloseReason":"completed"}

    "#]]
    .assert_eq(&text);
    assert_eq!(viewer.end(), Some(BodyEnd::Clean));
}

#[tokio::test(start_paused = true)]
async fn the_past_comes_in_few_batches_and_each_says_where_it_leads() {
    let app = TestApp::with(|config| config.catch_up_bytes.0 = 4);
    let app = filled(app, "text/plain", 6).await;
    expect![[r#"
        id: k3v9-4
        event: data
        data:0123

        id: k3v9-4
        event: control
        data:{"streamNextOffset":"4",C}

        id: k3v9-6
        event: data
        data:45

        id: k3v9-6
        event: control
        data:{"streamNextOffset":"6",C,"upToDate":true}

    "#]]
    .assert_eq(&seen(&app, &mut app.open(OPEN).await).await);
}

#[tokio::test(start_paused = true)]
async fn the_law_holds_for_every_cut_between_events() {
    for ring_frames in [1, 1024] {
        let app = TestApp::with(|config| {
            config.max_ring_frames = ring_frames.try_into().unwrap();
            config.catch_up_bytes.0 = 1;
        });
        let app = filled(app, "text/plain", 5).await;
        app.status("POST /v1/stream/a?action=stop").await;
        let canonical = seen(&app, &mut app.open(OPEN).await).await;
        let events: Vec<&str> = canonical.split_inclusive("\n\n").collect();
        assert_eq!(events.len(), 10, "{canonical}");
        for cut in 0..events.len() - 1 {
            let id = events[cut].lines().next().unwrap().strip_prefix("id: ").unwrap();
            // Behind a data event its control event is the only one that is left out.
            let rest = if events[cut].contains("event: data") { cut + 2 } else { cut + 1 };
            let rest = events.get(rest..).unwrap_or_default().concat();
            let rest = if rest.is_empty() { events[9].to_owned() } else { rest };
            assert_eq!(resumed(&app, id).await, rest, "cut behind event {cut}, {id}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_event_id_goes_before_the_offset_and_the_end_stops_a_client() {
    let app = filled(TestApp::new(), "text/plain", 2).await;
    let at_the_tail = resumed(&app, "k3v9-2").await;
    assert_eq!(at_the_tail, "id: k3v9-2\nevent: control\ndata:{\"streamNextOffset\":\"2\",C,\"upToDate\":true}\n\n");
    app.status("POST /v1/stream/a?action=stop").await;
    let end = resumed(&app, "k3v9-2").await;
    assert!(end.starts_with("id: k3v9-2-end\nevent: control\n"), "{end}");
    let epoch = app.stream("a").await.epoch();
    let gone = app.open(&format!("{OPEN}\nlast-event-id: {epoch}-2-end")).await;
    assert_eq!(gone.status, 204);
    // Without the header the offset decides, and a client of the protocol is told the end again.
    let again = app.open("GET /v1/stream/a?live=sse&offset=now").await;
    assert_eq!(again.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_life_is_answered_with_a_reset_and_the_whole() {
    let app = filled(TestApp::new(), "text/plain", 1).await;
    for (id, reason) in [("k3v9-5", "beyond_tail"), ("other1-1", "epoch_changed"), ("nonsense", "epoch_changed")] {
        let text = resumed(&app, id).await;
        let reset =
            format!("event: reset\ndata: {{\"reason\":\"{reason}\",\"first\":\"k3v9-0\",\"next\":\"k3v9-1\"}}\n\n");
        let rest = text.strip_prefix(&reset).unwrap_or_else(|| panic!("{text}"));
        assert!(rest.starts_with("id: k3v9-1\nevent: data\ndata:0\n\n"), "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_cannot_leave_its_data_lines() {
    let app = made("text/plain").await;
    let mut live = app.open(OPEN).await;
    live.now().await;
    for body in ["a\n\nevent: control\ndata: {}\n\n", "b\r\revent: control\r\r", "c\r\n\r\nid: evil\r\n\r\nretry: 1"] {
        append(&app, "text/plain", body).await;
    }
    let past = app.open(OPEN).await;
    for mut viewer in [live, past] {
        let text = seen(&app, &mut viewer).await;
        for block in text.split("\n\n").filter(|block| block.contains("event: data")) {
            let mut lines = block.lines();
            assert!(lines.next().unwrap().starts_with("id: k3v9-"), "{block}");
            assert_eq!(lines.next(), Some("event: data"), "{block}");
            assert!(lines.all(|line| line.starts_with("data:")), "{block}");
        }
        assert!(!text.contains("\nid: evil") && !text.contains("\nretry: 1\n"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn binary_records_travel_as_base64() {
    let app = made("application/octet-stream").await;
    let mut viewer = app.open(OPEN).await;
    assert_eq!(viewer.headers["stream-sse-data-encoding"], "base64");
    viewer.now().await;
    append(&app, "application/octet-stream", "\0\n").await;
    assert!(seen(&app, &mut viewer).await.starts_with("id: k3v9-1\nevent: data\ndata:AAo=\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_cursor_of_its_own_gets_the_same_batches_and_a_later_cursor() {
    let app = made("text/plain").await;
    let mut viewer = app.open(&format!("{OPEN}&cursor=0")).await;
    let mut told = viewer.now().await;
    append(&app, "text/plain", "x").await;
    told += &viewer.now().await;
    let cursors = cursors(&told);
    assert_eq!(cursors.len(), 2, "{told}");
    assert!(cursors[0] > 0 && cursors[0] <= cursors[1], "{cursors:?}");
    assert!(told.contains("event: data\ndata:x\n\n"), "{told}");
}

fn cursors(told: &str) -> Vec<u64> {
    let of = |line: &str| line.split_once("\"streamCursor\":\"")?.1.split('"').next()?.parse().ok();
    told.lines().filter_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn cursors_never_shrink_although_the_newest_batch_was_encoded_earlier() {
    let app = TestApp::new();
    // Behind the moment from which cursors are counted.
    app.clock.advance(Duration::from_secs(2 * 365 * 24 * 3600));
    let app = filled(app, "text/plain", 0).await;
    let mut viewer = app.open(OPEN).await;
    let mut told = viewer.now().await;
    append(&app, "text/plain", "a").await;
    append(&app, "text/plain", "b").await;
    app.clock.advance(Duration::from_secs(60));
    told += &viewer.now().await;
    let cursors = cursors(&told);
    assert_eq!(cursors.len(), 3, "{told}");
    assert!(cursors.is_sorted() && cursors[0] > 0, "{cursors:?}");
}

#[tokio::test(start_paused = true)]
async fn age_and_drain_end_the_connection_between_events_and_say_nothing_of_an_end() {
    let app = TestApp::with(|config| {
        config.max_subscription_age = Limit::At(Duration::from_secs(20));
        config.keep_alive = Limit::Off;
    });
    let app = filled(app, "text/plain", 1).await;
    let mut aged = app.open(OPEN).await;
    let text = aged.rest().await;
    assert_eq!(text.matches("retry: ").count(), 2, "{text}");
    assert!(!text.contains("streamClosed") && text.ends_with("\n\n"), "{text}");
    assert_eq!(aged.end(), Some(BodyEnd::Clean));

    let mut drained = app.open(OPEN).await;
    drained.now().await;
    app.app.hub.tasks().drain(Duration::ZERO).await;
    let text = drained.rest().await;
    assert!(text.starts_with("retry: ") && !text.contains("streamClosed"), "{text}");
    assert_eq!(drained.end(), Some(BodyEnd::Clean));
}

#[tokio::test(start_paused = true)]
async fn the_connection_of_a_stream_that_goes_away_ends_and_the_next_one_is_refused() {
    let app = filled(TestApp::new(), "text/plain", 1).await;
    let mut viewer = app.open(OPEN).await;
    viewer.now().await;
    assert_eq!(app.status("DELETE /v1/stream/a").await, 204);
    assert_eq!((viewer.rest().await.as_str(), viewer.end()), ("", Some(BodyEnd::Clean)));
    assert_eq!(app.status(OPEN).await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_falls_behind_the_ring_reads_on_in_the_log() {
    let app = TestApp::with(|config| config.max_ring_bytes.0 = 2);
    let app = filled(app, "text/plain", 1).await;
    let mut viewer = app.open(OPEN).await;
    viewer.now().await;
    for n in 1..8 {
        append(&app, "text/plain", &n.to_string()).await;
    }
    expect![[r#"
        id: k3v9-8
        event: data
        data:1234567

        id: k3v9-8
        event: control
        data:{"streamNextOffset":"8",C,"upToDate":true}

    "#]]
    .assert_eq(&seen(&app, &mut viewer).await);
}

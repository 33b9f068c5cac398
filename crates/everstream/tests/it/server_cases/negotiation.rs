//! D. Negotiation: a subscription is asked for by name; whatever else accepts the type gets a bounded read of it.

use std::time::Duration;

use everstream_testkit::{Api, Deadline, RawHttp, RawSse};

use crate::support::{EVENTS, assert_problem, server};

fn request(accept_lines: &[&str]) -> Vec<u8> {
    let fields: Vec<_> = accept_lines.iter().map(|&value| ("Accept", value)).collect();
    Api::request_bytes("GET", "/v1/stream/s", &fields, b"")
}

// SC-36, SC-39
#[test]
fn accept_that_names_event_streams_subscribes() {
    let server = server();
    server.api().create_events("s");
    for accept in [
        ["text/event-stream"].as_slice(),
        &["Text/Event-Stream"],
        &["text/event-stream; charset=utf-8"],
        &["text/html, text/event-stream;q=0.3"],
        &["text/event-stream ; q=0.001"],
        &["application/json", "text/event-stream"],
        &["*/*, text/event-stream"],
        &[", text/event-stream,"],
    ] {
        let mut http = RawHttp::connect(server.addr());
        http.send(request(accept));
        let subscriber = RawSse::try_read(http, Deadline::patient()).unwrap_or_else(|e| panic!("{accept:?}: {e}"));
        assert!(subscriber.head().field("cache-control").unwrap().contains("no-cache"), "{accept:?}");
        assert_eq!(subscriber.ending(), None);
    }
}

// SC-36
#[test]
fn accept_that_merely_allows_event_streams_reads_what_is_there() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\n");
    for accept in [[].as_slice(), &["*/*"], &["text/*"], &[""], &["text/html, */*;q=0.1"]] {
        let answer = RawHttp::connect(server.addr()).exchange(request(accept)).expect_status(200);
        assert_eq!(answer.head.media_type(), "text/event-stream", "{accept:?}");
        assert!(answer.text().contains("data: 1\n"), "{accept:?}: {:?}", answer.text());
        assert!(answer.head.field("stream-next-offset").is_some(), "{accept:?}");
    }
}

// SC-37, SC-38
#[test]
fn accept_that_excludes_the_stream_is_not_acceptable() {
    let server = server();
    server.api().create_events("s");
    for accept in [
        "application/json",
        "text/html",
        "text/event-streamx",
        "text/event-stream;q=0",
        "text/event-stream;q=0.000",
        "text/event-stream;q=0, */*",
        "*/*, text/event-stream; q=0",
        "*/*;q=0",
    ] {
        let answer = server.api().request("GET", "/v1/stream/s", &[("Accept", accept)], "");
        assert_eq!(answer.status(), 406, "{accept:?}");
        assert_problem(&answer, 406);
    }
}

// SC-39
#[test]
fn odd_accept_fields_are_neither_an_error_nor_slow() {
    let server = server();
    server.api().create_events("s");
    let long = format!("{}text/event-stream", "a/b, ".repeat(1_600));
    for accept in [";;;,,/", "/", "text", "text/event-stream;q=x", ";q=1", long.as_str()] {
        let mut http = RawHttp::connect(server.addr());
        http.send(request(&[accept]));
        let head = http.try_read_head(Deadline::after(Duration::from_secs(5))).unwrap();
        assert!([200, 400, 406].contains(&head.status), "{accept:.30}: {}", head.status);
    }
}

// SC-40, SC-99
#[test]
fn no_error_is_an_event_stream() {
    let server = server();
    server.api().create_events("s");
    for (method, target, fields, status) in [
        ("GET", "/missing", &[EVENTS][..], 404),
        ("GET", "/v1/stream/missing", &[EVENTS], 404),
        ("GET", "/v1/stream/__reserved", &[EVENTS], 400),
        ("GET", "/v1/stream/a//b", &[EVENTS], 400),
        ("GET", "/v1/stream/s?from=never", &[EVENTS], 400),
        ("PATCH", "/v1/stream/s", &[EVENTS], 405),
        ("GET", "/v1/stream/s", &[("Accept", "image/png")], 406),
        ("PUT", "/v1/stream/s", &[("Content-Type", "text/plain")], 409),
        ("POST", "/v1/stream/s", &[EVENTS, ("Content-Type", "text/plain")], 409),
    ] {
        let mut http = RawHttp::connect(server.addr());
        let body = if method == "POST" { b"data: x\n\n".as_slice() } else { b"" };
        let answer = http.exchange(Api::request_bytes(method, target, fields, body));
        assert_eq!(answer.status(), status, "{method} {target}: {}", answer.text());
        assert_problem(&answer, status);
    }
}

//! I. Limits of heads, targets and connections. Slow readers are in `slow_reader.rs`.

use everstream_testkit::{Api, Deadline, Failure, RawHttp, eventually};

use crate::support::{assert_problem, get, launch, server};

// SC-93
#[test]
fn field_of_eight_kilobytes_is_taken() {
    let server = server();
    let answer = server.api().request("GET", "/healthz", &[("X-Long", "x".repeat(8 * 1024).as_str())], "");
    assert!([200, 431].contains(&answer.status()), "{}", answer.status());
}

// SC-94, SC-95
#[test]
fn endless_heads_are_cut_off_after_a_bounded_read() {
    let server = server();
    let before_kib = server.resident_kib();
    let start = "GET /healthz HTTP/1.1\r\nHost: t\r\n";
    let one_field = format!("{start}X: {}\r\n\r\n", "x".repeat(1024 * 1024));
    let many_fields = format!("{start}{}\r\n", "X: y\r\n".repeat(10_000));
    let endless_field = format!("{start}X: {}", "x".repeat(1024 * 1024));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(1024 * 1024));
    let no_line_end = "x".repeat(1024 * 1024);
    for head in [one_field, many_fields, endless_field, long_target, no_line_end] {
        let mut http = RawHttp::connect(server.addr());
        // The server may answer and close while the rest is still on its way.
        let _ = http.try_send(&head);
        match http.try_read_head(Deadline::patient()) {
            Ok(head) => assert!([400, 414, 431].contains(&head.status), "{}", head.status),
            Err(failure) => {
                assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{head:.60}: {failure}")
            }
        }
    }
    server.api().get("/healthz").expect_status(200);
    let grown_kib = server.resident_kib().saturating_sub(before_kib);
    println!("the server grew by {grown_kib} KiB");
    assert!(grown_kib < 8 * 1024, "the server kept {grown_kib} KiB");
}

// SC-95
#[test]
fn long_targets_are_served_or_refused() {
    let server = server();
    server.api().create_events("s");
    let answer = server.api().get(&format!("/v1/stream/s?x={}", "y".repeat(16 * 1024)));
    assert!([200, 400, 414, 431].contains(&answer.status()), "{}", answer.status());
    let answer = server.api().get(&format!("/v1/stream/s?x={}", "y".repeat(8 * 1024)));
    assert!([200, 414].contains(&answer.status()), "{}", answer.status());
}

// SC-98
#[test]
fn broken_percent_encoding_is_no_server_error() {
    let server = server();
    server.api().create_events("s");
    for target in ["/v1/stream/s?x=%zz%", "/v1/stream/s?from=%", "/v1/stream/%zz", "/v1/stream/%ff", "/event?appId=%f"]
    {
        let answer = server.api().get(target);
        assert!(answer.status() == 200 || (400..500).contains(&answer.status()), "{target}: {}", answer.status());
    }
}

// SC-99
#[test]
fn unknown_paths_are_not_found() {
    let server = server();
    for target in ["/sse", "/v1", "/v1/streams", "/v2/stream/s", "/v1/stream/nobody/made/this", "/demo/v1/nothing"] {
        let answer = server.api().get(target);
        assert_eq!(answer.status(), 404, "{target}: {}", answer.text());
        assert_problem(&answer, 404);
    }
}

// SC-100
#[test]
fn connections_above_the_limit_are_refused_and_those_within_live_on() {
    let server = launch().config("max_connections = 4\n").start();
    server.api().create_events("s");
    let mut subscribers: Vec<_> =
        (0..3).map(|_| eventually("a place", || try_subscribe(server.api()).map_err(|f| f.to_string()))).collect();
    let _fourth = eventually("the last place", || try_subscribe(server.api()).map_err(|f| f.to_string()));
    let mut http = RawHttp::connect(server.addr());
    let answer = http.exchange(get("/healthz", &[]));
    assert_eq!(answer.status(), 503);
    assert!(answer.head.field("retry-after").is_some());
    drop(subscribers.pop());
    drop(_fourth);
    eventually("a place that became free", || {
        let append =
            Api::request_bytes("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], b"data: x\n\n");
        match server.api().try_connect().and_then(|mut http| http.try_exchange(append)) {
            Ok(answer) if answer.status() == 204 => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(failure) => Err(failure.to_string()),
        }
    });
    assert_eq!(subscribers[0].next_event().data, "x");
}

fn try_subscribe(api: Api) -> Result<everstream_testkit::RawSse, Failure> {
    let start = everstream_testkit::Start { target: "/v1/stream/s", last_event_id: None };
    everstream_testkit::RawSse::try_open(api.addr, start)
}

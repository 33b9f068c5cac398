//! J. CORS: what a browser needs from the exact list of origins.

use everstream_testkit::{Api, RawHttp, RawSse, Response, TestServer};

use crate::support::{EVENTS, launch};

const ALLOWED: &str = "http://allowed.example";

fn server(credentials: bool) -> TestServer {
    let server =
        launch().config(&format!("cors_origins = [\"{ALLOWED}\"]\ncors_credentials = {credentials}\n")).start();
    server.api().create_events("s");
    server
}

fn preflight(api: Api, origin: &str, method: &str, headers: &str) -> Response {
    let fields =
        [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)];
    api.request("OPTIONS", "/v1/stream/s", &fields, "")
}

// SC-101, SC-112
#[test]
fn allowed_origin_is_named_in_the_head_of_the_stream() {
    let server = server(false);
    let mut http = RawHttp::connect(server.addr());
    http.send(Api::request_bytes("GET", "/v1/stream/s", &[EVENTS, ("Origin", ALLOWED)], b""));
    let subscriber = RawSse::read(http);
    assert_eq!(subscriber.head().field("access-control-allow-origin"), Some(ALLOWED));
    assert!(subscriber.head().lists("vary", "origin"));
}

// SC-103, SC-104
#[test]
fn other_origins_are_not_named() {
    let server = server(false);
    for origin in [
        "http://evil.example",
        "null",
        "http://allowed.example.evil.example",
        "https://allowed.example",
        "http://allowed.example:81",
        "http://evil.http://allowed.example",
        "http://Allowed.example.",
    ] {
        let answer = server.api().request("GET", "/v1/stream/s", &[("Origin", origin)], "");
        assert_eq!(answer.head.field("access-control-allow-origin"), None, "{origin}");
        let answer = preflight(server.api(), origin, "GET", "last-event-id");
        assert_eq!(answer.head.field("access-control-allow-origin"), None, "{origin}");
    }
    let answer = server.api().get("/v1/stream/s").expect_status(200);
    assert_eq!(answer.head.field("access-control-allow-origin"), None);
    assert!(answer.head.lists("vary", "origin"), "the answer depends on the origin: {:?}", answer.head.fields);
}

// SC-105, SC-106, SC-111
#[test]
fn preflight_allows_what_clients_send() {
    let server = server(false);
    for (method, headers) in [
        ("POST", "content-type"),
        ("GET", "last-event-id"),
        ("GET", "authorization,cache-control,last-event-id"),
        ("PUT", "content-type,stream-ttl,stream-closed"),
        ("DELETE", ""),
    ] {
        let answer = preflight(server.api(), ALLOWED, method, headers);
        assert!([200, 204].contains(&answer.status()), "{method}: {}", answer.status());
        assert_eq!(answer.body.len(), 0);
        assert_eq!(answer.head.field("access-control-allow-origin"), Some(ALLOWED), "{method}");
        assert!(answer.head.lists("access-control-allow-methods", method), "{method}: {:?}", answer.head.fields);
        for header in headers.split(',').filter(|header| !header.is_empty()) {
            assert!(answer.head.lists("access-control-allow-headers", header), "{header}: {:?}", answer.head.fields);
        }
    }
    assert_eq!(server.api().subscribers("s"), 0);
}

// SC-108
#[test]
fn preflight_grants_no_method_that_does_not_work() {
    let server = server(false);
    let answer = preflight(server.api(), ALLOWED, "PATCH", "");
    assert!(answer.status() < 500);
    assert!(!answer.head.lists("access-control-allow-methods", "PATCH"), "{:?}", answer.head.fields);
}

// SC-102, SC-107
#[test]
fn credentials_come_with_spelled_out_lists() {
    let server = server(true);
    let answer = server.api().request("GET", "/v1/stream/s", &[("Origin", ALLOWED)], "");
    assert_eq!(answer.head.field("access-control-allow-origin"), Some(ALLOWED));
    assert_eq!(answer.head.field("access-control-allow-credentials"), Some("true"));
    let answer = preflight(server.api(), ALLOWED, "POST", "authorization,content-type");
    assert_eq!(answer.head.field("access-control-allow-credentials"), Some("true"));
    for name in ["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"] {
        assert!(!answer.head.lists(name, "*"), "{name}");
    }
    assert!(answer.head.lists("access-control-allow-headers", "authorization"));
}

// SC-110
#[test]
fn errors_name_the_allowed_origin_too() {
    let server = server(false);
    for (method, target, fields) in [
        ("GET", "/missing", &[EVENTS][..]),
        ("GET", "/v1/stream/missing", &[EVENTS]),
        ("PATCH", "/v1/stream/s", &[EVENTS]),
        ("GET", "/v1/stream/s", &[("Accept", "image/png")]),
        ("GET", "/v1/stream/s?from=never", &[EVENTS]),
    ] {
        let fields = [fields, &[("Origin", ALLOWED)]].concat();
        let answer = server.api().request(method, target, &fields, "");
        assert!(answer.status() >= 400, "{method} {target}");
        assert_eq!(answer.head.field("access-control-allow-origin"), Some(ALLOWED), "{method} {target}");
    }
}

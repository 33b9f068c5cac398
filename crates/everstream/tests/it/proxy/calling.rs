//! What goes upstream, and what the caller learns before the answer is a stream.

use everstream_testkit::{Api, RawHttp};

use super::{Rig, SECRET, answered, assert_refused, created, post};

#[test]
fn a_good_answer_is_a_stream_with_three_urls_and_the_upstreams_type() {
    let rig = Rig::new();
    let (created, call) = rig.begin("text/event-stream; charset=utf-8");
    let response = &created.response;
    assert!(response.body.is_empty());
    assert_eq!(response.head.field("upstream-content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(response.head.field("access-control-allow-origin"), Some("*"));
    for name in ["Location", "Stream-Read-Location", "Upstream-Content-Type", "Upstream-Status", "Stream-Close-Reason"]
    {
        assert!(response.head.field("access-control-expose-headers").unwrap().contains(name), "{name}");
    }
    let (path, query) = created.location.split_once('?').unwrap();
    let id = path.strip_prefix("/v1/proxy/").unwrap();
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
    assert!(query.starts_with("expires=") && query.contains("&signature="), "{query}");
    assert!(created.read_location.starts_with(path) && created.abort_location.starts_with(path));
    call.end();
}

#[test]
fn everything_but_the_caller_itself_goes_upstream() {
    let rig = Rig::new();
    let url = format!("{}/v1/chat?a=%20b#fragment", rig.upstream.url());
    let fields = [
        ("Upstream-URL", &*url),
        ("Upstream-Method", "put"),
        ("Upstream-Authorization", "Bearer upstream"),
        ("Content-Type", "application/json"),
        ("Cookie", "session=1"),
        ("Origin", "http://page"),
        ("X-Custom", "kept"),
        ("X-Api-Key", "meant for the upstream"),
        ("Idempotency-Key", "k1"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("X-Forwarded-For", "10.0.0.1"),
    ];
    let answer = rig.call_with(&fields, b"{\"a\":1}");
    let call = rig.upstream.call();
    assert_eq!((&*call.method, &*call.target, &*call.body), ("PUT", "/v1/chat?a=%20b", &b"{\"a\":1}"[..]));
    let host = rig.upstream.addr().to_string();
    for (name, value) in [
        ("host", &*host),
        ("authorization", "Bearer upstream"),
        ("content-type", "application/json"),
        ("content-length", "7"),
        ("accept-encoding", "identity"),
        ("x-custom", "kept"),
        ("x-api-key", "meant for the upstream"),
        ("idempotency-key", "k1"),
    ] {
        assert_eq!(call.field(name), Some(value), "{name}");
    }
    let never =
        ["cookie", "origin", "x-hop", "x-forwarded-for", "upstream-url", "upstream-method", "upstream-authorization"];
    for name in never {
        assert_eq!(call.field(name), None, "{name}");
    }
    assert!(!call.fields.iter().any(|(_, value)| value.contains(SECRET)), "{:?}", call.fields);
    call.respond(200, "text/plain", "ok");
    created(&answer);
}

#[test]
fn without_its_own_authorization_the_upstream_gets_none() {
    let rig = Rig::new();
    let answer = rig.call_with(&[("Upstream-Method", "GET")], b"");
    let call = rig.upstream.call();
    assert_eq!((&*call.method, call.field("authorization"), call.field("transfer-encoding")), ("GET", None, None));
    call.respond(200, "text/plain", "ok");
    created(&answer);
}

#[test]
fn a_large_body_goes_up_as_it_comes() {
    let rig = Rig::new();
    let body = vec![b'x'; 300_000];
    let (url, bearer) = (format!("{}/up", rig.upstream.url()), format!("Bearer {SECRET}"));
    let fields = [
        ("Authorization", &*bearer),
        ("Upstream-URL", &*url),
        ("Upstream-Method", "POST"),
        ("Transfer-Encoding", "chunked"),
    ];
    let mut request = Api::request_bytes("POST", "/v1/proxy", &fields, b"");
    request = String::from_utf8(request).unwrap().replace("Content-Length: 0\r\n", "").into_bytes();
    request.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    request.extend_from_slice(&body);
    request.extend_from_slice(b"\r\n0\r\n\r\n");
    let answer = post(rig.server.addr(), request);
    let call = rig.upstream.call();
    assert_eq!(call.field("transfer-encoding"), Some("chunked"));
    assert!(call.body == body, "{} bytes arrived", call.body.len());
    call.respond(200, "text/plain", "ok");
    created(&answer);
}

#[test]
fn a_body_beyond_the_bound_is_the_callers_fault() {
    let rig = Rig::with("max_body_bytes = 1000\n", |launch| launch);
    let announced = answered(&rig.call_with(&[], &[b'x'; 1001]));
    assert_refused(&announced, 413, "BODY_TOO_LARGE");
    let (url, bearer) = (rig.upstream.url(), format!("Bearer {SECRET}"));
    let fields = [
        ("Authorization", &*bearer),
        ("Upstream-URL", &*url),
        ("Upstream-Method", "POST"),
        ("Transfer-Encoding", "chunked"),
    ];
    let head = String::from_utf8(Api::request_bytes("POST", "/v1/proxy", &fields, b"")).unwrap();
    let chunks = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let request = head.replace("Content-Length: 0\r\n", "") + &chunks;
    assert_refused(&answered(&post(rig.server.addr(), request.into_bytes())), 413, "BODY_TOO_LARGE");
}

#[test]
fn an_upstreams_error_is_told_with_its_status_type_and_body() {
    let rig = Rig::new();
    let long = "e".repeat(100_000);
    for (status, content_type, body) in
        [(429, "application/json", r#"{"error":"slow"}"#), (500, "text/plain", "no"), (503, "text/plain", &*long)]
    {
        let answer = rig.call();
        let mut call = rig.upstream.call();
        let (length, kind) = (format!("content-length: {}", body.len()), format!("content-type: {content_type}"));
        call.head(status, &[&kind, &length, "retry-after: 7", "set-cookie: a=b"]);
        call.raw(body);
        let response = answered(&answer).expect_status(502);
        assert_eq!(response.head.field("upstream-status"), Some(&*status.to_string()));
        assert_eq!(response.head.field("content-type"), Some(content_type));
        assert_eq!(response.head.field("retry-after"), Some("7"));
        assert_eq!((response.head.field("location"), response.head.field("set-cookie")), (None, None));
        assert_eq!(response.head.field("access-control-allow-origin"), Some("*"));
        assert_eq!(response.text(), body[..body.len().min(64 << 10)]);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let rig = Rig::new();
    for status in [301, 302, 303, 307, 308] {
        let answer = rig.call();
        rig.upstream.call().head(status, &["location: http://127.0.0.1:1/", "content-length: 0"]);
        assert_refused(&answered(&answer), 400, "REDIRECT_NOT_ALLOWED");
    }
    assert_eq!(rig.upstream.call_count(), 5);
}

#[test]
fn an_upstream_that_is_not_there_or_says_nothing_is_told_apart() {
    let rig = Rig::with("proxy_first_byte_timeout = \"100ms\"\n", |launch| launch);
    let answer = rig.call();
    let silent = rig.upstream.call();
    assert_refused(&answered(&answer), 504, "UPSTREAM_TIMEOUT");
    drop(silent);
    let answer = rig.call();
    rig.upstream.call().cut();
    assert_refused(&answered(&answer), 502, "UPSTREAM_ERROR");
}

#[test]
fn an_answer_in_a_coding_that_nobody_asked_for_is_no_stream() {
    let rig = Rig::new();
    let answer = rig.call();
    rig.upstream.call().head(200, &["content-type: text/plain", "content-encoding: gzip", "content-length: 0"]);
    assert_refused(&answered(&answer), 502, "UPSTREAM_ERROR");
}

#[test]
fn a_caller_that_goes_away_before_the_answer_takes_its_call_back() {
    let rig = Rig::new();
    let (url, bearer) = (rig.upstream.url(), format!("Bearer {SECRET}"));
    let fields = [("Authorization", &*bearer), ("Upstream-URL", &*url), ("Upstream-Method", "POST")];
    let mut caller = RawHttp::connect(rig.server.addr());
    caller.send(Api::request_bytes("POST", "/v1/proxy", &fields, b"{}"));
    let mut call = rig.upstream.call();
    caller.reset();
    call.closed_within(everstream_testkit::PATIENCE);
}

#[test]
fn answers_in_flight_have_a_bound_and_give_their_place_back() {
    let rig = Rig::with("proxy_max_in_flight = 1\n", |launch| launch);
    let (first, call) = rig.begin("text/plain");
    let refused = answered(&rig.call());
    assert_refused(&refused, 429, "TOO_MANY_ASKS");
    assert!(refused.head.field("retry-after").is_some());
    call.end();
    assert_eq!(rig.read_to_end(&first.location).1, "completed");
    let (_, call) = rig.begin("text/plain");
    call.end();
}

//! C. Methods, and the subscription over POST.

use everstream_testkit::{Api, Deadline, Failure, RawHttp, RawSse};
use serde_json::json;

use crate::support::{EVENTS, assert_problem, await_subscribers, data_of, get, server};

const SUBSCRIBE: &str = "/v1/stream/s?action=subscribe";

// SC-24
#[test]
fn head_has_the_fields_of_a_subscription_and_leaves_the_connection_usable() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\n");
    let subscriber = server.api().subscribe("s");
    await_subscribers(server.api(), "s", 1);
    let mut http = RawHttp::connect(server.addr());
    let of_head = http.exchange(Api::request_bytes("HEAD", "/v1/stream/s", &[EVENTS], b"")).expect_status(200).head;
    for name in ["content-type", "cache-control", "x-accel-buffering", "stream-epoch"] {
        assert_eq!(of_head.field(name), subscriber.head().field(name), "{name}");
    }
    assert_eq!(of_head.field("content-length"), None);
    http.exchange(get("/healthz", &[])).expect_status(200);
    assert_eq!(server.api().subscribers("s"), 1);
}

// SC-25
#[test]
fn options_lists_what_works_and_opens_no_stream() {
    let server = server();
    server.api().create_events("s");
    for (target, methods) in [
        ("/v1/stream/s", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"].as_slice()),
        ("/event", ["GET", "HEAD", "OPTIONS"].as_slice()),
    ] {
        let answer = server.api().request("OPTIONS", target, &[], "");
        assert!([200, 204].contains(&answer.status()), "{target}: {}", answer.status());
        for method in methods {
            assert!(answer.head.lists("allow", method), "{target} {method}: {:?}", answer.head.all("allow"));
        }
    }
    assert_eq!(server.api().subscribers("s"), 0);
}

// SC-26
#[test]
fn options_of_the_server_itself_is_answered() {
    let server = server();
    let answer = server.api().request("OPTIONS", "*", &[], "");
    assert!([200, 204, 400, 404, 405, 501].contains(&answer.status()), "{}", answer.status());
    assert_ne!(answer.head.media_type(), "text/event-stream");
    server.api().get("/healthz").expect_status(200);
}

// SC-27, SC-28, SC-29, SC-30
#[test]
fn other_methods_are_refused_with_the_list_of_those_that_work() {
    let server = server();
    server.api().create_events("s");
    for target in ["/v1/stream/s", "/event?appId=a&page=1&pageSize=2", "/random", "/healthz"] {
        for method in ["PATCH", "TRACE"] {
            let answer = server.api().request(method, target, &[EVENTS], "");
            assert_problem(&answer, 405);
            assert!(answer.head.lists("allow", "GET"), "{method} {target}: {:?}", answer.head.fields);
        }
        for method in ["BREW", "get", "Get"] {
            let answer = server.api().request(method, target, &[EVENTS], "");
            assert_problem(&answer, if answer.status() == 405 { 405 } else { 501 });
        }
    }
    for method in ["PUT", "DELETE", "POST"] {
        let answer = server.api().request(method, "/event?appId=a&page=1&pageSize=2", &[EVENTS], "body");
        assert_problem(&answer, 405);
    }
}

// SC-27
#[test]
fn body_of_a_refused_request_is_never_taken_for_a_request() {
    let server = server();
    let mut http = RawHttp::connect(server.addr());
    let body = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";
    http.send(Api::request_bytes("POST", "/event", &[], body));
    http.send(get("/missing", &[]));
    assert_eq!(http.try_read_response("POST", Deadline::patient()).unwrap().status(), 405);
    match http.try_read_response("GET", Deadline::patient()) {
        Ok(answer) => assert_eq!(answer.status(), 404),
        Err(failure) => assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}"),
    }
}

// SC-30
#[test]
fn connect_is_refused() {
    let server = server();
    let answer = server.api().request("CONNECT", "example.com:80", &[], "");
    assert!([400, 405, 501].contains(&answer.status()), "{}", answer.status());
}

// SC-31
#[test]
fn subscription_over_post_streams_from_where_its_body_says() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "data: 1\n\ndata: 2\n\n");
    let first = api.subscribe("s").next_event().id.unwrap();
    for body in [json!({ "last_event_id": first }), json!({ "from": first })] {
        let mut http = RawHttp::connect(server.addr());
        let fields = [EVENTS, ("Content-Type", "application/json")];
        http.send(Api::request_bytes("POST", SUBSCRIBE, &fields, body.to_string().as_bytes()));
        let mut subscriber = RawSse::read(http);
        assert_eq!(subscriber.next_event().data, "2", "{body}");
    }
}

// SC-31 before the first event, SC-33: an empty and a chunked body
#[test]
fn subscription_over_post_takes_an_empty_and_a_chunked_body() {
    let server = server();
    server.api().create_events("s");
    let empty = Api::request_bytes("POST", SUBSCRIBE, &[EVENTS], b"");
    let chunked = format!(
        "POST {SUBSCRIBE} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n9\r\n{{\"from\":\"\r\n7\r\nstart\"}}\r\n0\r\n\r\n"
    );
    for request in [empty, chunked.into_bytes()] {
        let mut http = RawHttp::connect(server.addr());
        http.send(request);
        let mut subscriber = RawSse::read(http);
        server.api().append("s", "data: x\n\n");
        assert_eq!(subscriber.next_event().data, "x");
    }
}

// SC-32
#[test]
fn held_back_body_is_asked_for() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send(format!(
        "POST {SUBSCRIBE} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(http.read_head().status, 100);
    http.send("{}");
    assert_eq!(RawSse::read(http).head().status, 200);
}

// SC-33
#[test]
fn body_shorter_than_announced_leaves_nothing_hanging() {
    let server = server();
    server.api().create_events("s");
    for target in [SUBSCRIBE, "/v1/stream/s"] {
        let mut http = RawHttp::connect(server.addr());
        let content_type = if target == SUBSCRIBE { "application/json" } else { "text/event-stream" };
        http.send(format!(
            "POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: {content_type}\r\nContent-Length: 100\r\n\r\ndata: x\n\n"
        ));
        http.shutdown_write();
        match http.try_read_response("POST", Deadline::patient()) {
            Ok(answer) => assert_eq!(answer.status(), 400, "{target}: {}", answer.text()),
            Err(failure) => assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{target}: {failure}"),
        }
    }
    server.api().append("s", "data: whole\n\n");
    assert_eq!(data_of(&[server.api().subscribe("s").next_event()]), ["whole"]);
}

// SC-34
#[test]
fn unfit_bodies_of_a_subscription_are_plain_errors() {
    let server = server();
    server.api().create_events("s");
    let json_type = ("Content-Type", "application/json");
    for (content_type, body, status) in [
        (("Content-Type", "text/plain"), "{}".to_owned(), 415),
        (json_type, "{".to_owned(), 400),
        (json_type, "[]".to_owned(), 400),
        (json_type, "{\"from\": 3}".to_owned(), 400),
        (json_type, "{\"from\": \"yesterday\"}".to_owned(), 400),
        (json_type, format!("{{\"from\":\"{}\"}}", "x".repeat(70_000)), 413),
    ] {
        let mut http = RawHttp::connect(server.addr());
        http.send(Api::request_bytes("POST", SUBSCRIBE, &[EVENTS, content_type], body.as_bytes()));
        let head = http.read_head();
        assert_eq!((head.status, head.media_type().as_str()), (status, "application/problem+json"), "{body:.40}");
    }
}

// SC-34
#[test]
fn announced_hundred_megabytes_are_refused_before_they_are_sent() {
    let server = server();
    server.api().create_events("s");
    for (target, content_type) in [(SUBSCRIBE, "application/json"), ("/v1/stream/s", "text/event-stream")] {
        let mut http = RawHttp::connect(server.addr());
        let answer = http.exchange(format!(
            "POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: {content_type}\r\nContent-Length: 104857600\r\n\r\n"
        ));
        assert_problem(&answer, 413);
    }
}

// SC-35
#[test]
fn body_of_a_get_is_swallowed() {
    let server = server();
    server.api().create_events("s");
    server.api().close("s", "completed");
    for target in ["/healthz", "/v1/stream/s"] {
        let mut http = RawHttp::connect(server.addr());
        let first = format!("GET {target} HTTP/1.1\r\nHost: t\r\nAccept: */*\r\nContent-Length: 5\r\n\r\nhello");
        http.exchange(first).expect_status(200);
        http.exchange(get("/healthz", &[])).expect_status(200);
    }
}

// SC-35
#[test]
fn body_of_a_subscribing_get_does_not_disturb_the_stream() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send(
        "GET /v1/stream/s HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nContent-Length: 41\r\n\r\n\
         GET /healthz HTTP/1.1\r\nHost: t\r\nA: bc\r\n\r\n",
    );
    let mut subscriber = RawSse::read(http);
    server.api().append("s", "data: x\n\n");
    assert_eq!(subscriber.next_event().data, "x");
    server.api().close("s", "completed");
    subscriber.rest();
    let mut http = subscriber.into_http();
    if http.try_send(get("/missing", &[])).is_ok() {
        match http.try_read_response("GET", Deadline::patient()) {
            Ok(answer) => assert_eq!(answer.status(), 404, "the body was taken for a request"),
            Err(failure) => assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}"),
        }
    }
}

//! Plain appends, which are served from their sockets, beside the same ones with a header that makes hyper serve them:
//! nobody can tell the two ways apart.

use everstream_testkit::{Deadline, RawHttp};

use crate::running::{Running, assert_problem, get};

const STREAM: &str = "/v1/stream/plain";
/// A header that nobody knows.
const DETOUR: &str = "X-Detour: y\r\n";

fn request(method: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {STREAM} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n{lines}\r\n{body}")
}

fn append(lines: &str, body: &str) -> String {
    request("POST", &format!("Content-Type: text/plain\r\n{lines}"), body)
}

/// A connection and an empty stream.
fn publisher(server: &Running) -> RawHttp {
    let mut http = server.connect();
    http.exchange(request("PUT", "Content-Type: text/plain\r\n", "")).expect_status(201);
    http
}

fn content(http: &mut RawHttp) -> String {
    http.exchange(get(STREAM, "")).expect_status(200).text()
}

#[test]
fn both_ways_answer_alike() {
    for settings in [[("retry", "2s")].as_slice(), &[("cors_origins", "https://a.example")]] {
        let server = Running::with(settings);
        let mut http = publisher(&server);
        let mut heads = ["", DETOUR, ""].map(|lines| http.exchange(append(lines, "a")).expect_status(204).head.fields);
        for (offset, head) in heads.iter_mut().enumerate() {
            assert_eq!(head.remove(0), ("stream-next-offset".into(), format!("{:016}_{:016}", offset + 1, 0)));
            assert_eq!(head.pop().unwrap().0, "date");
        }
        assert!(heads[0] == heads[1] && heads[1] == heads[2], "{heads:?}");
        assert_eq!(content(&mut http), "aaa");
    }
}

#[test]
fn refusals_are_the_same_and_the_connection_goes_on() {
    let server = Running::with(&[("max_event_bytes", "10")]);
    let mut http = publisher(&server);
    for lines in ["", DETOUR] {
        let wrong_type = append(lines, "a").replace("text/plain", "application/json");
        assert_problem(&http.exchange(wrong_type), 409, "content_type_mismatch");
        assert_problem(&http.exchange(append(lines, "eleven bytes")), 413, "event_too_large");
        assert_problem(
            &http.exchange(append(lines, "a").replace(STREAM, "/v1/stream/nobody")),
            404,
            "stream_not_found",
        );
        assert_problem(
            &http.exchange(append(lines, "a").replace(STREAM, "/v1/stream/a//b")),
            400,
            "invalid_stream_name",
        );
        http.exchange(append(lines, "a")).expect_status(204);
    }
    assert_eq!(content(&mut http), "aa");
    http.exchange(append("Stream-Closed: true\r\n", "end")).expect_status(204);
    for lines in ["", DETOUR] {
        let refusal = http.exchange(append(lines, "a"));
        assert_problem(&refusal, 409, "stream_closed");
        assert_eq!(refusal.head.field("stream-closed"), Some("true"));
    }
    assert_eq!(content(&mut http), "aaend");
}

#[test]
fn append_is_understood_wherever_it_is_cut() {
    let server = Running::with(&[]);
    let mut http = publisher(&server);
    for lines in ["", DETOUR] {
        let request = append(lines, "hello");
        for cut in 1..request.len() {
            http.send(&request[..cut]);
            http.send(&request[cut..]);
            let response = http.try_read_response("POST", Deadline::patient()).unwrap();
            assert_eq!(response.status(), 204, "cut at {cut}");
        }
    }
    let appends = 2 * append("", "hello").len() + DETOUR.len() - 2;
    assert_eq!(content(&mut http), "hello".repeat(appends));
}

#[test]
fn requests_sent_at_once_are_answered_in_order_whoever_serves_them() {
    let server = Running::with(&[]);
    let mut http = server.connect();
    let plain = |body: &str| append("", body);
    let detour = |body: &str| append(DETOUR, body);
    let chunked = "POST /v1/stream/plain HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\n\
                   Transfer-Encoding: chunked\r\n\r\n1\r\nf\r\n0\r\n\r\n";
    let requests = [
        ("PUT", request("PUT", "Content-Type: text/plain\r\n", ""), 201),
        ("POST", plain("a"), 204),
        ("POST", plain("b"), 204),
        ("POST", detour("c"), 204),
        ("POST", plain("d"), 204),
        ("HEAD", get(STREAM, "").replace("GET", "HEAD"), 200),
        ("POST", plain("e"), 204),
        ("POST", chunked.to_owned(), 204),
        ("POST", plain("g"), 204),
        ("GET", get(STREAM, ""), 200),
    ];
    http.send(requests.iter().map(|(_, request, _)| request.as_str()).collect::<String>());
    let mut last = None;
    for (method, request, status) in &requests {
        let response = http.try_read_response(method, Deadline::patient()).unwrap();
        assert_eq!(response.status(), *status, "{request}");
        last = Some(response.text());
    }
    assert_eq!(last.as_deref(), Some("abcdefg"));
}

#[test]
fn half_a_body_is_waited_for_and_its_loss_appends_nothing() {
    let server = Running::with(&[]);
    let mut http = publisher(&server);
    let request = append("", "hello");
    let mut broken = server.connect();
    broken.send(&request[..request.len() - 1]);
    broken.shutdown_write();
    drop(broken.read_to_close(Deadline::patient()));
    assert_eq!(content(&mut http), "");
}

#[test]
fn publisher_that_ends_its_half_behind_a_request_is_answered() {
    let server = Running::with(&[]);
    let requests = [("PUT", request("PUT", "Content-Type: text/plain\r\n", ""), 201), ("POST", append("", "a"), 204)];
    for (method, request, status) in requests {
        let mut http = server.connect();
        http.send(request);
        http.shutdown_write();
        assert_eq!(http.try_read_response(method, Deadline::patient()).unwrap().status(), status, "{method}");
        assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
    }
}

#[test]
fn publisher_that_falls_silent_is_let_go() {
    let server = Running::with(&[("idle_timeout", "50ms")]);
    publisher(&server);
    // A connection of its own: the first one may have been silent for so long by now.
    let mut http = server.connect();
    http.exchange(append("", "a")).expect_status(204);
    assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
}

/// Whoever serves it, and wherever in the body it stops; the connection does not stay.
#[test]
fn publisher_that_falls_silent_within_a_body_is_let_go_and_appends_nothing() {
    let server = Running::with(&[("idle_timeout", "50ms")]);
    publisher(&server);
    for lines in ["", DETOUR] {
        let whole = append(lines, "hello");
        for missing in [1, 5] {
            let mut http = server.connect();
            http.send(&whole[..whole.len() - missing]);
            let refusal = http.try_read_response("POST", Deadline::patient()).unwrap();
            assert_problem(&refusal, 400, "incomplete_body");
            assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
        }
    }
    // Uploads that others read are no way around it.
    let mut http = server.connect();
    http.send(append("", "hello").replace(STREAM, "/demo/v1/chat/completions").trim_end_matches("lo"));
    assert_eq!(http.try_read_response("POST", Deadline::patient()).unwrap().status(), 400);
    assert_eq!(content(&mut server.connect()), "");
}

#[test]
fn two_programs_that_take_turns_on_one_worker_are_not_taken_for_each_other() {
    let server = Running::with(&[("workers", "1")]);
    let mut http = server.connect();
    // Each stands where the other one has something else: types of one length, the length before and behind the type.
    let kinds = [
        ("one", "text/plain", "Host: t\r\nContent-Type: TYPE\r\nContent-Length: LEN\r\n"),
        ("two", "text/other", "Host: t\r\nContent-Type: TYPE\r\nContent-Length: LEN\r\n"),
        ("three", "text/third", "Content-Length: LEN\r\nHost: t\r\nUser-Agent: x\r\nContent-Type: TYPE\r\n"),
    ];
    let request = |method: &str, stream: &str, lines: &str, kind: &str, body: &str| {
        let lines = lines.replace("TYPE", kind).replace("LEN", &body.len().to_string());
        format!("{method} /v1/stream/{stream} HTTP/1.1\r\n{lines}\r\n{body}")
    };
    for (stream, kind, lines) in kinds {
        http.exchange(request("PUT", stream, lines, kind, "")).expect_status(201);
    }
    let mut expected = String::new();
    for round in 0..12 {
        let body = "x".repeat(round + 1);
        for (stream, kind, lines) in kinds {
            http.exchange(request("POST", stream, lines, kind, &body)).expect_status(204);
            for (_, other, _) in kinds.iter().filter(|(_, other, _)| *other != kind) {
                let refusal = http.exchange(request("POST", stream, lines, other, "never"));
                assert_problem(&refusal, 409, "content_type_mismatch");
            }
        }
        expected.push_str(&body);
    }
    for (stream, kind, _) in kinds {
        let page = http.exchange(get(&format!("/v1/stream/{stream}"), "")).expect_status(200);
        assert_eq!((page.head.media_type(), page.text()), (kind.to_owned(), expected.clone()), "{stream}");
    }
}

#[test]
fn silent_publisher_is_closed_by_a_drain() {
    let mut server = Running::with(&[("drain_timeout", "1h")]);
    let mut http = publisher(&server);
    http.exchange(append("", "a")).expect_status(204);
    server.shut_down();
    server.wait();
    assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
}

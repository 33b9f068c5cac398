//! Heads as they come over the wire, first and later ones of a connection.

use everstream_testkit::{Deadline, eventually};

use crate::running::{Running, assert_problem, get};

#[test]
fn head_is_understood_wherever_it_is_cut() {
    let server = Running::with(&[]);
    let request = get("/healthz", "");
    for cut in 1..request.len() {
        let mut http = server.connect();
        http.send(&request[..cut]);
        http.send(&request[cut..]);
        assert_eq!(http.try_read_response("GET", Deadline::patient()).unwrap().status(), 200, "cut at {cut}");
    }
}

#[test]
fn first_head_that_is_refused_gets_a_problem_and_the_end() {
    let server = Running::with(&[]);
    for (head, status, code) in [
        (get("/healthz", "X : y\r\n"), 400, "bad_request"),
        (get("/healthz", "Content-Length: -1\r\n"), 400, "bad_request"),
        (get("/healthz", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400, "bad_request"),
        (get(&format!("/{}", "x".repeat(20 << 10)), ""), 414, "target_too_long"),
        (get("/healthz", &format!("X: {}\r\n", "x".repeat(20 << 10))), 431, "head_too_large"),
        (get("/healthz", &"X: y\r\n".repeat(200)), 431, "head_too_large"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505, "version_unsupported"),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03".to_owned(), 400, "bad_request"),
    ] {
        let mut http = server.connect();
        http.send(&head);
        let response = http.try_read_response("GET", Deadline::patient()).unwrap();
        assert_problem(&response, status, code);
        assert!(response.head.lists("connection", "close"));
        assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
    }
}

#[test]
fn megabyte_of_target_is_answered_although_most_of_it_is_never_read() {
    let server = Running::with(&[]);
    let mut http = server.connect();
    http.send(get(&format!("/{}", "x".repeat(1 << 20)), ""));
    assert_problem(&http.try_read_response("GET", Deadline::patient()).unwrap(), 414, "target_too_long");
}

#[test]
fn dribbled_head_is_answered_when_its_time_is_up_and_disturbs_nobody() {
    // Time enough for the other one's head, however busy the machine is.
    let server = Running::with(&[("head_timeout", "500ms")]);
    let mut dribbling = server.connect();
    dribbling.send("GET /hea");
    server.connect().exchange(get("/healthz", "")).expect_status(200);
    assert_problem(&dribbling.try_read_response("GET", Deadline::patient()).unwrap(), 408, "head_timeout");
}

#[test]
fn later_head_that_is_dribbled_has_the_time_of_an_idle_connection() {
    let server = Running::with(&[("idle_timeout", "50ms"), ("max_connections", "1")]);
    let mut http = server.connect();
    http.exchange(get("/healthz", "")).expect_status(200);
    http.send("GET /hea");
    http.read_to_close(Deadline::patient()).unwrap();
    // Its place is free again.
    eventually("a place", || match server.connect().exchange(get("/healthz", "")).status() {
        200 => Ok(()),
        status => Err(format!("{status}")),
    });
}

#[test]
fn idle_connection_is_let_go() {
    let server = Running::with(&[("idle_timeout", "50ms")]);
    let mut http = server.connect();
    http.exchange(get("/healthz", "")).expect_status(200);
    assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
}

#[test]
fn later_head_that_is_malformed_ends_the_connection() {
    let server = Running::with(&[]);
    let mut http = server.connect();
    http.exchange(get("/healthz", "")).expect_status(200);
    assert_eq!(http.exchange(get("/healthz", "X : y\r\n")).status(), 400);
    assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
}

#[test]
fn later_head_that_two_parsers_could_read_in_two_ways_is_the_last() {
    let server = Running::with(&[]);
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
    ] {
        let mut http = server.connect();
        http.exchange(get("/healthz", "")).expect_status(200);
        let response = http.exchange(get("/healthz", lines) + "0\r\n\r\n" + &get("/healthz", ""));
        assert!(response.head.lists("connection", "close"), "{lines:?}: {:?}", response.head);
        assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"", "{lines:?}");
    }
}

#[test]
fn every_request_of_a_connection_needs_its_host() {
    let server = Running::with(&[]);
    let mut http = server.connect();
    http.exchange(get("/healthz", "")).expect_status(200);
    assert_problem(&http.exchange("GET /healthz HTTP/1.1\r\n\r\n"), 400, "invalid_host");
    assert_problem(&http.exchange(get("/healthz", "Host: t\r\n")), 400, "invalid_host");
    http.exchange(get("http://t/healthz", "")).expect_status(200);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = Running::with(&[]);
    for line in ["", "Connection: keep-alive\r\n"] {
        let mut http = server.connect();
        let response = http.exchange(format!("GET /healthz HTTP/1.0\r\n{line}\r\n")).expect_status(200);
        assert!(!response.head.lists("connection", "keep-alive"));
        assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
    }
}

#[test]
fn body_that_nobody_reads_is_never_taken_for_a_request() {
    let server = Running::with(&[]);
    let inner = get("/readyz", "");
    let outer = format!("POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
    let mut http = server.connect();
    http.send(outer + &get("/nowhere", ""));
    assert_problem(&http.try_read_response("POST", Deadline::patient()).unwrap(), 405, "method_not_allowed");
    assert_problem(&http.try_read_response("GET", Deadline::patient()).unwrap(), 404, "path_not_found");
}

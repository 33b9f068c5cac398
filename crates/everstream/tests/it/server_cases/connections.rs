//! E. HTTP versions and connections.

use std::net::SocketAddr;
use std::time::Duration;

use everstream_testkit::{Api, Deadline, Ending, Failure, RawHttp, RawSse, eventually};

use crate::support::{EVENTS, await_subscribers, get, launch, server, subscription};

// SC-41, SC-42
#[test]
fn http_1_0_gets_a_body_that_ends_with_the_connection() {
    let server = server();
    for (name, connection) in [("plain", ""), ("kept", "Connection: keep-alive\r\n")] {
        server.api().create_events(name);
        let mut http = RawHttp::connect(server.addr());
        http.send(format!("GET /v1/stream/{name} HTTP/1.0\r\nAccept: text/event-stream\r\n{connection}\r\n"));
        let mut subscriber = RawSse::read(http);
        assert_eq!(subscriber.head().field("transfer-encoding"), None);
        assert!(!subscriber.head().lists("connection", "keep-alive"));
        for n in ["1", "2"] {
            server.api().append(name, format!("data: {n}\n\n"));
            assert_eq!(subscriber.next_event().data, n);
        }
        server.api().close(name, "completed");
        let (events, ending) = subscriber.rest();
        assert_eq!((events.len(), events[0].event_type.as_str(), ending), (1, "close", Ending::Fin));
    }
}

// SC-43
#[test]
fn request_without_exactly_one_lawful_host_is_refused() {
    let server = server();
    server.api().create_events("s");
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: a b\r\n"] {
        for target in ["/v1/stream/s", "/healthz"] {
            let request = format!("GET {target} HTTP/1.1\r\nAccept: text/event-stream\r\n{hosts}\r\n");
            let answer = RawHttp::connect(server.addr()).exchange(request);
            assert_eq!(answer.status(), 400, "{hosts:?} {target}");
        }
    }
}

// SC-44
#[test]
fn absolute_form_names_the_same_stream() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send("GET http://t/v1/stream/s HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(RawSse::read(http).head().status, 200);
}

// SC-45
#[test]
fn connection_close_is_announced_and_done_after_the_end() {
    let server = server();
    server.api().create_events("s");
    server.api().close("s", "completed");
    let mut http = RawHttp::connect(server.addr());
    http.send(get("/v1/stream/s", &[EVENTS, ("Connection", "close")]));
    let mut subscriber = RawSse::read(http);
    assert!(subscriber.head().lists("connection", "close"));
    assert_eq!(subscriber.rest().1, Ending::Clean);
    assert_eq!(subscriber.into_http().read_to_close(Deadline::patient()).unwrap(), b"");
}

// SC-46
#[test]
fn connection_serves_another_request_after_a_stream_that_ended() {
    let server = server();
    server.api().create_events("s");
    server.api().close("s", "completed");
    let mut http = RawHttp::connect(server.addr());
    http.send(subscription("s"));
    let mut subscriber = RawSse::read(http);
    assert_eq!(subscriber.rest().1, Ending::Clean);
    let announced = subscriber.head().lists("connection", "close");
    let mut http = subscriber.into_http();
    if announced {
        assert_eq!(http.read_to_close(Deadline::patient()).unwrap(), b"");
    } else {
        http.exchange(get("/healthz", &[])).expect_status(200);
    }
}

// SC-49. What a client sends after its request is either ignored within bounds or ends the connection.
#[test]
fn garbage_after_the_request_does_not_disturb_the_stream() {
    let server = server();
    server.api().create_events("s");
    let before_kib = server.resident_kib();
    let mut http = RawHttp::connect(server.addr());
    http.send(subscription("s"));
    let mut subscriber = RawSse::read(http);
    let garbage = vec![b'x'; 64 * 1024];
    // The peer may stop reading (its window fills) or close; both bound what it keeps.
    subscriber.http().send_while_taken(&garbage, 256);
    server.api().append("s", "data: x\n\n");
    match subscriber.try_next_event(Deadline::patient()).unwrap() {
        Some(event) => assert_eq!(event.data, "x"),
        None => assert_eq!(subscriber.ending(), Some(Ending::Cut)),
    }
    let grown_kib = server.resident_kib().saturating_sub(before_kib);
    println!("the server grew by {grown_kib} KiB");
    assert!(grown_kib < 8 * 1024, "the server kept {grown_kib} KiB");
}

// SC-50
#[test]
fn half_closed_client_either_goes_on_or_is_let_go() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send(subscription("s"));
    http.shutdown_write();
    server.api().append("s", "data: x\n\n");
    match RawSse::try_read(http, Deadline::patient()) {
        Ok(mut subscriber) => match subscriber.try_next_event(Deadline::patient()).unwrap() {
            Some(event) => assert_eq!(event.data, "x"),
            None => assert_eq!(subscriber.ending(), Some(Ending::Cut)),
        },
        Err(failure) => assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}"),
    }
    server.api().append("s", "data: y\n\n");
    await_subscribers(server.api(), "s", 0);
}

// SC-51, SC-52
#[test]
fn subscriber_that_closes_or_resets_is_let_go() {
    let server = server();
    server.api().create_events("s");
    let closing = server.api().subscribe("s");
    let resetting = server.api().subscribe("s");
    let mut staying = server.api().subscribe("s");
    await_subscribers(server.api(), "s", 3);
    drop(closing);
    resetting.into_http().reset();
    server.api().append("s", "data: x\n\n");
    await_subscribers(server.api(), "s", 1);
    assert_eq!(staying.next_event().data, "x");
}

// SC-53
#[test]
fn subscribers_that_come_and_go_leave_nothing_behind() {
    let server = server();
    server.api().create_events("s");
    drop(server.api().subscribe("s"));
    await_subscribers(server.api(), "s", 0);
    let files = server.open_files();
    for _ in 0..500 {
        drop(server.api().subscribe("s"));
    }
    await_subscribers(server.api(), "s", 0);
    eventually("as many open files as before", || match server.open_files() {
        now if now <= files + 2 => Ok(()),
        now => Err(format!("{now} instead of {files}: {:?}", server.api().get("/healthz").status())),
    });
}

// SC-54, with as many subscribers as a debug build takes in its stride
#[test]
fn one_event_reaches_hundreds_of_idle_subscribers() {
    let server = server();
    server.api().create_events("s");
    let mut subscribers: Vec<_> = (0..400).map(|_| server.api().subscribe("s")).collect();
    server.api().append("s", "data: x\n\n");
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.next_event().data, "x");
    }
}

// SC-55
#[test]
fn request_head_that_does_not_come_is_not_awaited_for_ever() {
    let server = launch().config("head_timeout = \"1s\"\n").start();
    server.api().create_events("s");
    let mut slow = RawHttp::connect(server.addr());
    slow.send("GET /v1/str");
    let mut subscriber = server.api().subscribe("s");
    server.api().append("s", "data: x\n\n");
    assert_eq!(subscriber.next_event().data, "x");
    match slow.try_read_head(Deadline::patient()) {
        Ok(head) => assert_eq!(head.status, 408),
        Err(failure) => assert!(matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}"),
    }
}

// SC-56
#[test]
fn request_cut_at_any_byte_gets_the_same_answer() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "data: x\n\n");
    let request = subscription("s");
    let whole = answer_in_pieces(server.addr(), &[&request]);
    for cut in 1..request.len() {
        assert_eq!(answer_in_pieces(server.addr(), &[&request[..cut], &request[cut..]]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = request.chunks(1).collect();
    assert_eq!(answer_in_pieces(server.addr(), &bytes), whole, "byte by byte");
}

/// Status, the names of the head's fields and the first event. No-delay makes each piece a segment of its own, though the
/// kernel may hand two to the server at once.
fn answer_in_pieces(addr: SocketAddr, pieces: &[&[u8]]) -> (u16, Vec<String>, Vec<u8>) {
    let mut http = RawHttp::connect(addr);
    for piece in pieces {
        http.send(piece);
    }
    let mut subscriber = RawSse::read(http);
    let names = subscriber.head().fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    (subscriber.head().status, names, subscriber.next_event().bytes)
}

// SC-57
#[test]
fn upgrades_are_ignored() {
    let server = server();
    server.api().create_events("s");
    for upgrade in ["h2c", "websocket"] {
        let mut http = RawHttp::connect(server.addr());
        http.send(get("/v1/stream/s", &[EVENTS, ("Connection", "Upgrade"), ("Upgrade", upgrade)]));
        let head = http.read_head();
        assert!([200, 400, 426].contains(&head.status), "{upgrade}: {}", head.status);
    }
}

// SC-58
#[test]
fn other_protocols_on_the_port_are_turned_away() {
    let server = server();
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    let tls = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n".as_slice();
    for hello in [http2, tls] {
        let mut http = RawHttp::connect(server.addr());
        http.send(hello);
        match http.try_read_head(Deadline::after(Duration::from_secs(12))) {
            Ok(head) => assert!([400, 405, 426, 501, 505].contains(&head.status), "{}", head.status),
            Err(failure) => assert!(!matches!(failure, Failure::Deadline(_)), "{failure}"),
        }
    }
    server.api().get("/healthz").expect_status(200);
}

// SC-53 for other answers: a kept connection answers many requests
#[test]
fn kept_connection_answers_many_requests() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    let append = Api::request_bytes("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], b"data: x\n\n");
    for _ in 0..50 {
        http.exchange(&append).expect_status(204);
        http.exchange(get("/healthz", &[])).expect_status(200);
    }
}

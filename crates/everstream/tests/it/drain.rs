//! SIGTERM: subscribers are sent away so that they come back, what is in flight is answered, and the process ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use everstream_testkit::{Api, Deadline, Ending, Failure, RawHttp, RawSse, TestServer};

use crate::support::{assert_problem, await_subscribers, data_of, get, launch, server, subscription};

#[track_caller]
fn assert_exits_well(server: &mut TestServer) {
    let exited = server.wait();
    assert!(exited.status.success(), "{}; {}", exited.status, exited.stderr);
}

// SC-113
#[test]
fn subscriptions_end_unclean_after_a_reconnection_time() {
    let mut server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\n");
    let mut subscribers = [server.api().subscribe("s"), server.api().subscribe_to("/v1/stream/s?from=now")];
    await_subscribers(server.api(), "s", 2);
    server.sigterm();
    for subscriber in &mut subscribers {
        let (events, ending) = subscriber.rest();
        assert!(data_of(&events).iter().all(|&data| data == "1"), "{events:?}");
        assert_eq!(ending, Ending::Cut, "an open stream has not ended");
        assert_eq!(subscriber.retry().len(), 2, "once at the start and once at the end: {:?}", subscriber.retry());
    }
    assert_exits_well(&mut server);
}

// SC-115
#[test]
fn subscriber_resumes_without_loss_after_a_restart_on_the_same_port() {
    let mut server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\ndata: 2\n\n");
    let mut subscriber = server.api().subscribe("s");
    assert_eq!(data_of(&subscriber.next_events(2)), ["1", "2"]);
    server.api().append("s", "data: 3\n\n");
    server.sigterm();
    let (events, ending) = subscriber.rest();
    assert_eq!(ending, Ending::Cut);
    assert_exits_well(&mut server);
    server.restart_on_same_port();
    server.api().append("s", "data: 4\n\n");
    let mut resumed = server.api().resume("s", subscriber.last_event_id().unwrap());
    let rest = resumed.next_events(2 - events.len());
    assert_eq!([data_of(&events), data_of(&rest)].concat(), ["3", "4"]);
}

/// A request whose head the server has taken and whose body it awaits.
fn append_in_flight(api: Api, body: &str) -> RawHttp {
    let mut http = RawHttp::connect(api.addr);
    let length = body.len();
    http.send(format!(
        "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/event-stream\r\nContent-Length: {length}\r\n\
         Expect: 100-continue\r\n\r\n"
    ));
    assert_eq!(http.read_head().status, 100);
    http
}

// SC-114
#[test]
fn append_in_flight_is_answered_and_kept_while_new_connections_are_refused() {
    let mut server = server();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    let mut appending = append_in_flight(server.api(), "data: late\n\n");
    server.sigterm();
    assert_eq!(subscriber.rest().1, Ending::Cut, "the drain has begun");
    match server.api().try_connect().and_then(|mut http| http.try_exchange(get("/healthz", &[]))) {
        Ok(answer) => assert_problem(&answer, 503),
        Err(failure) => assert!(!matches!(failure, Failure::Deadline(_)), "{failure}"),
    }
    appending.send("data: late\n\n");
    let answer = appending.try_read_response("POST", Deadline::patient()).unwrap();
    assert_eq!(answer.status(), 204, "{}", answer.text());
    assert_exits_well(&mut server);
    server.restart();
    assert_eq!(server.api().subscribe("s").next_event().data, "late");
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let mut server = server();
    let mut silent = RawHttp::connect(server.addr());
    let mut kept = RawHttp::connect(server.addr());
    kept.exchange(get("/healthz", &[])).expect_status(200);
    let begun = Instant::now();
    server.sigterm();
    assert_exits_well(&mut server);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}, half of the drain time", begun.elapsed());
    for http in [&mut silent, &mut kept] {
        assert!(http.try_read_head(Deadline::patient()).is_err());
    }
}

/// Nothing has to be waited for on a connection that always has a next request: the drain is noticed all the same.
#[test]
fn publisher_that_never_pauses_does_not_hold_up_the_end() {
    let mut server = launch().flags(&["--drain-timeout", "1h"]).start();
    server.api().create_events("s");
    let append = "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: x\n\n";
    let appends = append.repeat(100);
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    let mut answers = socket.try_clone().unwrap();
    let publisher = thread::spawn(move || while socket.write_all(appends.as_bytes()).is_ok() {});
    let mut received = vec![0; 64 << 10];
    answers.read_exact(&mut received).unwrap();
    let reader = thread::spawn(move || while answers.read(&mut received).is_ok_and(|read| read > 0) {});
    server.sigterm();
    assert_exits_well(&mut server);
    publisher.join().unwrap();
    reader.join().unwrap();
}

// SC-116
#[test]
fn stalled_reader_and_unfinished_upload_do_not_hold_up_the_end_beyond_the_drain_time() {
    let mut server = launch().flags(&["--drain-timeout", "1s"]).start();
    let api = server.api();
    api.create_events("s");
    let mut stalled = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
    stalled.send(subscription("s"));
    let event = format!("data: {}\n\n", "x".repeat(500_000));
    for _ in 0..20 {
        api.append("s", &event);
    }
    let _unfinished = append_in_flight(api, "data: never\n\n");
    server.sigterm();
    let begun = Instant::now();
    assert_exits_well(&mut server);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?} for a drain time of 1 s", begun.elapsed());
    // What the stalled reader gets at last is whole events and an unclean end.
    let (events, ending) = RawSse::read(stalled).rest();
    assert!(events.iter().all(|event| event.data.len() == 500_000));
    assert_eq!(ending, Ending::Cut);
}

/// Asks the demo, whose answer has some 200 tokens, waits for its first event and drains the server; the path of the
/// answer and what its viewer could resume from.
fn drain_in_mid_answer(server: &mut TestServer, rate: u32) -> (String, String) {
    let ask = br#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let fields = [("Content-Type", "application/json"), ("Prefer", "respond-async")];
    let target = format!("/demo/v1/chat/completions?rate={rate}");
    let accepted = server.api().request("POST", &target, &fields, ask).expect_status(202);
    let path = accepted.head.field("location").unwrap().to_owned();
    let mut viewer = server.api().subscribe_to(&path);
    viewer.next_event();
    server.sigterm();
    viewer.rest();
    assert_exits_well(server);
    (path.strip_prefix("/v1/stream/").unwrap().to_owned(), viewer.last_event_id().unwrap().to_owned())
}

#[test]
fn answer_that_outlasts_the_drain_ends_as_interrupted() {
    let mut server = launch().flags(&["--drain-timeout", "200ms"]).start();
    let (stream, last_event_id) = drain_in_mid_answer(&mut server, 30);
    server.restart();
    assert_eq!(server.api().state(&stream)["close_reason"], "interrupted");
    let (rest, ending) = server.api().resume(&stream, &last_event_id).rest();
    let close = rest.last().unwrap();
    assert_eq!((&close.json()["reason"], ending), (&"interrupted".into(), Ending::Clean));
}

#[test]
fn answer_that_ends_within_the_drain_is_completed() {
    let mut server = server();
    let (stream, _) = drain_in_mid_answer(&mut server, 1_000);
    server.restart();
    assert_eq!(server.api().state(&stream)["close_reason"], "completed");
}

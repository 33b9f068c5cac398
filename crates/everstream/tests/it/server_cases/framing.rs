//! B. Framing, flushing, order.

use std::thread;
use std::time::{Duration, Instant};

use everstream_testkit::{Api, Ending, RawHttp, RawSse, eventually};

use crate::support::{data_of, launch, server};

// SC-14
#[test]
fn idle_stream_never_writes_the_chunk_that_would_end_it() {
    let server = launch().flags(&["--keep-alive", "1s"]).start();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    let mut keep_alives = 0;
    while keep_alives < 2 {
        keep_alives += usize::from(matches!(subscriber.next_item(), everstream_testkit::Item::Comment(_)));
    }
    assert_eq!(subscriber.ending(), None);
}

// SC-13, SC-15
#[test]
fn each_event_is_flushed_without_waiting_for_the_next() {
    let server = server();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    for n in 0..20 {
        server.api().append("s", format!("data: {n}\n\n"));
        assert_eq!(subscriber.next_event().data, n.to_string());
    }
    assert!(subscriber.chunks() >= 20, "{} chunks", subscriber.chunks());
}

// SC-16. With Nagle's algorithm on, the second event would wait some 40 ms for the delayed acknowledgement of the first, in
// all pairs but the first few; a loaded machine delays some. The client peeks, since reading would acknowledge.
#[test]
fn second_of_two_small_events_does_not_wait_for_a_delayed_acknowledgement() {
    const PAIRS: usize = 100;
    let server = server();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    let mut publisher = RawHttp::connect(server.addr());
    let append = Api::request_bytes("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], b"data: x\n\n");
    let stalls = (0..PAIRS).filter(|_| {
        for _ in 0..2 {
            publisher.exchange(&append).expect_status(204);
        }
        let published = Instant::now();
        eventually("two events", || match subscriber.http().peek() {
            Ok(bytes) if bytes.windows(7).filter(|window| window == b"data: x").count() == 2 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let is_stalled = published.elapsed() >= Duration::from_millis(25);
        subscriber.next_events(2);
        is_stalled
    });
    let stalls = stalls.count();
    assert!(stalls < PAIRS / 2, "{stalls} of {PAIRS} pairs were 25 ms or more apart");
}

// SC-17
#[test]
fn ten_thousand_events_at_full_speed_arrive_in_order() {
    const BATCHES: usize = 100;
    let server = server();
    let api = server.api();
    api.create_events("s");
    let mut subscriber = api.subscribe("s");
    let publishing = thread::spawn(move || {
        let mut publisher = RawHttp::connect(api.addr);
        for batch in 0..BATCHES {
            let body: String = (0..100).map(|n| format!("data: {}\n\n", batch * 100 + n)).collect();
            let fields = [("Content-Type", "text/event-stream")];
            publisher.exchange(Api::request_bytes("POST", "/v1/stream/s", &fields, body.as_bytes())).expect_status(204);
        }
    });
    let epoch = subscriber.head().field("stream-epoch").unwrap().to_owned();
    for n in 0..BATCHES * 100 {
        let event = subscriber.next_event();
        assert_eq!(String::from_utf8(event.bytes).unwrap(), format!("id: {epoch}-{}\ndata: {n}\n\n", n + 1));
    }
    publishing.join().unwrap();
}

// SC-18
#[test]
fn events_of_two_publishers_never_mix() {
    const EACH: usize = 100;
    let server = server();
    let api = server.api();
    api.create_events("s");
    let mut subscriber = api.subscribe("s");
    let publishers = ['a', 'b'].map(|letter| {
        thread::spawn(move || {
            for n in 0..EACH {
                let lines: String = (0..8).map(|_| format!("data: {}\n", letter.to_string().repeat(512))).collect();
                api.append("s", format!("event: {letter}{n}\n{lines}\n"));
            }
        })
    });
    let mut next = [('a', 0), ('b', 0)];
    for event in subscriber.next_events(2 * EACH) {
        let (letter, n) = event.event_type.split_at(1);
        let (_, expected) = next.iter_mut().find(|(known, _)| letter.starts_with(*known)).unwrap();
        assert_eq!(n, expected.to_string());
        *expected += 1;
        assert_eq!(event.data, vec![letter.repeat(512); 8].join("\n"));
    }
    for publisher in publishers {
        publisher.join().unwrap();
    }
}

// SC-19, within the largest event that the server takes
#[test]
fn large_events_arrive_whole() {
    let server = server();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    let large = "x".repeat(1_000_000);
    let lines = vec!["line"; 1_000];
    server.api().append("s", format!("data: {large}\n\n"));
    server.api().append("s", format!("data: {}\n\n", lines.join("\ndata: ")));
    assert!(subscriber.next_event().data == large);
    assert_eq!(subscriber.next_event().data, lines.join("\n"));
}

// SC-20
#[test]
fn closed_stream_ends_after_its_last_event_with_the_last_chunk_and_nothing_more() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\ndata: 2\n\n");
    server.api().close("s", "completed");
    let (events, ending) = server.api().subscribe("s").rest();
    assert_eq!(data_of(&events[..2]), ["1", "2"]);
    assert_eq!((events.len(), events[2].event_type.as_str()), (3, "close"));
    assert_eq!((events[2].json()["reason"].as_str(), ending), (Some("completed"), Ending::Clean));
}

// SC-20 while the subscriber is live
#[test]
fn live_subscriber_sees_the_close_and_the_last_chunk() {
    let server = server();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    server.api().append("s", "data: 1\n\n");
    assert_eq!(subscriber.next_event().data, "1");
    server.api().close("s", "completed");
    let (events, ending) = subscriber.rest();
    assert_eq!((events.len(), events[0].event_type.as_str(), ending), (1, "close", Ending::Clean));
}

// SC-22
#[test]
fn event_published_as_soon_as_the_head_is_seen_is_not_lost() {
    let server = server();
    server.api().create_events("s");
    for n in 0..200 {
        let mut subscriber = server.api().subscribe_to("/v1/stream/s?from=now");
        server.api().append("s", format!("data: {n}\n\n"));
        assert_eq!(subscriber.next_event().data, n.to_string());
    }
}

// SC-23
#[test]
fn line_ends_are_uniform_and_text_is_what_was_published() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "event: grüße\r\ndata: 日本\r\ndata: \u{1F600}\r\n\r\ndata: a\rdata: b\r\r");
    let mut subscriber: RawSse = server.api().subscribe("s");
    let [first, second] = [subscriber.next_event(), subscriber.next_event()];
    assert_eq!((first.event_type.as_str(), first.data.as_str()), ("grüße", "日本\n\u{1F600}"));
    assert_eq!(second.data, "a\nb");
    assert!(!first.bytes.contains(&b'\r') && !second.bytes.contains(&b'\r'));
}

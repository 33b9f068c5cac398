//! The live modes of Durable Streams, on the wire.

use everstream_testkit::{Api, Deadline, Ending, Event, PATIENCE, RawHttp, RawSse};

use crate::support::{await_subscribers, get, launch, server};

const TEXT: &str = "text/plain";

/// What the data events carry, in a row; each of them has to be followed by its control event.
fn data_of(events: &[Event]) -> String {
    let is_data = |event: &&Event| event.event_type == "data";
    for pair in events.windows(2).filter(|pair| pair[0].event_type == "data") {
        assert_eq!(pair[1].event_type, "control", "{pair:?}");
    }
    events.iter().filter(is_data).map(|event| event.data.as_str()).collect()
}

fn sse(name: &str, offset: &str) -> String {
    format!("{}?live=sse&offset={offset}", Api::path(name))
}

/// A request that waits at the tail of the stream.
fn long_poll(api: Api, name: &str) -> RawHttp {
    let tail = api.request("HEAD", &Api::path(name), &[], "").head.field("stream-next-offset").unwrap().to_owned();
    let mut http = RawHttp::connect(api.addr);
    http.send(get(&format!("{}?live=long-poll&offset={tail}", Api::path(name)), &[]));
    http
}

#[test]
fn a_subscriber_goes_on_after_kill_9_by_its_offset_and_by_its_id() {
    let mut server = server();
    server.api().create("s", TEXT);
    server.api().append_as("s", TEXT, "a");
    let mut before = server.api().subscribe_to(&sse("s", "-1"));
    assert_eq!(data_of(&before.next_events(2)), "a");
    server.api().append_as("s", TEXT, "b");
    let control = before.next_events(2).remove(1).json();
    server.api().append_as("s", TEXT, "c");
    server.kill9();
    server.restart();
    server.api().append_as("s", TEXT, "d");
    server.api().close("s", "failed");
    let by_offset = server.api().subscribe_to(&sse("s", control["streamNextOffset"].as_str().unwrap()));
    let mut http = RawHttp::connect(server.addr());
    http.send(get(&sse("s", "-1"), &[("Last-Event-ID", before.last_event_id().unwrap())]));
    for mut after in [by_offset, RawSse::read(http)] {
        let (events, ending) = after.rest();
        assert_eq!((data_of(&events).as_str(), ending), ("cd", Ending::Clean));
        let end = events.last().unwrap().json();
        assert_eq!((&end["streamClosed"], &end["streamCloseReason"]), (&true.into(), &"failed".into()));
        assert!(after.last_event_id().unwrap().ends_with("-4-end"));
    }
}

#[test]
fn a_drain_ends_connections_between_events_and_answers_those_who_wait() {
    let mut server = server();
    server.api().create("s", TEXT);
    server.api().append_as("s", TEXT, "a");
    let mut subscriber = server.api().subscribe_to(&sse("s", "-1"));
    let mut waiting = long_poll(server.api(), "s");
    await_subscribers(server.api(), "s", 2);
    server.sigterm();
    let (events, ending) = subscriber.rest();
    assert_eq!((data_of(&events).as_str(), ending), ("a", Ending::Clean));
    assert!(events.iter().all(|event| !event.data.contains("streamClosed")), "{events:?}");
    assert_eq!(subscriber.retry().len(), 2, "{:?}", subscriber.retry());
    let answer = waiting.try_read_response("GET", Deadline::after(PATIENCE)).unwrap();
    assert_eq!((answer.status(), answer.head.field("stream-closed")), (204, None));
    assert!(server.wait().status.success());
}

/// Dozens wait, each append wakes them all, and whoever comes too late for the wake-up finds the record there.
#[test]
fn no_wake_up_is_lost_between_the_look_and_the_wait() {
    let server = server();
    server.api().create("s", TEXT);
    let api = server.api();
    let followers: Vec<_> = (0..24).map(|_| std::thread::spawn(move || follow_by_long_poll(api, "s"))).collect();
    for n in 0..100 {
        api.append_as("s", TEXT, format!("{n};"));
    }
    api.close("s", "completed");
    let wanted: String = (0..100).map(|n| format!("{n};")).collect();
    for follower in followers {
        assert_eq!(follower.join().unwrap(), wanted);
    }
}

/// The whole text of a stream, by one request after another; none of them may run into the timeout.
fn follow_by_long_poll(api: Api, name: &str) -> String {
    let mut http = RawHttp::connect(api.addr);
    let (mut text, mut offset) = (String::new(), "-1".to_owned());
    loop {
        let answer = http.exchange(get(&format!("{}?live=long-poll&offset={offset}", Api::path(name)), &[]));
        text += &answer.text();
        if answer.head.field("stream-closed").is_some() {
            return text;
        }
        assert_eq!(answer.status(), 200, "woken for nothing after {text}");
        offset = answer.head.field("stream-next-offset").unwrap().to_owned();
    }
}

#[test]
fn a_timeout_is_answered_and_the_connection_is_good_for_the_next_request() {
    let server = launch().flags(&["--long-poll-timeout", "50ms"]).start();
    server.api().create("s", TEXT);
    let mut http = RawHttp::connect(server.addr());
    for _ in 0..2 {
        let answer = http.exchange(get("/v1/stream/s?live=long-poll&offset=now", &[]));
        assert_eq!((answer.status(), answer.head.field("stream-up-to-date")), (204, Some("true")));
    }
    server.api().append_as("s", TEXT, "a");
    assert_eq!(http.exchange(get("/v1/stream/s", &[])).text(), "a");
}

const STALLED: usize = 8;
const RECORD_BYTES: usize = 128 * 1024;
const RECORDS: usize = 96;

// A queue, or an encoding, for each reader would hold eight times what was published.
#[test]
fn stalled_readers_keep_memory_bounded_and_get_everything_once_they_read_on() {
    let server = server();
    let api = server.api();
    api.create("s", TEXT);
    let mut live = api.subscribe_to(&sse("s", "-1"));
    live.next_event();
    let mut stalled: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut http = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
            http.send(get(&sse("s", "-1"), &[]));
            http
        })
        .collect();
    let before_kib = server.resident_kib();
    for n in 0..RECORDS {
        api.append_as("s", TEXT, record(n));
        assert!(data_of(&live.next_events(2)) == record(n), "the live reader is not held up");
    }
    let grown_kib = server.resident_kib().saturating_sub(before_kib);
    let published_kib = (RECORDS * RECORD_BYTES / 1024) as u64;
    println!("published {published_kib} KiB to {STALLED} stalled readers; the server grew by {grown_kib} KiB");
    assert!(grown_kib < 2 * published_kib, "grown by {grown_kib} KiB for {published_kib} KiB published");
    api.close("s", "completed");
    let (events, ending) = RawSse::read(stalled.remove(0)).rest();
    assert!(data_of(&events) == (0..RECORDS).map(record).collect::<String>());
    assert_eq!(ending, Ending::Clean);
}

fn record(n: usize) -> String {
    format!("{n} {}", char::from(b'a' + (n % 26) as u8).to_string().repeat(RECORD_BYTES))
}

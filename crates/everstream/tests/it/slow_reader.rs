//! A reader that stops reading costs bounded memory, holds up nobody, and gets everything once it reads on.

use everstream_testkit::{Api, Deadline, Ending, Failure, RawHttp, RawSse};

use crate::support::{await_subscribers, get, launch, server, subscription};

const STALLED: usize = 8;
const EVENT_BYTES: usize = 128 * 1024;
const EVENTS: usize = 192;

// SC-90, SC-91. A queue per reader would hold eight times what was published.
#[test]
fn stalled_readers_keep_memory_bounded_and_resume_intact() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    let mut live = api.subscribe("s");
    let mut stalled: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut http = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
            http.send(subscription("s"));
            http
        })
        .collect();
    let before_kib = server.resident_kib();
    for n in 0..EVENTS {
        api.append("s", event_text(n));
        assert!(live.next_event().data == event_data(n), "the live reader is not held up");
    }
    let grown_kib = server.resident_kib().saturating_sub(before_kib);
    let published_kib = (EVENTS * EVENT_BYTES / 1024) as u64;
    println!("published {published_kib} KiB to {STALLED} stalled readers; the server grew by {grown_kib} KiB");
    assert!(grown_kib < 2 * published_kib, "grown by {grown_kib} KiB for {published_kib} KiB published");
    api.close("s", "completed");
    let mut resumed = RawSse::read(stalled.remove(0));
    for n in 0..EVENTS {
        assert!(resumed.next_event().data == event_data(n), "event {n}");
    }
    let (rest, ending) = resumed.rest();
    assert_eq!((rest.len(), rest[0].event_type.as_str(), ending), (1, "close", Ending::Clean));
}

#[test]
fn reader_that_takes_nothing_is_disconnected_when_its_time_is_up() {
    let server = launch().config("peer_timeout = \"1s\"\n").start();
    let api = server.api();
    api.create_events("s");
    let mut stalled = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
    stalled.send(subscription("s"));
    await_subscribers(api, "s", 1);
    for n in 0..EVENTS {
        api.append("s", event_text(n));
    }
    await_subscribers(api, "s", 0);
    assert!(
        matches!(stalled.read_to_close(Deadline::patient()), Err(Failure::Broken(_))),
        "no end to be taken for one"
    );
}

// What is written in hundreds of calls comes once and in order, in each way that it is put together, and what is asked for
// behind it is answered behind it.
#[test]
fn a_long_history_reaches_a_slow_reader_whole_and_the_next_answer_follows() {
    let mut server = server();
    let records: Vec<String> = (0..600).map(|n| format!("\"{n} {}\"", "x".repeat(n * 37 % 9_000))).collect();
    let (bytes, json) = (records.concat(), format!("[{}]", records.join(",")));
    for (name, content_type) in [("bytes", "application/octet-stream"), ("json", "application/json")] {
        server.api().create(name, content_type);
        for record in &records {
            assert_eq!(server.api().append_as(name, content_type, record).status(), 204);
        }
    }
    // From memory, and then from the store, where all is after an orderly end.
    for _ in 0..2 {
        for (name, expected) in [("bytes", &bytes), ("json", &json)] {
            let path = Api::path(name);
            let mut http = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
            http.send([get(&path, &[]), Api::request_bytes("HEAD", &path, &[], b""), get("/healthz", &[])].concat());
            let history = http.try_read_response("GET", Deadline::patient()).unwrap();
            assert!(history.body == expected.as_bytes(), "{name}: {} bytes", history.body.len());
            for method in ["HEAD", "GET"] {
                assert_eq!(http.try_read_response(method, Deadline::patient()).unwrap().status(), 200);
            }
            let mut old = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
            old.send(format!("GET {path} HTTP/1.0\r\nHost: everstream\r\n\r\n"));
            let history = old.try_read_response("GET", Deadline::patient()).unwrap();
            assert!(history.body == expected.as_bytes(), "{name}: {} bytes", history.body.len());
            assert_eq!(old.read_to_close(Deadline::patient()).unwrap(), b"");
        }
        server.sigterm();
        server.wait();
        server.restart();
    }
}

fn event_data(n: usize) -> String {
    let letter = char::from(b'a' + (n % 26) as u8);
    format!("{n} {}", letter.to_string().repeat(EVENT_BYTES))
}

fn event_text(n: usize) -> String {
    format!("data: {}\n\n", event_data(n))
}

//! A reader that stops reading costs bounded memory, holds up nobody, and gets everything once it reads on.

use everstream_testkit::{Ending, RawHttp, RawSse};

use crate::support::{server, subscription};

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

fn event_data(n: usize) -> String {
    let letter = char::from(b'a' + (n % 26) as u8);
    format!("{n} {}", letter.to_string().repeat(EVENT_BYTES))
}

fn event_text(n: usize) -> String {
    format!("data: {}\n\n", event_data(n))
}

//! H. Keep-alive.

use std::time::{Duration, Instant};

use everstream_testkit::{Item, RawSse};

use crate::support::launch;

fn next_comment(subscriber: &mut RawSse) -> String {
    loop {
        if let Item::Comment(text) = subscriber.next_item() {
            return text;
        }
    }
}

// SC-84
#[test]
fn silent_stream_is_kept_alive_by_comments() {
    let server = launch().flags(&["--keep-alive", "1s"]).start();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    for _ in 0..3 {
        let before = Instant::now();
        assert_eq!(next_comment(&mut subscriber), " keep-alive");
        assert!(before.elapsed() < Duration::from_secs(3), "{:?} between comments", before.elapsed());
    }
}

// SC-85, SC-86. The parser refuses a comment inside a block.
#[test]
fn comments_stand_between_events_and_change_none() {
    let server = launch().flags(&["--keep-alive", "20ms"]).start();
    let api = server.api();
    api.create_events("s");
    let mut subscriber = api.subscribe("s");
    let lines = vec!["x".repeat(1_000); 100];
    for n in 0..40 {
        next_comment(&mut subscriber);
        api.append("s", format!("event: e{n}\ndata: {}\n\n", lines.join("\ndata: ")));
        let event = subscriber.next_event();
        assert_eq!(event.event_type, format!("e{n}"));
        assert!(event.id.unwrap().ends_with(&format!("-{}", n + 1)));
        assert!(event.data == lines.join("\n"));
    }
}

// SC-84: can be off
#[test]
fn keep_alive_can_be_off() {
    let server = launch().flags(&["--keep-alive", "0"]).start();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    for _ in 0..20 {
        server.api().append("s", "data: x\n\n");
        while !matches!(subscriber.next_item(), Item::Block(block) if block.data().is_some()) {}
    }
    assert_eq!(subscriber.comments(), 0, "zero is no interval");
}

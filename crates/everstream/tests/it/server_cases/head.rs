//! A. The response head.

use everstream_testkit::{Item, RawHttp, RawSse};

use crate::support::{EVENTS, get, server, subscription};

// SC-01 to SC-07
#[test]
fn head_of_a_subscription_is_whole_before_any_event() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send(subscription("s"));
    let head = http.read_head();
    assert_eq!((head.version.as_str(), head.status), ("HTTP/1.1", 200));
    let content_type = head.field("content-type").unwrap();
    assert!(["text/event-stream", "text/event-stream; charset=utf-8"].contains(&content_type), "{content_type}");
    assert_eq!(head.field("content-length"), None);
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    assert!(head.lists("cache-control", "no-cache") && head.lists("cache-control", "no-transform"), "{head:?}");
    assert_eq!(head.field("x-accel-buffering"), Some("no"));
    assert!(head.field("stream-epoch").is_some());
    assert_is_http_date(head.field("date").unwrap());
}

fn assert_is_http_date(date: &str) {
    let shape: String = date
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, "Aaa, 00 Aaa 0000 00:00:00 AAA", "{date}");
    assert!(date.ends_with(" GMT"), "{date}");
}

// SC-08
#[test]
fn conditions_and_ranges_do_not_keep_a_subscription_from_streaming() {
    let server = server();
    server.api().create_events("s");
    for field in [
        ("If-None-Match", "*"),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Range", "bytes=0-10"),
    ] {
        let mut http = RawHttp::connect(server.addr());
        http.send(get("/v1/stream/s", &[EVENTS, field]));
        let subscriber = RawSse::read(http);
        for absent in ["etag", "last-modified", "accept-ranges", "content-range"] {
            assert_eq!(subscriber.head().field(absent), None, "{field:?}");
        }
    }
}

// SC-09, SC-10
#[test]
fn events_are_never_coded_whatever_codings_are_accepted() {
    let server = server();
    server.api().create_events("s");
    for codings in ["gzip, br", "gzip, deflate, br, zstd", "identity;q=0, gzip", "*;q=0", ""] {
        let mut http = RawHttp::connect(server.addr());
        http.send(get("/v1/stream/s", &[EVENTS, ("Accept-Encoding", codings)]));
        let mut subscriber = RawSse::read(http);
        assert_eq!(subscriber.head().field("content-encoding"), None, "{codings:?}");
        assert!(matches!(subscriber.next_item(), Item::Block(_)), "{codings:?}");
    }
}

// SC-11, SC-89
#[test]
fn body_begins_with_the_reconnection_time_and_the_position() {
    let server = crate::support::launch().flags(&["--retry", "3s"]).start();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    let epoch = subscriber.head().field("stream-epoch").unwrap().to_owned();
    while subscriber.last_event_id().is_none() {
        let Item::Block(block) = subscriber.next_item() else { panic!("a comment before the position") };
        assert_eq!(block.data(), None);
    }
    assert_eq!(subscriber.last_event_id(), Some(format!("{epoch}-0").as_str()));
    let [retry] = subscriber.retry() else { panic!("{:?}", subscriber.retry()) };
    let retry_ms: u64 = retry.parse().unwrap();
    assert!((1_500..=4_500).contains(&retry_ms), "{retry_ms} is not 0.5 to 1.5 times the setting");
}

//! F. What is published comes back as one event each, whatever is in it. More of it, at random, is in `injection.rs`.

use everstream_testkit::{Api, RawSse};
use serde_json::json;

use crate::support::{EVENTS, assert_problem, assert_problem_with_field, data_of, server};

/// How a client sees the line ends of what was published.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[track_caller]
fn assert_one_event_each(api: Api, name: &str, published: &[&str]) {
    let mut subscriber = api.subscribe(name);
    for text in published {
        let event = subscriber.next_event();
        assert_eq!((event.event_type.as_str(), event.data), ("message", with_line_feeds(text)), "{text:?}");
    }
    assert_eq!(subscriber.next_event().data, "sentinel");
}

// SC-59, SC-60, SC-61, SC-62, SC-67
#[test]
fn text_records_come_back_as_one_event_each() {
    let server = server();
    let api = server.api();
    let texts = [
        "a\nb",
        "a\n",
        "\n",
        "a\n\nb",
        "\n\n\n",
        "a\rb",
        "a\r\nb",
        "a\r\rb",
        "\r",
        "a\r\n",
        "\n\r",
        "x\n\ndata: evil\n\n",
        "x\r\rdata: evil\r\r",
        "x\r\n\r\nevent: evil\r\ndata: evil\r\n\r\n",
        " x",
        "  x",
        ": x",
        ":",
        "\tx",
        "event: evil",
        "id: evil",
        "retry: 1",
        "data",
        "data:",
        "a\u{2028}b\u{2029}c\u{85}d",
        "\u{b}\u{c}",
        "a\0b",
        "\0",
        "\u{feff}a",
        "\u{1F600}",
        "{\"a\":\r\n\"b\"}",
    ];
    api.create("s", "text/plain");
    for text in texts {
        api.append_as("s", "text/plain", text);
    }
    api.append_as("s", "text/plain", "sentinel");
    assert_one_event_each(api, "s", &texts);
}

// SC-59, SC-60, SC-62, SC-67 by the body of an event stream
#[test]
fn data_lines_keep_every_character() {
    let server = server();
    let api = server.api();
    let lines =
        ["", " x", ": x", ":", "\tx", "event: evil", "a\u{2028}\u{2029}\u{85}", "\u{b}\u{c}", "a\0b", "\u{feff}"];
    api.create_events("s");
    for line in lines {
        api.append("s", format!("data: {line}\n\n"));
    }
    api.append("s", "data:sentinel\n\n");
    assert_one_event_each(api, "s", &lines);
}

// SC-63, SC-64
#[test]
fn event_name_with_a_control_character_is_refused_and_nothing_of_the_body_stored() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    for name in ["a\0b", "a\u{1}", "a\u{7f}", "\u{85}", "\u{1b}[31m"] {
        let body = format!("data: fine\n\nevent: {name}\ndata: x\n\n");
        let fields = [("Content-Type", "text/event-stream")];
        assert_problem(&api.request("POST", "/v1/stream/s", &fields, body), 400);
    }
    assert_eq!(api.state("s")["records"], 0);
}

// SC-63, SC-64, SC-65, SC-66
#[test]
fn ids_retries_and_comments_of_a_publisher_are_not_stored() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "id: evil\nretry: 1\n: comment\ndata: a\nid: ev\0il\n\n: comment\n\ndata: b\n\n");
    let mut subscriber = api.subscribe("s");
    let epoch = subscriber.head().field("stream-epoch").unwrap().to_owned();
    for (n, data) in ["a", "b"].into_iter().enumerate() {
        let event = subscriber.next_event();
        let expected = format!("id: {epoch}-{}\ndata: {data}\n\n", n + 1);
        assert_eq!(String::from_utf8(event.bytes).unwrap(), expected);
    }
    assert_eq!(subscriber.retry().len(), 1, "only ours: {:?}", subscriber.retry());
}

// SC-66
#[test]
fn retry_setting_is_milliseconds_in_digits() {
    for (flag, ms) in [("10ms", 10), ("3s", 3_000), ("1h", 3_600_000)] {
        let server = crate::support::launch().flags(&["--retry", flag]).start();
        server.api().create_events("s");
        server.api().append("s", "data: x\n\n");
        let mut subscriber = server.api().subscribe("s");
        subscriber.next_event();
        // That it is digits is what the parser checks.
        let sent: u64 = subscriber.retry()[0].parse().unwrap();
        assert!((ms / 2..=ms + ms / 2).contains(&sent), "{sent} for {flag}");
    }
}

// SC-68
#[test]
fn bytes_that_are_not_utf8_are_refused_or_replaced_before_the_wire() {
    let server = server();
    let api = server.api();
    for (name, content_type, body) in [
        ("events", "text/event-stream", b"data: a\xffb\n\n".as_slice()),
        ("json", "application/json", b"\"a\xffb\""),
        ("text", "text/plain", b"a\xffb"),
    ] {
        api.create(name, content_type);
        let answer = api.request("POST", &Api::path(name), &[("Content-Type", content_type)], body);
        if answer.status() == 204 {
            assert_eq!(api.subscribe(name).next_event().data, "a\u{fffd}b", "{name}");
        } else {
            assert_problem(&answer, 400);
            assert_eq!(api.state(name)["records"], 0, "{name}");
        }
    }
}

// SC-69
#[test]
fn json_printed_over_many_lines_is_one_event() {
    let server = server();
    let api = server.api();
    api.create("s", "application/json");
    api.append_as("s", "application/json", "{\r\n  \"a\": \"b\\n\\ndata: evil\",\r\n  \"c\": []\r\n}\r\n");
    api.append_as("s", "application/json", "[\r\"sentinel\"\n,\r\n1]");
    let mut subscriber = api.subscribe("s");
    assert_eq!(subscriber.next_event().json(), json!({ "a": "b\n\ndata: evil", "c": [] }));
    assert_eq!(subscriber.next_event().json(), json!("sentinel"));
    assert_eq!(subscriber.next_event().json(), json!(1));
}

// SC-70
#[test]
fn event_without_data_and_trailing_incomplete_event_are_refused() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    for body in ["data: fine\n\nevent: a\n\n", "id: 3\n\n", "data: fine\n\ndata: cut", "data: cut\n", "retry: 3\n\n"] {
        let answer = api.request("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], body);
        assert_eq!(answer.status(), 400, "{body:?}");
        assert_problem(&answer, 400);
    }
    assert_eq!(api.state("s")["records"], 0);
}

// SC-71
#[test]
fn hostile_request_values_add_no_line() {
    let server = server();
    let evil = "x%0Adata:%20evil%0A%0A";
    for appid in [evil, "x%0D%0D", "%0D%0Aid:%20evil", "%E2%80%A8", "a&page=%0Aretry:1%0A%0A"] {
        let target = format!("/event?appId={appid}&page=1&pageSize=%0D%0A&interval_ms=1");
        let answer = server.api().request("GET", &target, &[EVENTS], "");
        if answer.status() == 200 {
            let (events, _) = server.api().subscribe_to(&target).rest();
            assert_eq!(events.len(), 11, "{target}: {:?}", data_of(&events));
            assert!(events[..10].iter().all(|event| event.event_type == "message"), "{target}");
            assert_eq!((events[10].event_type.as_str(), events[10].data.as_str()), ("close", "close"));
        } else {
            assert_problem(&answer, 400);
        }
    }
}

// SC-71: the presented id is never repeated as it was sent
#[test]
fn hostile_last_event_id_adds_no_line() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "data: a\n\n");
    for id in ["x%0Adata:%20evil%0A%0A", "%0D%0Dretry:%201", "%00", "a%0D"] {
        for target in [format!("/v1/stream/s?last_event_id={id}"), format!("/v1/stream/s?lastEventId={id}")] {
            let mut subscriber: RawSse = api.subscribe_to(&target);
            assert_eq!(subscriber.next_event().event_type, "reset", "{target}");
            assert_eq!(subscriber.next_event().data, "a", "{target}");
            assert_eq!(subscriber.retry().len(), 1, "{target}");
        }
        let answer = api.request("GET", &format!("/v1/stream/s?from={id}"), &[EVENTS], "");
        assert_problem_with_field(&answer, 400, "from", "");
    }
}

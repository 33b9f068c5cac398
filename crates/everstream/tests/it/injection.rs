//! Nothing that a publisher, a client or an upstream sends adds a line to somebody's stream.
//!
//! Every stream here ends with a sentinel event: what came before it must be exactly what was published, and the strict
//! parser refuses stray line ends, doubled ids, comments inside events and bad UTF-8 on the way.

use std::cell::Cell;

use everstream_testkit::{Api, RawSse, TestServer};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::support::{EVENTS, assert_problem, launch, server};
use crate::upstream::Upstream;

const CASES: u32 = 96;

fn runner() -> TestRunner {
    // A failure is shown with its shrunken input; what failed once becomes a named case, not a file.
    TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })
}

/// Text made of what breaks naive encoders.
fn hostile_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\r\r",
            "\0",
            ":",
            " ",
            "data: evil",
            "event: evil",
            "id: evil",
            "retry: 1",
            "data",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{b}",
            "\u{c}",
            "\"",
            "\\n",
            "0\r\n\r\n",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat())
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The data of all records of a stream, up to its close and without it.
fn records(mut subscriber: RawSse) -> Vec<(String, String)> {
    let (mut events, _) = subscriber.rest();
    assert_eq!(events.pop().map(|event| event.event_type), Some("close".to_owned()));
    assert_eq!(subscriber.retry().len(), 1, "only our own retry");
    events.into_iter().map(|event| (event.event_type, event.data)).collect()
}

fn message(data: &str) -> (String, String) {
    ("message".to_owned(), data.to_owned())
}

/// Counts up, so that each case has a stream of its own.
fn fresh_name(count: &Cell<u32>) -> String {
    count.set(count.get() + 1);
    format!("s{}", count.get())
}

#[test]
fn text_and_json_records_add_no_line() {
    let server = server();
    let api = server.api();
    let count = Cell::new(0);
    let check = |text: String| {
        let (plain, json) = (fresh_name(&count), fresh_name(&count));
        api.create(&plain, "text/plain");
        api.append_as(&plain, "text/plain", &text);
        api.append_as(&plain, "text/plain", "sentinel");
        api.close(&plain, "completed");
        let seen = text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(records(api.subscribe(&plain)), [message(&seen), message("sentinel")]);

        api.create(&json, "application/json");
        api.append_as(&json, "application/json", serde_json::to_string_pretty(&json!([{ "t": text }])).unwrap());
        api.append_as(&json, "application/json", "\"sentinel\"");
        api.close(&json, "completed");
        let seen = records(api.subscribe(&json));
        prop_assert_eq!(seen.len(), 2);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&seen[0].1).unwrap(), json!({ "t": text }));
        prop_assert_eq!(&seen[1], &message("\"sentinel\""));
        Ok(())
    };
    runner().run(&hostile_text(), check).unwrap();
}

#[test]
fn event_stream_bodies_give_as_many_events_as_records_or_nothing() {
    let server = server();
    let api = server.api();
    let count = Cell::new(0);
    let check = |(name, data, tail): (String, String, String)| {
        let stream = fresh_name(&count);
        api.create_events(&stream);
        let body = format!("event: {name}\ndata: {data}\n{tail}\n\n");
        let answer = api.request("POST", &Api::path(&stream), &[("Content-Type", "text/event-stream")], body);
        if answer.status() != 204 {
            assert_problem(&answer, 400);
            prop_assert_eq!(&api.state(&stream)["records"], &json!(0));
        }
        api.append(&stream, "data: sentinel\n\n");
        api.close(&stream, "completed");
        let stored = api.state(&stream)["records"].as_u64().unwrap();
        let seen = records(api.subscribe(&stream));
        prop_assert_eq!(seen.len() as u64, stored);
        prop_assert_eq!(seen.last(), Some(&message("sentinel")));
        Ok(())
    };
    runner().run(&(hostile_text(), hostile_text(), hostile_text()), check).unwrap();
}

#[test]
fn query_parameters_and_presented_ids_add_no_line() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "data: a\n\n");
    api.close("s", "completed");
    let check = |text: String| {
        let value = percent_encoded(&text);
        let target = format!("/event?appId={value}&page={value}&pageSize={value}&interval_ms=1");
        let (events, _) = api.subscribe_to(&target).rest();
        prop_assert_eq!(events.len(), 11);
        prop_assert!(events[..10].iter().all(|event| event.event_type == "message"));
        prop_assert_eq!((events[10].event_type.as_str(), events[10].data.as_str()), ("close", "close"));

        let seen = records(api.subscribe_to(&format!("/v1/stream/s?last_event_id={value}")));
        let from = api.request("GET", &format!("/v1/stream/s?from={value}"), &[EVENTS], "");
        if text.trim().is_empty() {
            // Blanks alone are as good as nothing presented.
            prop_assert_eq!((seen.as_slice(), from.status()), (&[message("a")][..], 200));
        } else {
            prop_assert_eq!((seen[0].0.as_str(), &seen[1..]), ("reset", &[message("a")][..]));
            assert_problem(&from, 400);
        }
        Ok(())
    };
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() });
    runner.run(&hostile_text(), check).unwrap();
}

#[test]
fn names_types_and_reasons_add_no_line_to_a_head() {
    let server = server();
    let api = server.api();
    let check = |text: String| {
        // Heads are parsed strictly: an added line with a colon shows as a field that must not be there.
        let name = percent_encoded(&text);
        for (method, fields) in [("PUT", vec![("Content-Type", "text/plain")]), ("GET", vec![]), ("HEAD", vec![EVENTS])]
        {
            let answer = api.request(method, &format!("/v1/stream/{name}"), &fields, "");
            prop_assert!(answer.head.fields.iter().all(|(name, _)| name != "event" && name != "data" && name != "id"));
        }
        Ok(())
    };
    runner().run(&hostile_text(), check).unwrap();
    for content_type in
        ["text/plain; a=\"b\tc\"", "text/plain;charset=\u{fc}", "text/event-stream; x=\"data: evil\"", "text/plain,a/b"]
    {
        let answer = api.request("PUT", "/v1/stream/typed", &[("Content-Type", content_type)], "");
        if answer.status() < 300 {
            api.request("HEAD", "/v1/stream/typed", &[], "").expect_status(200);
            let _ = api.subscribe("typed");
            api.request("DELETE", "/v1/stream/typed", &[], "").expect_status(204);
        } else {
            assert_problem(&answer, 400);
        }
    }
    api.create_events("closing");
    for reason in ["evil%0Adata", "completed\tx", "completed, stopped", "Completed", "expired", "deleted", ""] {
        let fields = [("Stream-Closed", "true"), ("Stream-Close-Reason", reason)];
        assert_problem(&api.request("POST", "/v1/stream/closing", &fields, ""), 400);
    }
    assert_eq!(api.state("closing")["state"], "open");
}

fn relaying(upstream: &Upstream) -> TestServer {
    launch().config(&upstream.mount("sse")).start()
}

fn ask(api: Api) -> RawSse {
    let mut http = api.try_connect().unwrap();
    http.send(Api::request_bytes(
        "POST",
        "/up/x",
        &[EVENTS, ("Content-Type", "application/json")],
        b"{\"stream\":true}",
    ));
    RawSse::read(http)
}

#[test]
fn upstream_bytes_add_no_line_and_leave_data_untouched() {
    let upstream = Upstream::start();
    let server = relaying(&upstream);
    let api = server.api();
    let check = |(name, data): (String, String)| {
        let one_line = data.replace(['\r', '\n'], "");
        upstream.answer(format!(
            "event: {name}\ndata: {data}\nid: UP\nid: UP\u{0}\nretry: 1\n: comment\r\n\r\ndata: {one_line}\r\rdata: sentinel\n\n"
        ));
        let mut caller = ask(api);
        let path = caller.head().field("content-location").expect("where the answer is").to_owned();
        let (events, _) = caller.rest();
        prop_assert!(caller.retry().is_empty(), "nothing but ids is added, the upstream's retry is not kept");
        let [.., before, sentinel] = events.as_slice() else { panic!("{events:?}") };
        prop_assert_eq!((before.data.as_str(), sentinel.data.as_str()), (one_line.as_str(), "sentinel"));
        prop_assert!(events.iter().all(|event| event.id.as_ref().is_some_and(|id| !id.contains("UP"))));
        let seen = records(api.subscribe_to(&path));
        let relayed: Vec<_> = events.iter().map(|event| (event.event_type.clone(), event.data.clone())).collect();
        prop_assert_eq!(seen, relayed, "both routes show the same");
        Ok(())
    };
    runner().run(&(hostile_text(), hostile_text()), check).unwrap();
}

#[test]
fn upstream_that_is_not_utf8_is_replaced_before_the_wire() {
    let upstream = Upstream::start();
    let server = relaying(&upstream);
    upstream.answer(b"data: a\xff\xfeb\n\ndata: \xe6\x97\n\ndata: sentinel\n\n");
    let (events, _) = ask(server.api()).rest();
    assert!(events[0].data.starts_with("a\u{fffd}") && events[0].data.ends_with("\u{fffd}b"), "{:?}", events[0].data);
    assert_eq!((events[1].data.as_str(), events[2].data.as_str()), ("\u{fffd}", "sentinel"));
}

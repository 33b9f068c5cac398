//! G. Resuming.

use std::thread;

use everstream_testkit::{Api, Ending, Event, RawHttp, RawSse};

use crate::support::{EVENTS, data_of, get, server};

/// A stream `s` with the events 1 to `count`, and their ids.
fn filled(api: Api, count: usize) -> Vec<String> {
    api.create_events("s");
    let body: String = (1..=count).map(|n| format!("data: {n}\n\n")).collect();
    api.append("s", body);
    api.subscribe("s").next_events(count).into_iter().map(|event| event.id.unwrap()).collect()
}

fn subscribe_with(api: Api, target: &str, fields: &[(&str, &str)]) -> RawSse {
    let mut http = RawHttp::connect(api.addr);
    http.send(get(target, &[&[EVENTS], fields].concat()));
    RawSse::read(http)
}

// SC-72, SC-73
#[test]
fn resumed_subscription_goes_on_after_the_last_event_id() {
    let server = server();
    let ids = filled(server.api(), 5);
    for name in ["Last-Event-ID", "last-event-id", "LAST-EVENT-ID"] {
        for value in [ids[2].clone(), format!("  {}\t", ids[2])] {
            let mut subscriber = subscribe_with(server.api(), "/v1/stream/s", &[(name, &value)]);
            assert_eq!(data_of(&subscriber.next_events(2)), ["4", "5"], "{name}: {value:?}");
        }
    }
    let mut subscriber = server.api().resume("s", &ids[2]);
    subscriber.next_events(2);
    server.api().append("s", "data: 6\n\n");
    assert_eq!(subscriber.next_event().data, "6");
}

// SC-73: no blank after the colon
#[test]
fn last_event_id_needs_no_blank_after_its_colon() {
    let server = server();
    let ids = filled(server.api(), 2);
    let mut http = RawHttp::connect(server.addr());
    let id = &ids[0];
    http.send(format!(
        "GET /v1/stream/s HTTP/1.1\r\nHost: t\r\nAccept:text/event-stream\r\nLAST-EVENT-ID:{id}\r\n\r\n"
    ));
    assert_eq!(RawSse::read(http).next_event().data, "2");
}

// SC-74, SC-75, SC-76
#[test]
fn header_goes_before_the_query_and_the_query_before_from() {
    let server = server();
    let ids = filled(server.api(), 5);
    let [one, two, _, four, _] = ids.as_slice() else { panic!("{ids:?}") };
    let header = |id| ("Last-Event-ID", id);
    for (query, fields, first) in [
        (format!("?last_event_id={two}"), vec![], "3"),
        (format!("?lastEventId={two}"), vec![], "3"),
        (format!("?last_event_id={two}"), vec![header(four.as_str())], "5"),
        (format!("?lastEventId={four}&from={one}"), vec![], "5"),
        (format!("?from={two}"), vec![header(four.as_str())], "5"),
        (format!("?from={two}"), vec![], "3"),
        (format!("?last_event_id={two}"), vec![header("")], "3"),
        (format!("?last_event_id=&from={four}"), vec![header("")], "5"),
        ("?last_event_id=".to_owned(), vec![header("")], "1"),
        ("?from=start".to_owned(), vec![], "1"),
        ("?from=".to_owned(), vec![], "1"),
        (String::new(), vec![], "1"),
    ] {
        let mut subscriber = subscribe_with(server.api(), &format!("/v1/stream/s{query}"), &fields);
        assert_eq!(subscriber.next_event().data, first, "{query} {fields:?}");
    }
}

// SC-74
#[test]
fn from_now_shows_only_what_comes() {
    let server = server();
    let ids = filled(server.api(), 3);
    let mut subscriber = server.api().subscribe_to("/v1/stream/s?from=now");
    subscriber.next_item();
    assert_eq!(subscriber.last_event_id(), Some(ids[2].as_str()), "the position it starts from");
    server.api().append("s", "data: 4\n\n");
    assert_eq!(subscriber.next_event().data, "4");
}

// SC-77, SC-78
#[test]
fn id_of_another_life_is_answered_by_a_reset_and_everything_held() {
    let server = server();
    let ids = filled(server.api(), 2);
    let epoch = ids[0].split('-').next().unwrap();
    let beyond = format!("{epoch}-99");
    for (id, reason) in [
        ("0ldep0ch-1", "epoch_changed"),
        ("3", "epoch_changed"),
        ("…", "epoch_changed"),
        ("not an id", "epoch_changed"),
        (beyond.as_str(), "beyond_tail"),
    ] {
        let query = format!("/v1/stream/s?last_event_id={}", percent_encoded(id));
        for (target, fields) in [("/v1/stream/s", vec![("Last-Event-ID", id)]), (query.as_str(), vec![])] {
            let mut subscriber = subscribe_with(server.api(), target, &fields);
            let reset = subscriber.next_event();
            assert_eq!((reset.event_type.as_str(), reset.id.as_deref()), ("reset", None), "{id}");
            let data = reset.json();
            assert_eq!(data["reason"], reason, "{id}: {data}");
            assert_eq!((&data["first"], &data["next"]), (&format!("{epoch}-0").into(), &ids[1].clone().into()));
            assert_eq!(data_of(&subscriber.next_events(2)), ["1", "2"], "{id}");
        }
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

// SC-77
#[test]
fn recreated_stream_resets_those_who_saw_the_old_one() {
    let server = server();
    let ids = filled(server.api(), 3);
    server.api().request("DELETE", "/v1/stream/s", &[], "").expect_status(204);
    let new_ids = filled(server.api(), 1);
    let mut subscriber = server.api().resume("s", &ids[2]);
    let reset = subscriber.next_event();
    assert_eq!((reset.event_type.as_str(), &reset.json()["reason"]), ("reset", &"epoch_changed".into()));
    let event: Event = subscriber.next_event();
    assert_eq!((event.data.as_str(), event.id.as_ref()), ("1", Some(&new_ids[0])));
}

// SC-79
#[test]
fn doubled_and_oversized_ids_are_no_server_error() {
    let server = server();
    let ids = filled(server.api(), 2);
    let doubled = [EVENTS, ("Last-Event-ID", ids[0].as_str()), ("Last-Event-ID", ids[1].as_str())];
    let long = "x".repeat(8 * 1024);
    for fields in [&doubled[..], &[EVENTS, ("Last-Event-ID", long.as_str())]] {
        let mut http = RawHttp::connect(server.addr());
        http.send(get("/v1/stream/s", fields));
        let head = http.read_head();
        assert!([200, 400, 431].contains(&head.status), "{}", head.status);
    }
    let huge = "x".repeat(1024 * 1024);
    let mut http = RawHttp::connect(server.addr());
    let _ = http.try_send(get("/v1/stream/s", &[EVENTS, ("Last-Event-ID", &huge)]));
    if let Ok(head) = http.try_read_head(everstream_testkit::Deadline::patient()) {
        assert!([400, 431].contains(&head.status), "{}", head.status);
    }
}

// SC-80, SC-81
#[test]
fn subscribers_that_resume_while_events_come_at_full_speed_miss_and_repeat_none() {
    const EVENTS_TOTAL: u64 = 3_000;
    const SUBSCRIBERS: usize = 20;
    let server = server();
    let api = server.api();
    api.create_events("s");
    let publishing = thread::spawn(move || {
        let mut publisher = RawHttp::connect(api.addr);
        for n in (1..=EVENTS_TOTAL).step_by(10) {
            let body: String = (n..n + 10).map(|n| format!("data: {n}\n\n")).collect();
            let fields = [("Content-Type", "text/event-stream")];
            publisher.exchange(Api::request_bytes("POST", "/v1/stream/s", &fields, body.as_bytes())).expect_status(204);
        }
        api.close("s", "completed");
    });
    let subscribers: Vec<_> =
        (0..SUBSCRIBERS).map(|n| thread::spawn(move || read_in_stretches(api, 37 + 11 * n))).collect();
    publishing.join().unwrap();
    for subscriber in subscribers {
        let seen = subscriber.join().unwrap();
        assert_eq!(seen, (1..=EVENTS_TOTAL).collect::<Vec<_>>());
    }
}

/// Reads the stream to its close, on a new connection after every `stretch` events.
fn read_in_stretches(api: Api, stretch: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut subscriber = api.subscribe("s");
    loop {
        for _ in 0..stretch {
            let event = subscriber.next_event();
            if event.event_type == "close" {
                return seen;
            }
            let n = event.data.parse().unwrap();
            assert!(event.id.unwrap().ends_with(&format!("-{n}")));
            seen.push(n);
        }
        let last = subscriber.last_event_id().unwrap().to_owned();
        subscriber = api.resume("s", &last);
    }
}

// SC-82
#[test]
fn ended_stream_tells_who_saw_its_end_to_stop() {
    let server = server();
    let api = server.api();
    let ids = filled(api, 2);
    api.close("s", "completed");
    let (events, ending) = api.resume("s", &ids[1]).rest();
    assert_eq!((events.len(), events[0].event_type.as_str(), ending), (1, "close", Ending::Clean));
    let end = events[0].id.clone().unwrap();
    assert_eq!(end, format!("{}-end", ids[1]));
    let answer = api.request("GET", "/v1/stream/s", &[EVENTS, ("Last-Event-ID", &end)], "");
    assert_eq!((answer.status(), answer.body.len()), (204, 0));
    assert_eq!(api.request("GET", &format!("/v1/stream/s?lastEventId={end}"), &[EVENTS], "").status(), 204);
}

// SC-83
#[test]
fn head_with_a_last_event_id_changes_nothing() {
    let server = server();
    let ids = filled(server.api(), 2);
    for method in ["HEAD", "OPTIONS"] {
        let fields = [EVENTS, ("Last-Event-ID", ids[1].as_str())];
        server.api().request(method, "/v1/stream/s", &fields, "");
    }
    assert_eq!(server.api().resume("s", &ids[0]).next_event().data, "2");
}

//! Many subscribers of one stream, who are served together: each is told what it would be told alone.

use std::thread;

use everstream_testkit::{Api, Deadline, Ending, MockUpstream, PATIENCE, RawHttp, RawSse, TestServer, eventually};

use crate::support::{EVENTS, await_subscribers, data_of, get, launch, server, subscription};

/// More than are served in one go, on any number of workers this machine has.
const MANY: usize = 1000;

/// So many subscribers of the stream `s`, each of whom has seen its first event.
fn subscribers(server: &TestServer, count: usize) -> Vec<RawSse> {
    let mut subscribers: Vec<_> = (0..count).map(|_| server.api().subscribe("s")).collect();
    server.api().append("s", "data: first\n\n");
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.next_event().data, "first");
    }
    subscribers
}

#[test]
fn slow_reader_among_many_holds_up_nobody_and_misses_nothing() {
    const EVENTS: usize = 48;
    let server = server();
    let api = server.api();
    api.create_events("s");
    let mut slow = RawHttp::connect_with_receive_buffer(server.addr(), 4 * 1024);
    slow.send(subscription("s"));
    let mut quick = subscribers(&server, 100);
    let text = "x".repeat(64 * 1024);
    for n in 0..EVENTS {
        api.append("s", format!("data: {n} {text}\n\n"));
        // The next append waits for all of them, and none of them for the slow one.
        for subscriber in &mut quick {
            assert!(subscriber.next_event().data == format!("{n} {text}"), "event {n}");
        }
    }
    let mut slow = RawSse::read(slow);
    assert_eq!(slow.next_event().data, "first");
    for n in 0..EVENTS {
        assert!(slow.next_event().data == format!("{n} {text}"), "event {n} of the slow one");
    }
    api.append("s", "data: last\n\n");
    assert_eq!(slow.next_event().data, "last");
    assert_eq!(api.subscribers("s"), 101);
}

#[test]
fn thousand_subscribers_may_go_at_once() {
    let server = server();
    server.api().create_events("s");
    let mut all = subscribers(&server, MANY);
    let mut stays = all.pop().unwrap();
    drop(all);
    await_subscribers(server.api(), "s", 1);
    server.api().append("s", "data: second\n\n");
    assert_eq!(stays.next_event().data, "second");
    let mut again: Vec<_> = (0..10).map(|_| server.api().subscribe("s")).collect();
    server.api().append("s", "data: third\n\n");
    for subscriber in &mut again {
        assert_eq!(data_of(&subscriber.next_events(3)), ["first", "second", "third"]);
    }
    assert_eq!(stays.next_event().data, "third");
}

/// One worker, so that a machine with more processors has helpers.
#[test]
fn crowd_of_one_worker_gets_every_event_in_order_and_the_end() {
    const APPENDED: usize = 50;
    let server = launch().environment("EVERSTREAM_WORKERS", "1").start();
    server.api().create_events("s");
    let all = subscribers(&server, MANY);
    for n in 0..APPENDED {
        server.api().append("s", format!("data: {n}\n\n"));
    }
    server.api().close("s", "completed");
    let expected: Vec<String> = (0..APPENDED).map(|n| n.to_string()).collect();
    for mut subscriber in all {
        let (mut events, ending) = subscriber.rest();
        let close = events.pop().unwrap();
        assert_eq!((close.event_type.as_str(), ending), ("close", Ending::Clean));
        assert_eq!(data_of(&events), expected);
    }
}

/// What everybody gets when `end` was done to the stream.
fn endings(end: impl FnOnce(&mut TestServer)) -> Vec<(Vec<String>, Ending)> {
    let mut server = server();
    server.api().create_events("s");
    let all = subscribers(&server, MANY);
    end(&mut server);
    let readers = all.into_iter().map(|mut subscriber| {
        thread::spawn(move || {
            let (events, ending) = subscriber.rest();
            (events.into_iter().map(|event| format!("{}: {}", event.event_type, event.data)).collect(), ending)
        })
    });
    readers.collect::<Vec<_>>().into_iter().map(|reader| reader.join().unwrap()).collect()
}

fn stop(api: Api) {
    let stopped = api.request("POST", "/v1/stream/s?action=stop", &[], "");
    assert_eq!(stopped.status(), 202, "{}", stopped.text());
}

fn delete(api: Api) {
    let deleted = api.request("DELETE", "/v1/stream/s", &[], "");
    assert_eq!(deleted.status(), 204, "{}", deleted.text());
}

#[test]
fn stop_reaches_everybody() {
    for (events, ending) in endings(|server| stop(server.api())) {
        assert_eq!((events.len(), ending), (1, Ending::Clean), "{events:?}");
        assert!(events[0].starts_with("close: {\"reason\":\"stopped\""), "{events:?}");
    }
}

#[test]
fn deletion_reaches_everybody() {
    for (events, ending) in endings(|server| delete(server.api())) {
        assert_eq!((events.len(), ending), (1, Ending::Clean), "{events:?}");
        assert!(events[0].starts_with("close: {\"reason\":\"deleted\""), "{events:?}");
    }
}

#[test]
fn drain_cuts_everybody_and_ends() {
    let all = endings(|server| {
        server.sigterm();
        assert!(server.wait().status.success());
    });
    assert!(all.iter().all(|(events, ending)| events.is_empty() && *ending == Ending::Cut));
}

#[test]
fn request_sent_into_an_event_stream_is_answered_behind_its_clean_end() {
    let server = server();
    server.api().create_events("s");
    let _other = server.api().subscribe("s");
    let mut http = RawHttp::connect(server.addr());
    http.send(subscription("s"));
    let mut subscriber = RawSse::read(http);
    await_subscribers(server.api(), "s", 2);
    for n in ["1", "2"] {
        subscriber.http().send(get("/missing", &[]));
        server.api().append("s", format!("data: {n}\n\n"));
        assert_eq!(subscriber.next_event().data, n);
    }
    server.api().close("s", "completed");
    let (events, ending) = subscriber.rest();
    assert_eq!((data_of(&events).len(), ending), (1, Ending::Clean));
    let mut http = subscriber.into_http();
    for _ in 0..2 {
        assert_eq!(http.try_read_response("GET", Deadline::patient()).unwrap().status(), 404);
    }
}

#[test]
fn ask_whose_policy_is_cancel_ends_with_the_last_of_its_viewers() {
    let upstream = MockUpstream::start();
    let mount = format!(
        "[upstreams.up]\nmount = \"/up\"\nurl = \"{}\"\ndialect = \"sse\"\non_disconnect = \"cancel\"\n",
        upstream.url()
    );
    let server = launch().config(&mount).start();
    let mut http = RawHttp::connect(server.addr());
    let fields = [EVENTS, ("Content-Type", "application/json")];
    http.send(Api::request_bytes("POST", "/up/v1/chat/completions", &fields, b"{\"stream\":true}"));
    let mut call = upstream.call();
    call.begin_events();
    let mut caller = RawSse::read(http);
    let path = caller.head().field("content-location").unwrap().to_owned();
    let mut viewers: Vec<_> = (0..10).map(|_| server.api().subscribe_to(&path)).collect();
    call.event("1");
    for subscriber in viewers.iter_mut().chain([&mut caller]) {
        assert_eq!(subscriber.next_event().data, "1");
    }
    let mut stays = viewers.pop().unwrap();
    drop((viewers, caller));
    let name = path.strip_prefix("/v1/stream/").unwrap();
    await_subscribers(server.api(), name, 1);
    call.event("2");
    assert_eq!(stays.next_event().data, "2", "one is left to go on for");
    drop(stays);
    call.closed_within(PATIENCE);
    eventually("the answer is stopped", || match server.api().state(name) {
        state if state["close_reason"] == "stopped" => Ok(()),
        state => Err(state.to_string()),
    });
}

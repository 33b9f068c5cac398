//! A truncated answer is never dressed up as a whole one.

use everstream_testkit::{Api, Ending, RawSse, TestServer};

use crate::support::{EVENTS, data_of, launch};
use crate::upstream::Upstream;

const CHUNK: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";

fn relaying(upstream: &Upstream, dialect: &str) -> TestServer {
    launch().config(&upstream.mount(dialect)).start()
}

fn ask(api: Api) -> (RawSse, String) {
    let mut http = api.try_connect().expect("a connection");
    let fields = [EVENTS, ("Content-Type", "application/json")];
    http.send(Api::request_bytes("POST", "/up/v1/chat/completions", &fields, b"{\"stream\":true}"));
    let caller = RawSse::read(http);
    let path = caller.head().field("content-location").expect("where the answer is").to_owned();
    (caller, path)
}

// SC-21
#[test]
fn upstream_that_breaks_off_ends_the_answer_without_the_last_chunk() {
    let upstream = Upstream::start();
    let server = relaying(&upstream, "sse");
    upstream.break_off_after("data: 1\n\ndata: 2\n\ndata: cut");
    let (mut caller, path) = ask(server.api());
    let (events, ending) = caller.rest();
    assert_eq!((data_of(&events), ending), (vec!["1", "2"], Ending::Cut));
    let (events, ending) = server.api().subscribe_to(&path).rest();
    assert_eq!(data_of(&events[..2]), ["1", "2"]);
    let close = events[2].json();
    assert_eq!((&close["reason"], ending), (&"failed".into(), Ending::Clean), "the failure is durable: {close}");
    assert!(close["detail"]["code"].is_string(), "{close}");
    server.api().get("/healthz").expect_status(200);
}

#[test]
fn chat_answer_that_breaks_off_is_never_marked_done() {
    let upstream = Upstream::start();
    let server = relaying(&upstream, "openai-chat");
    upstream.break_off_after(&CHUNK.repeat(3));
    let (mut caller, path) = ask(server.api());
    let (events, ending) = caller.rest();
    assert_eq!(ending, Ending::Cut);
    assert!(!data_of(&events).contains(&"[DONE]"), "{events:?}");
    assert!(events.last().unwrap().json()["error"].is_object(), "the dialect's own error ends it: {events:?}");
    let (events, _) = server.api().subscribe_to(&path).rest();
    assert_eq!(events.last().unwrap().json()["reason"], "failed");
}

#[test]
fn chat_answer_that_ends_without_its_mark_is_not_completed() {
    let upstream = Upstream::start();
    let server = relaying(&upstream, "openai-chat");
    upstream.answer(CHUNK.repeat(3));
    let (mut caller, path) = ask(server.api());
    let (events, ending) = caller.rest();
    assert_eq!(ending, Ending::Cut);
    assert!(!data_of(&events).contains(&"[DONE]"), "{events:?}");
    assert_eq!(server.api().subscribe_to(&path).rest().0.last().unwrap().json()["reason"], "failed");
}

#[test]
fn whole_chat_answer_is_completed() {
    let upstream = Upstream::start();
    let server = relaying(&upstream, "openai-chat");
    upstream.answer(format!("{CHUNK}{CHUNK}data: [DONE]\n\n"));
    let (mut caller, path) = ask(server.api());
    let (events, ending) = caller.rest();
    assert_eq!((events.len(), data_of(&events)[2], ending), (3, "[DONE]", Ending::Clean));
    assert_eq!(server.api().subscribe_to(&path).rest().0.last().unwrap().json()["reason"], "completed");
}

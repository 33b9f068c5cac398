//! Streams that begin with the records of another one: the law of resumption over the place where they part, and an
//! answer that is gone on from while it is being written.

use everstream_testkit::{Api, Ending, Response};

use crate::resume_law::{assert_law, native};
use crate::support::{EVENTS, server};

fn fork(api: Api, name: &str, source: &str, fields: &[(&str, &str)]) -> Response {
    let path = Api::path(source);
    let fields: Vec<_> = [("Stream-Forked-From", path.as_str())].into_iter().chain(fields.iter().copied()).collect();
    api.request("PUT", &Api::path(name), &fields, "")
}

fn data(api: Api, name: &str) -> Vec<String> {
    api.subscribe(name)
        .rest()
        .0
        .into_iter()
        .filter(|event| event.event_type != "close")
        .map(|event| event.data)
        .collect()
}

#[test]
fn fork_of_a_fork_obeys_the_law() {
    let server = server();
    let api = server.api();
    api.create_events("root");
    (0..5).for_each(|n| drop(api.append("root", format!("data: root {n}\n\ndata: root {n} too\n\n"))));
    let at = "0000000000000007_0000000000000000";
    fork(api, "one", "root", &[("Stream-Fork-Offset", at)]).expect_status(201);
    api.append("root", "data: later\n\n");
    (0..3).for_each(|n| drop(api.append("one", format!("event: one\ndata: {n}\n\n"))));
    fork(api, "two", "one", &[]).expect_status(201);
    api.append("one", "data: later\n\n");
    (0..3).for_each(|n| drop(api.append("two", format!("data: two {n}\n\n"))));
    for name in ["root", "one"] {
        api.request("DELETE", &Api::path(name), &[], "").expect_status(204);
    }
    api.close("two", "completed");
    let expected: Vec<String> = ["root 0", "root 0 too", "root 1", "root 1 too", "root 2", "root 2 too", "root 3"]
        .into_iter()
        .map(str::to_owned)
        .chain((0..3).map(|n| n.to_string()))
        .chain((0..3).map(|n| format!("two {n}")))
        .collect();
    assert_eq!(data(api, "two"), expected);
    assert_law(&native(api, "two"));
}

#[test]
fn id_of_the_source_is_answered_with_a_reset_and_the_whole_fork() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "data: 0\n\ndata: 1\n\n");
    fork(api, "f", "s", &[]).expect_status(201);
    api.close("f", "completed");
    let id = api.subscribe("s").next_events(1)[0].id.clone().expect("an id");
    let (events, ending) = api.resume("f", &id).rest();
    let seen: Vec<(&str, &str)> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_str())).collect();
    assert_eq!((seen[0].0, &seen[1..3], ending), ("reset", &[("message", "0"), ("message", "1")][..], Ending::Clean));
}

/// Whoever wants another end to an answer forks it at the event it likes, by the id that its viewer has at hand.
#[test]
fn answer_in_flight_is_forked_at_any_token_and_neither_minds_the_other() {
    let server = server();
    let api = server.api();
    let ask = br#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"tell me a long story"}]}"#;
    let asked = [("Content-Type", "application/json"), ("Prefer", "respond-async")];
    let accepted = api.request("POST", "/demo/v1/chat/completions?rate=200", &asked, ask).expect_status(202);
    let path = accepted.head.field("location").expect("where the answer is").to_owned();
    let answer = path.strip_prefix("/v1/stream/").expect("a stream's path");
    let mut viewer = api.subscribe_to(&path);
    let seen = viewer.next_events(12);
    assert_eq!(api.state(answer)["state"], "open", "the answer is still being written");
    for token in [1, 5, 12] {
        let id = seen[token - 1].id.clone().expect("an id");
        let name = format!("edited/{token}");
        fork(api, &name, answer, &[("Stream-Fork-Offset", &id)]).expect_status(201);
        api.append(&name, "data: another end\n\n");
        api.close(&name, "completed");
        let mut expected: Vec<String> = seen[..token].iter().map(|event| event.data.clone()).collect();
        expected.push("another end".to_owned());
        assert_eq!(data(api, &name), expected);
    }
    let (rest, ending) = viewer.rest();
    assert_eq!(ending, Ending::Clean);
    assert_eq!(rest.last().expect("a close").json()["reason"], "completed");
    // The answer's own stream may go: what was made of it stays.
    api.request("DELETE", &path, &[], "").expect_status(204);
    assert_eq!(api.request("GET", &path, &[EVENTS], "").status(), 410);
    assert_law(&native(api, "edited/5"));
}

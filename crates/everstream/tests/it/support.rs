//! What the modules share.

use everstream_testkit::{Api, Launch, Response, TestServer, eventually};

/// The field that asks for a native subscription.
pub(crate) const EVENTS: (&str, &str) = ("Accept", "text/event-stream");

/// The binary under test, not yet started.
pub(crate) fn launch() -> Launch {
    Launch::of(env!("CARGO_BIN_EXE_everstream")).environment("EVERSTREAM_LANE", crate::LANE)
}

/// The binary under test with its defaults.
#[track_caller]
pub(crate) fn server() -> TestServer {
    launch().start()
}

/// The bytes of a `GET` with these fields.
pub(crate) fn get(target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    Api::request_bytes("GET", target, fields, b"")
}

/// The bytes of a native subscription to the stream `name`.
pub(crate) fn subscription(name: &str) -> Vec<u8> {
    get(&Api::path(name), &[EVENTS])
}

/// Waits until the stream has `count` subscribers.
#[track_caller]
pub(crate) fn await_subscribers(api: Api, name: &str, count: u64) {
    eventually(&format!("{count} subscribers of {name}"), || match api.subscribers(name) {
        now if now == count => Ok(()),
        now => Err(format!("there are {now}")),
    });
}

/// Panics unless this is an error as every client can read it: a problem document with its own end, never an event
/// stream.
#[track_caller]
pub(crate) fn assert_problem(response: &Response, status: u16) {
    let shown = || format!("{} {:?} {}", response.status(), response.head.fields, response.text());
    assert_eq!(response.status(), status, "{}", shown());
    assert_eq!(response.head.media_type(), "application/problem+json", "{}", shown());
    let framed = response.head.field("content-length").is_some() || response.head.field("transfer-encoding").is_some();
    assert!(framed, "{}", shown());
    let problem = response.json();
    assert_eq!(problem["status"], status, "{problem}");
    for member in ["type", "title", "detail", "code"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} is missing: {problem}");
    }
}

/// Panics unless this is a problem that names the field, shows the value and gives an example.
#[track_caller]
pub(crate) fn assert_problem_with_field(response: &Response, status: u16, field: &str, value: &str) {
    assert_problem(response, status);
    let problem = response.json();
    let named = problem["field"].as_str().unwrap_or_default();
    assert!(named.eq_ignore_ascii_case(field), "the problem names {named:?}, not {field:?}: {problem}");
    let shown = match &problem["value"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    assert!(shown.contains(value), "the problem shows {shown:?}, not {value:?}: {problem}");
    assert!(!problem["example"].is_null(), "the problem has no example: {problem}");
}

/// The data of events, for comparing.
pub(crate) fn data_of(events: &[everstream_testkit::Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

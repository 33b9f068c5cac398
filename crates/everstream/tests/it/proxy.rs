//! `/v1/proxy`: what its public suite looks at, and what that suite leaves out.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use everstream_testkit::{Api, Launch, MockUpstream, PATIENCE, Response, TestServer, UpstreamCall, eventually};
use serde_json::Value;

use crate::support::launch;

mod access;
mod calling;
mod ending;
mod reading;
mod refusing;

const SECRET: &str = "a-secret-of-the-tests";

/// A server whose proxy may call the mock upstream, and that upstream.
struct Rig {
    server: TestServer,
    upstream: MockUpstream,
}

/// What a caller was given: the three URLs, as targets on the server.
struct Created {
    response: Response,
    location: String,
    read_location: String,
    abort_location: String,
}

impl Rig {
    fn new() -> Self {
        Self::with("", |launch| launch)
    }

    /// With more keys of the configuration, and a change to the start.
    fn with(keys: &str, change: impl FnOnce(Launch) -> Launch) -> Self {
        let upstream = MockUpstream::start();
        let config = format!(
            "proxy_secret = \"{SECRET}\"\nproxy_allow = [\"http://127.0.0.1:{}\"]\n{keys}",
            upstream.addr().port()
        );
        Self { server: change(launch().config(&config)).start(), upstream }
    }

    fn api(&self) -> Api {
        self.server.api()
    }

    /// Posts a call of `method`; the answer comes when the upstream has answered.
    fn call_with(&self, fields: &[(&str, &str)], body: &[u8]) -> Receiver<Response> {
        let (url, bearer) = (format!("{}/v1/chat", self.upstream.url()), format!("Bearer {SECRET}"));
        let mut all = vec![("Authorization", &*bearer), ("Upstream-URL", &*url), ("Upstream-Method", "POST")];
        all.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        all.extend(fields);
        post(self.server.addr(), Api::request_bytes("POST", "/v1/proxy", &all, body))
    }

    fn call(&self) -> Receiver<Response> {
        self.call_with(&[], b"{}")
    }

    /// Makes a call whose answer the test writes after this head.
    #[track_caller]
    fn begin(&self, content_type: &str) -> (Created, UpstreamCall) {
        let answer = self.call();
        let mut call = self.upstream.call();
        call.head(200, &[&format!("content-type: {content_type}"), "transfer-encoding: chunked"]);
        (created(&answer), call)
    }

    /// Reads everything there is, once `is_enough` says so.
    #[track_caller]
    fn read_until(&self, target: &str, is_enough: impl Fn(&Response) -> bool) -> Response {
        eventually("what the stream holds", || {
            let response = self.api().get(target);
            if is_enough(&response) { Ok(response) } else { Err(format!("{} {}", response.status(), response.text())) }
        })
    }

    /// Reads everything once the stream is closed, with the reason.
    #[track_caller]
    fn read_to_end(&self, target: &str) -> (Vec<u8>, String) {
        let response = self.read_until(target, |response| response.head.field("stream-closed") == Some("true"));
        let reason = response.head.field("stream-close-reason").expect("a reason").to_owned();
        (response.body, reason)
    }
}

/// Sends a request from a thread of its own, since the test has to play the upstream meanwhile.
fn post(addr: SocketAddr, request: Vec<u8>) -> Receiver<Response> {
    let (sender, answer) = sync_channel(1);
    thread::spawn(move || {
        let response = everstream_testkit::RawHttp::connect(addr).exchange(request);
        let _ = sender.send(response);
    });
    answer
}

#[track_caller]
fn answered(answer: &Receiver<Response>) -> Response {
    answer.recv_timeout(PATIENCE).expect("an answer of the proxy")
}

/// The answer to a call that became a stream.
#[track_caller]
fn created(answer: &Receiver<Response>) -> Created {
    let response = answered(answer).expect_status(201);
    let target = |name| {
        let url = response.head.field(name).unwrap_or_else(|| panic!("{name}: {:?}", response.head.fields));
        url.strip_prefix("http://t").expect("the Host of the request").to_owned()
    };
    let (location, read_location, abort_location) =
        (target("location"), target("stream-read-location"), target("stream-abort-location"));
    Created { response, location, read_location, abort_location }
}

/// Panics unless this is an error in the protocol's words, readable by every page.
#[track_caller]
fn assert_refused(response: &Response, status: u16, code: &str) -> Value {
    let shown = || format!("{} {:?} {}", response.status(), response.head.fields, response.text());
    assert_eq!(response.status(), status, "{}", shown());
    assert_eq!(response.head.media_type(), "application/json", "{}", shown());
    assert_eq!(response.head.field("access-control-allow-origin"), Some("*"), "{}", shown());
    let document = response.json();
    assert_eq!(document["error"]["code"], code, "{document}");
    assert!(document["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{document}");
    document
}

//! Asks over real sockets: what stands on the wire between a caller, the server and an upstream.

use everstream_testkit::{Ending, Event, MockUpstream, PATIENCE, RawHttp, RawSse, Response, Start, UpstreamCall};

use crate::running::{Running, assert_problem, get};

const QUESTION: &str = r#"{"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// A server with one upstream at `/up`.
struct Rig {
    server: Running,
    upstream: MockUpstream,
}

impl Rig {
    fn new() -> Self {
        Self::with("", &[])
    }

    fn with(upstream_keys: &str, settings: &[(&'static str, &str)]) -> Self {
        let upstream = MockUpstream::start();
        let file = format!("[upstreams.up]\nmount = \"/up\"\nurl = {:?}\n{upstream_keys}\n", upstream.url());
        Self { server: Running::with_file(&file, settings), upstream }
    }

    /// Sends a question with these header lines, and takes the call upstream.
    fn ask(&self, lines: &str) -> (RawHttp, UpstreamCall) {
        let http = self.send(lines);
        (http, self.upstream.call())
    }

    fn send(&self, lines: &str) -> RawHttp {
        let mut http = self.server.connect();
        http.send(post("/up/v1/chat/completions", lines, QUESTION));
        http
    }

    fn exchange(&self, request: String) -> Response {
        self.server.connect().exchange(request)
    }

    /// An answer of two tokens that has come to its end, as its caller saw it.
    fn answered(&self, lines: &str) -> (RawSse, Vec<Event>) {
        let (http, call) = self.ask(lines);
        play(call);
        let mut sse = RawSse::read(http);
        let (events, ending) = sse.rest();
        assert_eq!((events.len(), ending), (3, Ending::Clean));
        (sse, events)
    }
}

fn play(mut call: UpstreamCall) {
    call.begin_events();
    call.event("{\"n\":1}");
    call.event("{\"n\":2}");
    call.event("[DONE]");
    call.end();
}

fn post(target: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    )
}

fn data(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

fn place(sse: &RawSse) -> String {
    sse.head().field("content-location").unwrap().to_owned()
}

#[test]
fn an_answer_is_the_upstreams_events_with_ids_and_nothing_else() {
    let rig = Rig::new();
    let (mut http, mut call) = rig.ask("Authorization: Bearer caller\r\n");
    assert_eq!((call.target.as_str(), call.field("authorization")), ("/v1/chat/completions", None));
    call.head(
        200,
        &["content-type: text/event-stream", "connection: close", "x-request-id: r1", "cache-control: max-age=9"],
    );
    call.raw("id: theirs\r\nretry: 1\r\ndata:  {\"n\":1}\r\n\r\n: comment\r\n\r\ndata: [DONE]\r\n\r\n");
    let head = http.read_head();
    let epoch = head.field("stream-epoch").unwrap().to_owned();
    let id = head.field("stream-id").unwrap();
    assert_eq!(head.field("content-location"), Some(format!("/v1/stream/asks/{id}").as_str()));
    assert_eq!(
        (head.status, head.media_type().as_str(), head.field("x-request-id")),
        (200, "text/event-stream", Some("r1"))
    );
    assert_eq!(head.field("cache-control"), Some("no-cache, no-transform"));
    assert_eq!((head.field("x-accel-buffering"), head.field("content-length")), (Some("no"), None));
    let mut sse = RawSse::with_head(http, head);
    let (events, ending) = sse.rest();
    let bytes: Vec<u8> = events.into_iter().flat_map(|event| event.bytes).collect();
    let expected = format!("id: {epoch}-1\ndata:  {{\"n\":1}}\n\nid: {epoch}-2\ndata: [DONE]\n\n");
    assert_eq!((String::from_utf8(bytes).unwrap(), ending, sse.comments()), (expected, Ending::Clean, 0));
}

#[test]
fn any_viewer_reads_the_answer_at_its_place_while_it_comes_and_after() {
    let rig = Rig::new();
    let (http, mut call) = rig.ask("");
    call.begin_events();
    let sse = RawSse::read(http);
    let target = place(&sse);
    let open = || RawSse::try_open(rig.server.address, Start { target: &target, last_event_id: None }).unwrap();
    let mut early = open();
    call.event("{\"n\":1}");
    assert_eq!(early.next_event().data, "{\"n\":1}");
    call.event("[DONE]");
    call.end();
    let (events, ending) = early.rest();
    assert_eq!((data(&events)[0], events[1].event_type.as_str(), ending), ("[DONE]", "close", Ending::Clean));
    assert!(events[1].data.contains(r#""reason":"completed""#));
    assert_eq!(data(&open().rest().0)[..2], ["{\"n\":1}", "[DONE]"]);
}

#[test]
fn a_cut_answer_ends_with_an_error_event_and_without_a_last_chunk() {
    let rig = Rig::new();
    let (http, mut call) = rig.ask("");
    call.begin_events();
    call.token("Hel");
    call.cut();
    let mut sse = RawSse::read(http);
    let (events, ending) = sse.rest();
    assert_eq!((events.len(), ending), (2, Ending::Cut));
    assert_eq!(events[1].id, None);
    assert_eq!(events[1].json()["error"]["code"], "upstream_cut");
    let mut viewer = RawSse::try_open(rig.server.address, Start { target: &place(&sse), last_event_id: None }).unwrap();
    let (events, ending) = viewer.rest();
    let close = events.last().unwrap().json();
    assert_eq!((close["reason"].as_str(), ending), (Some("failed"), Ending::Clean));
    assert_eq!((&close["detail"]["code"], &close["detail"]["upstream_status"]), (&"upstream_cut".into(), &200.into()));
}

#[test]
fn an_error_of_the_upstream_is_the_callers_response() {
    let rig = Rig::new();
    let (mut http, call) = rig.ask("Idempotency-Key: k\r\n");
    let body = r#"{"error":{"message":"slow down"}}"#;
    call.respond(429, "application/json", body);
    let response = http.try_read_response("POST", everstream_testkit::Deadline::patient()).unwrap();
    assert_eq!((response.status(), response.text().as_str()), (429, body));
    assert!(response.head.field("content-location").is_some());
    // The same ask again is the same refusal, in words that an SDK of the dialect finds.
    let again = rig.exchange(post("/up/v1/chat/completions", "Idempotency-Key: k\r\n", QUESTION));
    assert_problem(&again, 429, "upstream_failed");
    assert_eq!(again.json()["error"]["message"], "slow down");
    assert_eq!(rig.upstream.call_count(), 1);
}

#[test]
fn an_unreachable_upstream_is_a_bad_gateway() {
    let rig = Rig::new();
    let (mut http, call) = rig.ask("");
    call.cut();
    let response = http.try_read_response("POST", everstream_testkit::Deadline::patient()).unwrap();
    assert_problem(&response, 502, "upstream_unreachable");
    assert_eq!(response.json()["error"]["type"], "upstream_error");
}

#[test]
fn a_client_that_posts_again_goes_on_and_is_told_when_there_is_no_more() {
    let rig = Rig::new();
    let (_, events) = rig.answered("");
    for (k, event) in events.iter().enumerate() {
        let lines = format!("Last-Event-ID: {}\r\n", event.id.as_ref().unwrap());
        if k + 1 == events.len() {
            let response = rig.exchange(post("/up/v1/chat/completions", &lines, QUESTION));
            assert_eq!(response.status(), 204);
            assert_eq!(response.head.field("stream-close-reason"), Some("completed"));
        } else {
            let (rest, ending) = RawSse::read(rig.send(&lines)).rest();
            assert_eq!((&rest[..], ending), (&events[k + 1..], Ending::Clean));
        }
    }
    assert_eq!(rig.upstream.call_count(), 1);
}

#[test]
fn a_question_first_and_an_event_source_second() {
    let rig = Rig::new();
    let response =
        rig.exchange(post("/up/v1/chat/completions", "Prefer: respond-async\r\n", QUESTION)).expect_status(202);
    let mut call = rig.upstream.call();
    let started = response.json();
    let url = started["url"].as_str().unwrap();
    assert_eq!(response.head.field("location"), Some(url));
    assert_eq!(response.head.field("preference-applied"), Some("respond-async"));
    assert!(url.ends_with(started["id"].as_str().unwrap()));
    call.begin_events();
    call.event("{\"n\":1}");
    let mut sse = RawSse::try_open(rig.server.address, Start { target: url, last_event_id: None }).unwrap();
    assert_eq!(sse.next_event().data, "{\"n\":1}");
    rig.exchange(post(started["stop_url"].as_str().unwrap(), "", "")).expect_status(202);
    call.closed_within(PATIENCE);
    let (events, ending) = sse.rest();
    assert!(events[0].data.contains(r#""reason":"stopped""#) && ending == Ending::Clean);
}

#[test]
fn a_stopped_answer_is_not_passed_off_as_the_whole() {
    for (path, told) in [("/up/v1/chat/completions", Some("stopped")), ("/up/answers", None)] {
        let rig = Rig::new();
        let mut http = rig.server.connect();
        http.send(post(path, "", QUESTION));
        let mut call = rig.upstream.call();
        call.begin_events();
        call.event("{\"n\":1}");
        let mut sse = RawSse::read(http);
        sse.next_event();
        rig.exchange(post(&format!("{}?action=stop", place(&sse)), "", "")).expect_status(202);
        let (events, ending) = sse.rest();
        let codes: Vec<_> = events.iter().map(|event| event.json()["error"]["code"].clone()).collect();
        assert_eq!((codes.iter().map(|code| code.as_str()).next(), ending), (told.map(Some), Ending::Cut), "{path}");
    }
}

#[test]
fn a_stop_by_key_before_the_ask_refuses_it() {
    let rig = Rig::new();
    let stop = || rig.exchange(post("/v1/stream/asks?action=stop&idempotency_key=k%201", "", "any body"));
    assert_eq!(stop().expect_status(202).json()["close_reason"], "stopped");
    stop().expect_status(200);
    let refused = rig.exchange(post("/up/v1/chat/completions", "Idempotency-Key: k 1\r\n", QUESTION));
    assert_problem(&refused, 409, "stopped");
    assert_eq!(refused.head.field("x-should-retry"), Some("false"));
    assert_eq!(rig.upstream.call_count(), 0);
    // A stream of this name is a stream like any other.
    assert_problem(&rig.exchange(post("/v1/stream/asks?action=stop", "", "")), 404, "stream_not_found");
}

#[test]
fn a_caller_that_goes_away_leaves_the_answer_running_or_takes_it_along() {
    let rig = Rig::new();
    for (policy, stops) in [("continue", false), ("cancel", true)] {
        let (http, mut call) = rig.ask(&format!("Everstream-On-Disconnect: {policy}\r\n"));
        call.begin_events();
        call.event("{\"n\":1}");
        let mut sse = RawSse::read(http);
        sse.next_event();
        let target = place(&sse);
        sse.into_http().reset();
        if stops {
            call.closed_within(PATIENCE);
        } else {
            call.event("[DONE]");
            call.end();
        }
        let mut viewer = RawSse::try_open(rig.server.address, Start { target: &target, last_event_id: None }).unwrap();
        let close = viewer.rest().0.pop().unwrap();
        assert_eq!(close.json()["reason"], if stops { "stopped" } else { "completed" });
    }
}

#[test]
fn silence_is_filled_with_single_comment_lines() {
    let rig = Rig::with("", &[("keep_alive", "20ms")]);
    let (http, mut call) = rig.ask("");
    call.begin_events();
    call.event("{\"n\":1}");
    let mut sse = RawSse::read(http);
    sse.next_event();
    for _ in 0..3 {
        assert!(matches!(sse.next_item(), everstream_testkit::Item::Comment(_)));
    }
    call.event("[DONE]");
    assert_eq!(sse.rest().1, Ending::Clean);
}

#[test]
fn a_head_goes_out_in_time_although_the_upstream_has_none() {
    let rig = Rig::with("status_commit_after = \"20ms\"", &[]);
    let (http, call) = rig.ask("");
    let mut sse = RawSse::read(http);
    call.respond(500, "text/plain", "broken");
    let (events, ending) = sse.rest();
    assert_eq!((events[0].json()["error"]["message"].as_str(), ending), (Some("broken"), Ending::Cut));
}

#[test]
fn a_drain_cuts_the_caller_and_lets_the_answer_come_to_its_end() {
    let mut rig = Rig::with("", &[("drain_timeout", "1h")]);
    let (http, mut call) = rig.ask("");
    call.begin_events();
    call.event("{\"n\":1}");
    let mut sse = RawSse::read(http);
    sse.next_event();
    rig.server.shut_down();
    let (events, ending) = sse.rest();
    assert_eq!((events.len(), ending), (0, Ending::Cut));
    call.event("[DONE]");
    call.end();
    rig.server.wait();
}

#[test]
fn an_answer_that_outlasts_the_drain_is_interrupted() {
    let mut rig = Rig::with("", &[("drain_timeout", "20ms")]);
    let (http, mut call) = rig.ask("");
    call.begin_events();
    let _sse = RawSse::read(http);
    rig.server.shut_down();
    call.closed_within(PATIENCE);
    rig.server.wait();
}

#[test]
fn what_is_no_ask_passes_through_and_what_is_no_mount_is_not_found() {
    let rig = Rig::new();
    let mut http = rig.server.connect();
    http.send(get("/up/v1/models?x=1", ""));
    let call = rig.upstream.call();
    assert_eq!((call.target.as_str(), call.field("transfer-encoding")), ("/v1/models?x=1", None));
    call.respond(200, "application/json", "[]");
    let response = http.try_read_response("GET", everstream_testkit::Deadline::patient()).unwrap();
    assert_eq!((response.status(), response.text().as_str()), (200, "[]"));
    assert_problem(&rig.exchange(get("/upx/v1/models", "")), 404, "path_not_found");
    assert_problem(&rig.exchange(get("/up/%2e%2e/x", "")), 404, "path_not_found");
}

#[test]
fn a_wrong_header_is_named() {
    let rig = Rig::new();
    for (header, value) in
        [("everstream-on-disconnect", "stop"), ("everstream-stream", "a//b"), ("idempotency-key", "")]
    {
        let response = rig.exchange(post("/up/v1/chat/completions", &format!("{header}: {value}\r\n"), QUESTION));
        assert_problem(&response, 400, "invalid_header");
        let problem = response.json();
        assert_eq!((problem["field"].as_str(), problem["value"].as_str()), (Some(header), Some(value)));
        assert!(problem["example"].as_str().is_some_and(|example| !example.is_empty()));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let rig = Rig::with("", &[("max_body_bytes", "100B")]);
    let mut http = rig.server.connect();
    http.send("POST /up/v1/chat/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    http.send(format!("c8\r\n{}\r\n0\r\n\r\n", "x".repeat(200)));
    let response = http.try_read_response("POST", everstream_testkit::Deadline::patient()).unwrap();
    assert_problem(&response, 413, "body_too_large");
}

#[test]
fn the_demo_goes_the_whole_way() {
    let server = Running::with(&[]);
    let mut http = server.connect();
    http.send(post("/demo/v1/chat/completions?rate=1000", "", QUESTION));
    let (events, ending) = RawSse::read(http).rest();
    assert_eq!((events.last().unwrap().data.as_str(), ending), ("[DONE]", Ending::Clean));
    let content =
        |event: &Event| event.json()["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned();
    let streamed: String = events[..events.len() - 1].iter().map(content).collect();
    let whole = server.connect().exchange(post("/demo/v1/chat/completions", "", &QUESTION.replace("true", "false")));
    assert_eq!(whole.expect_status(200).json()["choices"][0]["message"]["content"], streamed);
}

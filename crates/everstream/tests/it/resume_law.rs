//! The law: whatever a client has seen when its connection goes away, what it is sent next is exactly the rest.

use everstream_testkit::{Api, Deadline, Ending, Event, EventParser, Item, RawHttp, RawSse};

use crate::support::{EVENTS, server};

const ASK: &[u8] = br#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const ASK_TARGET: &str = "/demo/v1/chat/completions?rate=1000";
const SLOWER_ASK_TARGET: &str = "/demo/v1/chat/completions?rate=200";

/// How a client comes back to one stream: `None` is the first connection.
pub(crate) type Connect<'a> = dyn Fn(Option<&str>) -> Option<RawSse> + 'a;

fn bytes_of(events: &[Event]) -> Vec<u8> {
    events.iter().map(|event| event.bytes.as_slice()).collect::<Vec<_>>().concat()
}

/// What the client is sent after `last_event_id`; nothing when it is told that there is no more (204).
fn rest_after(connect: &Connect<'_>, last_event_id: Option<&str>) -> Vec<Event> {
    let Some(mut subscription) = connect(last_event_id) else { return Vec::new() };
    let (events, ending) = subscription.rest();
    assert_eq!(ending, Ending::Clean, "the stream has ended");
    events
}

#[track_caller]
pub(crate) fn assert_law(connect: &Connect<'_>) {
    let canonical = rest_after(connect, None);
    assert!(canonical.len() > 3, "too short to show anything: {canonical:?}");
    let whole = bytes_of(&canonical);
    for k in 0..=canonical.len() {
        let rest = rest_after(connect, k.checked_sub(1).and_then(|last| canonical[last].id.as_deref()));
        let seen_bytes: usize = canonical[..k].iter().map(|event| event.bytes.len()).sum();
        assert!(bytes_of(&rest) == whole[seen_bytes..], "cut after {k} of {}", canonical.len());
    }
    assert_cut_in_mid_event_counts_for_nothing(&canonical);
    for stretch in [1, 7] {
        assert!(bytes_of(&in_stretches(connect, stretch)) == whole, "a new connection after every {stretch}");
    }
}

/// A body can be cut at any byte. A client has then seen the events whose final empty line came, so that it presents the id
/// of one of the cuts above and never that of an event it saw half of.
#[track_caller]
fn assert_cut_in_mid_event_counts_for_nothing(canonical: &[Event]) {
    let (mut parser, mut seen) = (EventParser::default(), Vec::new());
    for (k, event) in canonical.iter().enumerate() {
        for byte in &event.bytes {
            assert_eq!(seen.len(), k);
            parser.push(&[*byte], &mut seen).expect("a lawful prefix");
        }
        assert!(matches!(seen.last(), Some(Item::Block(block)) if block.field("id") == event.id.as_deref()));
    }
}

/// The stream over many connections, each dropped after `stretch` events.
fn in_stretches(connect: &Connect<'_>, stretch: usize) -> Vec<Event> {
    let mut seen: Vec<Event> = Vec::new();
    while let Some(mut subscription) = connect(seen.last().and_then(|event| event.id.as_deref())) {
        for _ in 0..stretch {
            match subscription.try_next_event(Deadline::patient()).expect("an event or the end") {
                Some(event) => seen.push(event),
                None => break,
            }
        }
    }
    seen
}

/// A subscription, or `None` for 204.
fn subscribe(api: Api, request: &[u8]) -> Option<RawSse> {
    let mut http = RawHttp::connect(api.addr);
    http.send(request);
    let head = http.read_head();
    if head.status == 204 {
        return None;
    }
    assert_eq!((head.status, head.media_type().as_str()), (200, "text/event-stream"));
    Some(RawSse::with_head(http, head))
}

pub(crate) fn native(api: Api, name: &str) -> impl Fn(Option<&str>) -> Option<RawSse> {
    let path = Api::path(name);
    move |last_event_id| {
        let resume = last_event_id.map(|id| ("Last-Event-ID", id));
        let fields: Vec<_> = [EVENTS].into_iter().chain(resume).collect();
        subscribe(api, &Api::request_bytes("GET", &path, &fields, b""))
    }
}

fn dialect<'a>(api: Api, target: &'a str, key: &'a str) -> impl Fn(Option<&str>) -> Option<RawSse> + 'a {
    move |last_event_id| {
        let resume = last_event_id.map(|id| ("Last-Event-ID", id));
        let fields = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        let fields: Vec<_> = fields.into_iter().chain(resume).collect();
        subscribe(api, &Api::request_bytes("POST", target, &fields, ASK))
    }
}

/// Asks the demo under the key `law` and reads the whole answer; returns the answer's stream too.
fn whole_answer(api: Api) -> (String, Vec<Event>) {
    let mut caller = dialect(api, ASK_TARGET, "law")(None).expect("an answer");
    let path = caller.head().field("content-location").expect("where the answer is").to_owned();
    let (events, ending) = caller.rest();
    assert_eq!((events.last().map(|event| event.data.as_str()), ending), (Some("[DONE]"), Ending::Clean));
    (path.strip_prefix("/v1/stream/").expect("a stream's path").to_owned(), events)
}

#[test]
fn answer_on_its_dialect_route_obeys_the_law() {
    let server = server();
    whole_answer(server.api());
    assert_law(&dialect(server.api(), ASK_TARGET, "law"));
}

#[test]
fn answer_on_its_native_route_obeys_the_law() {
    let server = server();
    let (stream, events) = whole_answer(server.api());
    assert_law(&native(server.api(), &stream));
    let with_close = rest_after(&native(server.api(), &stream), None);
    assert!(bytes_of(&with_close).starts_with(&bytes_of(&events)), "both routes send the same frames");
}

/// The same request again and again attaches to the one answer while it is being written: a retrying client never runs the
/// upstream twice.
#[test]
fn answer_in_flight_is_seen_once_over_many_connections() {
    let server = server();
    let asked = dialect(server.api(), SLOWER_ASK_TARGET, "in flight");
    let seen = in_stretches(&asked, 9);
    assert_eq!(seen.last().map(|event| event.data.as_str()), Some("[DONE]"));
    assert!(bytes_of(&seen) == bytes_of(&rest_after(&asked, None)), "what was seen live is what is kept");
}

#[test]
fn event_stream_obeys_the_law() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    for n in 0..12 {
        api.append("s", format!("event: e{n}\ndata: {n}\ndata:\ndata: grüße \u{1F600}\nunknown: x\n\ndata:{n}\n\n"));
    }
    api.close("s", "completed");
    assert_law(&native(api, "s"));
}

#[test]
fn json_text_and_binary_streams_obey_the_law() {
    let server = server();
    let api = server.api();
    for (name, content_type, bodies) in [
        ("json", "application/json", ["{\"a\":\"b\\nc\"}", "[1,2,3]", "\"\""]),
        ("text", "text/plain", ["a\n\nb", "\r\r", "data: x"]),
        ("bytes", "application/octet-stream", ["\0\u{1}\u{2}", "\n\n", "ab"]),
    ] {
        api.create(name, content_type);
        for body in bodies {
            api.append_as(name, content_type, body);
        }
        api.close(name, "failed");
        assert_law(&native(api, name));
    }
}

#[test]
fn stopped_answer_obeys_the_law() {
    let server = server();
    let api = server.api();
    let fields = [("Content-Type", "application/json"), ("Prefer", "respond-async")];
    let accepted = api.request("POST", "/demo/v1/chat/completions", &fields, ASK).expect_status(202);
    let path = accepted.head.field("location").expect("where the answer is").to_owned();
    let mut viewer = api.subscribe_to(&path);
    viewer.next_events(4);
    let stopped = api.request("POST", &format!("{path}?action=stop"), &[], "").status();
    assert_eq!(stopped, 202);
    let (rest, ending) = viewer.rest();
    let close = rest.last().expect("a close event");
    assert_eq!((&close.json()["reason"], ending), (&"stopped".into(), Ending::Clean));
    assert_law(&native(api, path.strip_prefix("/v1/stream/").expect("a stream's path")));
}

use std::fmt::Write as _;
use std::time::Duration;

use everstream_client::{End, ErrorKind, HeaderMap, Notice, ReconnectAt, Request, SubscribeOptions, Subscriber};
use everstream_testkit::{Act, ScriptedServer};

/// Options for servers that cut: they come back at once and give up soon.
fn options() -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    options.reconnect.reconnection_time = Duration::ZERO;
    options.reconnect.attempts_max = 3;
    options
}

fn subscriber(request: Request, options: SubscribeOptions) -> Subscriber {
    Subscriber::new(everstream_client::http_client().unwrap(), request, options)
}

/// Follows a stream to its end and tells what was heard, one line a notice.
async fn follow(mut subscriber: Subscriber) -> String {
    let mut heard = String::new();
    while let Some(notice) = subscriber.next().await {
        match notice {
            Notice::Opened { location: None } => writeln!(heard, "opened"),
            Notice::Opened { location: Some(location) } => writeln!(heard, "opened at {}", location.path()),
            Notice::Event(event) => writeln!(heard, "{} {:?} id={:?}", event.event_type, event.data, event.id),
            Notice::LastEventId(id) => writeln!(heard, "last event id {id:?}"),
            Notice::Comment(text) => writeln!(heard, "comment {text:?}"),
            Notice::Reconnecting { cause, .. } => writeln!(heard, "reconnecting: {cause}"),
            Notice::Ended(End::Closed(close)) => {
                writeln!(heard, "closed: {} {:?}", close.reason.as_str(), close.detail)
            }
            Notice::Ended(End::NoContent) => writeln!(heard, "no content"),
            Notice::Ended(End::Failed(error)) => writeln!(heard, "failed: {:?}: {error}", error.kind()),
            other => writeln!(heard, "{other:?}"),
        }
        .unwrap();
    }
    heard
}

async fn follow_get(server: &ScriptedServer) -> String {
    follow(subscriber(Request::get(&server.url("/s?a=b#f")).unwrap(), options())).await
}

const CLOSE: &str = "id: e-2-end\nevent: close\ndata: {\"reason\":\"completed\",\"detail\":null,\"next\":\"e-2\"}\n\n";

#[tokio::test]
async fn it_resumes_after_a_cut_and_ends_with_the_close() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream("retry: 1\n: hi\nid: e-1\ndata: a\n\nid: e-2\ndata: half")],
        vec![Act::stream(&format!("id: e-2\nevent: x\ndata: b\n\n{CLOSE}data: never\n\n"))],
    ]);
    assert_eq!(
        follow_get(&server).await,
        "opened\ncomment \"hi\"\nmessage \"a\" id=\"e-1\"\nreconnecting: the connection ended\n\
         opened\nx \"b\" id=\"e-2\"\nclosed: completed \"\"\n"
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.target(), "GET /s?a=b");
        assert_eq!(request.header("accept"), Some("text/event-stream"));
        assert_eq!(request.header("cache-control"), Some("no-cache"));
        assert_eq!(request.header("content-length"), None);
    }
    assert_eq!(requests.iter().map(|it| it.header("last-event-id")).collect::<Vec<_>>(), [None, Some("e-1")]);
}

#[tokio::test]
async fn the_last_event_id_is_absent_when_empty_or_unlawful_and_utf8_otherwise() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream("id: a\u{1}b\ndata: 1\n\n")],
        vec![Act::stream("id: …\ndata: 2\n\n")],
        vec![Act::stream("id\n\n")],
        vec![Act::answer("204 No Content", "", "")],
    ]);
    let mut options = options();
    options.last_event_id = "seven".to_owned();
    let heard = follow(subscriber(Request::get(&server.url("/")).unwrap(), options)).await;
    assert!(heard.ends_with("last event id \"\"\nreconnecting: the connection ended\nno content\n"), "{heard}");
    let requests = server.requests();
    let ids: Vec<_> = requests.iter().map(|it| it.header("last-event-id")).collect();
    assert_eq!(ids, [Some("seven"), None, Some("…"), None]);
}

#[tokio::test]
async fn a_post_is_sent_again_whole() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream("id: 1\ndata: a\n\n")],
        vec![Act::answer("204 No Content", "", "")],
    ]);
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", "k".parse().unwrap());
    let request = Request::post_json(&server.url("/ask"), "{}").unwrap().with_headers(headers);
    follow(subscriber(request, options())).await;
    for request in server.await_requests(2) {
        assert_eq!((request.target(), request.body.as_slice()), ("POST /ask", b"{}".as_slice()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("idempotency-key"), Some("k"));
    }
}

#[tokio::test]
async fn a_post_goes_on_as_a_get_of_its_content_location() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream_with("content-location: /v1/stream/asks/1\r\n", "id: e-1\ndata: a\n\n"), Act::Reset],
        vec![Act::stream(CLOSE)],
    ]);
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", "k".parse().unwrap());
    headers.insert("authorization", "Bearer b".parse().unwrap());
    let request = Request::post_json(&server.url("/ask"), "{}").unwrap().with_headers(headers);
    let mut options = options();
    options.reconnect_at = ReconnectAt::ContentLocation;
    let heard = follow(subscriber(request, options)).await;
    assert!(heard.starts_with("opened at /v1/stream/asks/1\nmessage \"a\" id=\"e-1\"\nreconnecting: "), "{heard}");
    assert!(heard.ends_with("opened\nclosed: completed \"\"\n"), "{heard}");
    let requests = server.requests();
    assert_eq!(requests[1].target(), "GET /v1/stream/asks/1");
    assert_eq!(requests[1].header("last-event-id"), Some("e-1"));
    assert_eq!(requests[1].header("authorization"), Some("Bearer b"));
    assert_eq!((requests[1].header("idempotency-key"), requests[1].header("content-type")), (None, None));
}

#[tokio::test]
async fn a_content_location_elsewhere_gets_no_credentials() {
    let elsewhere = ScriptedServer::start(vec![vec![Act::stream(CLOSE)]]);
    let location = format!("content-location: {}\r\n", elsewhere.url("/v1/stream/asks/1"));
    let server = ScriptedServer::start(vec![
        vec![Act::stream_with(&location, "id: e-1\ndata: a\n\n")],
        vec![Act::stream_with(&location, CLOSE)],
    ]);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer b".parse().unwrap());
    let request = Request::post_json(&server.url("/ask"), "{}").unwrap().with_headers(headers);
    let mut options = options();
    options.reconnect_at = ReconnectAt::ContentLocation;
    let heard = follow(subscriber(request, options)).await;
    assert!(heard.ends_with("opened\nclosed: completed \"\"\n"), "{heard}");
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
    assert_eq!(server.requests()[1].target(), "POST /ask");
}

#[tokio::test]
async fn a_response_that_is_no_stream_ends_it_with_what_the_server_says() {
    let problem = r#"{"title":"t","detail":"no stream news","code":"stream_not_found","example":"asks/1"}"#;
    let server = ScriptedServer::start(vec![vec![Act::answer("404 Not Found", "", problem)]]);
    let expected = "failed: Refused(404): 404 Not Found: no stream news; try \"asks/1\"\n";
    assert_eq!(follow_get(&server).await, expected);

    let server =
        ScriptedServer::start(vec![vec![Act::answer("401 Unauthorized", "", r#"{"error":{"message":"who?"}}"#)]]);
    assert_eq!(follow_get(&server).await, "failed: Refused(401): 401 Unauthorized: who?\n");

    let server = ScriptedServer::start(vec![vec![Act::answer("200 OK", "content-type: text/html\r\n", "data: a\n\n")]]);
    let expected = "failed: UnexpectedAnswer: the answer is \"text/html\", not \"text/event-stream\"\n";
    assert_eq!(follow_get(&server).await, expected);
}

#[tokio::test]
async fn a_compressed_stream_is_refused_and_not_read_as_it_is() {
    for coding in ["gzip", "br", "GZIP, identity"] {
        let head = format!("content-encoding: {coding}\r\n");
        let server = ScriptedServer::start(vec![vec![Act::stream_with(&head, "\u{1f}data: a\n\n")]]);
        let heard = follow_get(&server).await;
        assert!(
            heard.starts_with(&format!("failed: UnexpectedAnswer: the answer is in the coding {coding:?}")),
            "{heard}"
        );
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    }
    let server = ScriptedServer::start(vec![vec![Act::stream_with("content-encoding: identity\r\n", CLOSE)]]);
    assert_eq!(follow_get(&server).await, "opened\nclosed: completed \"\"\n");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = ScriptedServer::start(vec![
        vec![Act::answer("503 Service Unavailable", "retry-after: 0\r\n", r#"{"detail":"draining"}"#)],
        vec![Act::answer("429 Too Many Requests", "", "")],
        vec![Act::stream(CLOSE)],
    ]);
    assert_eq!(
        follow_get(&server).await,
        "reconnecting: 503 Service Unavailable: draining\n\
         reconnecting: the server answered 429 Too Many Requests\nopened\nclosed: completed \"\"\n"
    );
}

#[tokio::test]
async fn it_gives_up_when_nobody_listens_any_more() {
    let server = ScriptedServer::start(vec![vec![Act::stream("data: a\n\n")]]);
    let heard = follow_get(&server).await;
    assert_eq!(heard.matches("reconnecting: ").count(), 3, "{heard}");
    assert!(heard.contains("failed: Unreachable: cannot reach http://127.0.0.1:"), "{heard}");
}

#[tokio::test]
async fn silence_ends_a_connection_and_any_byte_does_not() {
    let server =
        ScriptedServer::start(vec![vec![Act::stream("id: 1\ndata: a\n\n"), Act::AwaitClose], vec![Act::stream(CLOSE)]]);
    let mut options = options();
    options.read_timeout = Some(Duration::from_millis(50));
    let heard = follow(subscriber(Request::get(&server.url("/")).unwrap(), options)).await;
    assert!(heard.contains("reconnecting: no byte came for 0.05 s\nopened\n"), "{heard}");
    assert_eq!(server.requests()[1].header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn an_event_over_the_limit_ends_it_after_what_was_complete() {
    let server = ScriptedServer::start(vec![vec![Act::stream(&format!("data: a\n\ndata: {}", "x".repeat(100)))]]);
    let mut options = options();
    options.event_bytes_max = 64;
    let heard = follow(subscriber(Request::get(&server.url("/")).unwrap(), options)).await;
    assert_eq!(
        heard,
        "opened\nmessage \"a\" id=\"\"\nfailed: EventTooLarge: an event is larger than the limit of 64 bytes\n"
    );
}

#[tokio::test]
async fn an_event_that_a_publisher_named_close_does_not_end_it() {
    let body = "id: e-1\nevent: close\ndata: the door\n\nevent: close\ndata: {\"reason\":\"stopped\"}\n\nevent: close\ndata: close\n\n";
    let server = ScriptedServer::start(vec![vec![Act::stream(body)]]);
    assert_eq!(
        follow_get(&server).await,
        "opened\nclose \"the door\" id=\"e-1\"\nclose \"{\\\"reason\\\":\\\"stopped\\\"}\" id=\"e-1\"\nclosed: completed \"\"\n"
    );
}

#[tokio::test]
async fn an_event_named_close_that_has_an_id_of_its_own_does_not_end_it() {
    let gone = r#"{"reason":"deleted","detail":null,"next":"e-0"}"#;
    let body = format!("id: e-1\nevent: close\ndata: close\n\nid: e-2\nevent: close\ndata: {gone}\n\n{CLOSE}");
    let server = ScriptedServer::start(vec![vec![Act::stream(&body)]]);
    let heard = follow_get(&server).await;
    assert_eq!(
        heard,
        format!("opened\nclose \"close\" id=\"e-1\"\nclose {gone:?} id=\"e-2\"\nclosed: completed \"\"\n")
    );
}

#[tokio::test]
async fn the_close_of_a_stream_that_is_gone_ends_it_although_it_has_no_id() {
    for (before, heard_before) in
        [("id: e-0\n\n", "last event id \"e-0\"\n"), ("id: e-1\ndata: a\n\n", "message \"a\" id=\"e-1\"\n"), ("", "")]
    {
        for reason in ["deleted", "expired"] {
            let close = format!("event: close\ndata: {{\"reason\":\"{reason}\",\"detail\":null,\"next\":\"e-1\"}}\n\n");
            let server = ScriptedServer::start(vec![vec![Act::stream(&format!("{before}{close}"))]]);
            assert_eq!(follow_get(&server).await, format!("opened\n{heard_before}closed: {reason} \"\"\n"));
        }
    }
}

#[tokio::test]
async fn dropping_its_future_loses_nothing() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream("retry: 1\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n")],
        vec![Act::stream(&format!("id: 3\ndata: c\n\n{CLOSE}"))],
    ]);
    let mut subscriber = subscriber(Request::get(&server.url("/")).unwrap(), options());
    let mut data = String::new();
    loop {
        tokio::select! {
            biased;
            notice = subscriber.next() => match notice {
                Some(Notice::Event(event)) => data.push_str(&event.data),
                Some(_) => {}
                None => break,
            },
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(data, "abc");
}

#[test]
fn a_url_that_is_none_is_refused_at_once() {
    for url in ["", "news", "http://", "ftp://127.0.0.1/", "http://this is invalid/"] {
        let error = Request::get(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
        assert!(error.to_string().contains("try \"http://127.0.0.1:8000/"), "{error}");
    }
}

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use everstream_client::{HeaderMap, Live, ReadEnd, ReadNotice, ReadOptions, Reader};
use everstream_testkit::{Act, ScriptedServer};

/// Options for servers that cut: it comes back at once and gives up soon.
fn options(live: Live) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.live = live;
    options.reconnect.reconnection_time = Duration::ZERO;
    options.reconnect.attempts_max = 3;
    options
}

/// Reads to the end and tells what was heard, one line a notice.
async fn heard_with(server: &ScriptedServer, options: ReadOptions) -> String {
    let http = everstream_client::http_client().unwrap();
    let mut reader = Reader::new(http, &server.url("/v1/stream/s?tenant=a"), HeaderMap::new(), options).unwrap();
    let mut heard = String::new();
    while let Some(notice) = reader.next().await {
        match notice {
            ReadNotice::Piece(piece) => {
                let tail = if piece.is_up_to_date { ", tail" } else { "" };
                writeln!(heard, "{:?} up to {}{tail}", String::from_utf8_lossy(&piece.data), piece.next_offset)
            }
            ReadNotice::Reconnecting { cause, .. } => writeln!(heard, "reconnecting: {cause}"),
            ReadNotice::Ended(ReadEnd::Closed(reason)) => {
                writeln!(heard, "closed: {}", reason.as_ref().map_or("-", |reason| reason.as_str()))
            }
            ReadNotice::Ended(ReadEnd::UpToDate) => writeln!(heard, "up to date"),
            ReadNotice::Ended(ReadEnd::Failed(error)) => writeln!(heard, "failed: {:?}: {error}", error.kind()),
            other => writeln!(heard, "{other:?}"),
        }
        .unwrap();
    }
    heard
}

async fn heard(server: &ScriptedServer, live: Live) -> String {
    heard_with(server, options(live)).await
}

fn page(next: &str, more: &str, body: &str) -> Vec<Act> {
    vec![Act::answer("200 OK", &format!("stream-next-offset: {next}\r\n{more}"), body)]
}

fn queries(server: &ScriptedServer) -> Vec<String> {
    let query = |target: &str| target.strip_prefix("GET /v1/stream/s?tenant=a&").unwrap().to_owned();
    server.requests().iter().map(|request| query(request.target())).collect()
}

const TAIL: &str = "stream-up-to-date: true\r\n";

#[tokio::test]
async fn a_bounded_read_follows_the_pages_to_the_tail() {
    let json = "content-type: application/json\r\n";
    let server = ScriptedServer::start(vec![
        page("1_0", json, "[1]"),
        vec![Act::answer("503 Service Unavailable", "retry-after: 0\r\n", "")],
        page("2_0", json, "[2]"),
        page("2_0", &format!("{json}{TAIL}"), "[]"),
    ]);
    assert_eq!(
        heard(&server, Live::Not).await,
        "\"[1]\" up to 1_0\nreconnecting: the server answered 503 Service Unavailable\n\"[2]\" up to 2_0\n\
         \"\" up to 2_0, tail\nup to date\n"
    );
    assert_eq!(queries(&server), ["offset=-1", "offset=1_0", "offset=1_0", "offset=2_0"]);
}

#[tokio::test]
async fn a_long_poll_asks_on_with_the_cursor_until_the_close() {
    let server = ScriptedServer::start(vec![
        page("1_0", &format!("{TAIL}stream-cursor: 7\r\n"), "a"),
        vec![Act::Reset],
        page("2_0", &format!("{TAIL}stream-cursor: 8\r\n"), "b"),
        vec![Act::answer("204 No Content", &format!("stream-next-offset: 2_0\r\n{TAIL}stream-closed: true\r\n"), "")],
    ]);
    let heard = heard(&server, Live::LongPoll).await;
    let (before, after) = heard.split_once("reconnecting: cannot reach ").unwrap();
    assert_eq!(before, "\"a\" up to 1_0, tail\n");
    assert_eq!(after.split_once('\n').unwrap().1, "\"b\" up to 2_0, tail\nclosed: -\n");
    let live = "live=long-poll";
    assert_eq!(
        queries(&server),
        [
            format!("offset=-1&{live}"),
            format!("offset=1_0&{live}&cursor=7"),
            format!("offset=1_0&{live}&cursor=7"),
            format!("offset=2_0&{live}&cursor=8")
        ]
    );
}

#[tokio::test]
async fn a_server_that_answers_long_polls_at_once_with_nothing_cannot_make_it_spin() {
    let empty = |more| vec![Act::answer("204 No Content", &format!("stream-next-offset: 0_0\r\n{TAIL}{more}"), "")];
    let server = ScriptedServer::start(vec![empty(""), empty(""), empty("stream-closed: true\r\n")]);
    let begun = Instant::now();
    assert_eq!(heard(&server, Live::LongPoll).await, "\"\" up to 0_0, tail\nclosed: -\n");
    // Two pauses of a tenth of a second.
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn no_answer_that_brings_nothing_can_make_it_spin() {
    for live in [Live::Not, Live::LongPoll] {
        let json = "content-type: application/json\r\n";
        let end = "stream-closed: true\r\n";
        let server = ScriptedServer::start(vec![page("0_0", "", ""), page("0_0", json, "[]"), page("0_0", end, "")]);
        let begun = Instant::now();
        assert_eq!(heard(&server, live).await, "\"\" up to 0_0\nclosed: -\n");
        // Two pauses of a tenth of a second.
        assert!(begun.elapsed() >= Duration::from_millis(200), "{live:?}");
    }
}

#[tokio::test]
async fn data_that_leads_back_to_its_beginning_is_not_read_again_and_again() {
    for (live, again) in [
        (Live::Not, page("1_0", "", "a")),
        (Live::LongPoll, page("1_0", "", "a")),
        (Live::Sse, vec![Act::stream(&format!("event: data\ndata:a\n\n{}", control("1_0", ""))), Act::AwaitClose]),
    ] {
        let server = ScriptedServer::start(vec![again]);
        let mut options = options(live);
        "1_0".clone_into(&mut options.offset);
        let heard = heard_with(&server, options).await;
        assert_eq!(
            heard,
            "failed: UnexpectedAnswer: the server brought data and leads back to \"1_0\", where it begins\n"
        );
    }
}

fn control(next: &str, more: &str) -> String {
    format!("event: control\ndata:{{\"streamNextOffset\":\"{next}\"{more}}}\n\n")
}

#[tokio::test]
async fn what_a_cut_left_without_its_control_event_comes_again() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream(&format!("retry: 1\nevent: data\ndata:a\n\n{}event: data\ndata:b\n\n", control("1_0", "")))],
        vec![Act::stream(&format!(
            ": keep-alive\nevent: data\ndata:b\ndata:\n\n{}{}",
            control("2_0", r#","streamCursor":"9","upToDate":true"#),
            control("2_0", r#","upToDate":true,"streamClosed":true,"streamCloseReason":"failed""#),
        ))],
    ]);
    assert_eq!(
        heard(&server, Live::Sse).await,
        "\"a\" up to 1_0\nreconnecting: the connection ended\n\"b\\n\" up to 2_0, tail\nclosed: failed\n"
    );
    assert_eq!(queries(&server), ["offset=-1&live=sse", "offset=1_0&live=sse"]);
    assert_eq!(server.requests()[0].header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn bytes_come_as_they_are() {
    let body = format!("event: data\ndata:AP9h\n\n{}", control("1_0", r#","streamClosed":true"#));
    let server = ScriptedServer::start(vec![vec![Act::stream_with("stream-sse-data-encoding: base64\r\n", &body)]]);
    assert_eq!(heard(&server, Live::Sse).await, "\"\\0\u{fffd}a\" up to 1_0\nclosed: -\n");
}

#[tokio::test]
async fn what_is_no_stream_of_the_protocol_ends_it_with_the_reason() {
    for (live, answer, expected) in [
        (Live::Not, vec![Act::answer("200 OK", "", "x")], "failed: UnexpectedAnswer: the answer has no Stream-Next"),
        (Live::Sse, page("1_0", "", "x"), "failed: UnexpectedAnswer: the answer is \"\", not \"text/event-stream\""),
        (Live::Sse, vec![Act::stream("event: control\ndata:{}\n\n")], "failed: UnexpectedAnswer: a control event"),
        (
            Live::Sse,
            vec![Act::answer("404 Not Found", "", r#"{"detail":"no s"}"#)],
            "failed: Refused(404): 404 Not Found: no s",
        ),
        (Live::LongPoll, vec![Act::answer("400 Bad Request", "", "")], "failed: Refused(400)"),
    ] {
        let server = ScriptedServer::start(vec![answer]);
        let heard = heard(&server, live).await;
        assert!(heard.starts_with(expected), "{heard}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused_and_not_handed_out_as_it_is() {
    let head = "stream-next-offset: 1_0\r\ncontent-encoding: gzip\r\n";
    for (live, answer) in [
        (Live::Not, Act::answer("200 OK", head, "\u{1f}x")),
        (Live::LongPoll, Act::answer("200 OK", head, "\u{1f}x")),
        (Live::Sse, Act::stream_with(head, "\u{1f}x")),
    ] {
        let server = ScriptedServer::start(vec![vec![answer]]);
        let heard = heard(&server, live).await;
        assert!(heard.starts_with("failed: UnexpectedAnswer: the answer is in the coding \"gzip\""), "{heard}");
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test]
async fn a_piece_is_bounded_in_every_mode() {
    let large = "x".repeat(100);
    for (live, answer) in [
        (Live::Not, page("1_0", TAIL, &large)),
        (Live::Sse, vec![Act::stream(&format!("event: data\ndata:{large}\n\n{}", control("1_0", "")))]),
        (Live::Sse, vec![Act::stream(&"event: data\ndata:0123456789\n\n".repeat(6)), Act::AwaitClose]),
    ] {
        let server = ScriptedServer::start(vec![answer]);
        let mut options = options(live);
        options.piece_bytes_max = 50;
        let heard = heard_with(&server, options).await;
        assert!(heard.starts_with("failed: EventTooLarge"), "{heard}");
    }
}

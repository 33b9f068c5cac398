use std::time::Duration;

use everstream_client::{CloseReason, Created, Error, ErrorKind, HeaderMap, Publisher};
use everstream_testkit::{Act, ScriptedServer};
use futures_util::stream;

fn publisher(server: &ScriptedServer) -> Publisher {
    let http = everstream_client::http_client().unwrap();
    Publisher::new(http, &server.url("/v1/stream/s"), HeaderMap::new()).unwrap()
}

#[tokio::test]
async fn it_creates_appends_and_closes() {
    let server = ScriptedServer::start(vec![
        vec![Act::answer("404 Not Found", "", "")],
        vec![Act::answer("201 Created", "", "")],
        vec![Act::answer("200 OK", "", r#"{"first":"e-1","last":"e-2","records":2}"#)],
        vec![Act::answer("204 No Content", "", "")],
        vec![Act::answer("202 Accepted", "", "")],
    ]);
    let publisher = publisher(&server);
    assert_eq!(publisher.content_type().await.unwrap(), None);
    assert_eq!(publisher.create("text/event-stream").await.unwrap(), Created::New);
    let chunks = stream::iter(["data: a\n\n", "data: b\n\n"].map(Ok::<_, std::io::Error>));
    let appended = publisher.append_streaming("text/event-stream", chunks).await.unwrap();
    assert_eq!((appended.first.as_str(), appended.records), (Some("e-1"), 2));
    publisher.close(&CloseReason::Failed).await.unwrap();
    publisher.stop().await.unwrap();

    let requests = server.requests();
    let targets: Vec<_> = requests.iter().map(|request| request.target()).collect();
    let stream = "/v1/stream/s";
    assert_eq!(
        targets,
        [
            format!("HEAD {stream}"),
            format!("PUT {stream}"),
            format!("POST {stream}"),
            format!("POST {stream}"),
            format!("POST {stream}?action=stop")
        ]
    );
    assert_eq!(requests[2].header("everstream-append"), Some("streaming"));
    assert_eq!(requests[2].header("transfer-encoding"), Some("chunked"));
    assert_eq!(requests[2].body, b"data: a\n\ndata: b\n\n");
    assert_eq!(requests[3].header("stream-closed"), Some("true"));
    assert_eq!(requests[3].header("stream-close-reason"), Some("failed"));
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_its_example_once() {
    for (problem, report) in [
        (
            r#"{"detail":"the type is wrong","example":"text/plain"}"#,
            "409 Conflict: the type is wrong; try \"text/plain\"",
        ),
        (r#"{"detail":"the stream is text/plain","example":"text/plain"}"#, "409 Conflict: the stream is text/plain"),
    ] {
        let server = ScriptedServer::start(vec![vec![Act::answer("409 Conflict", "", problem)]]);
        let error = publisher(&server).append("text/html", "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(409));
        assert_eq!(error.report(), report);
    }
}

#[tokio::test]
async fn it_says_why_a_server_cannot_be_reached() {
    let server = ScriptedServer::start(vec![vec![Act::answer("204 No Content", "", "")]]);
    let publisher = publisher(&server);
    publisher.append("text/plain", "x").await.unwrap();
    let error = publisher.append("text/plain", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.report().starts_with("cannot reach http://127.0.0.1:"), "{}", error.report());
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_for_ever() {
    let server = ScriptedServer::start(vec![vec![Act::AwaitClose]; 4]);
    let publisher = publisher(&server).with_answer_timeout(Duration::from_millis(50));
    let errors = [
        publisher.content_type().await.map(drop).unwrap_err(),
        publisher.create("text/plain").await.map(drop).unwrap_err(),
        publisher.close(&CloseReason::Completed).await.unwrap_err(),
        publisher.stop().await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Unreachable), "{errors:?}");
    assert_eq!(server.await_requests(4).len(), 4);
}

#[tokio::test]
async fn an_error_of_the_source_is_told_as_such() {
    let server = ScriptedServer::start(vec![vec![Act::AwaitClose]]);
    let chunks = stream::iter([Ok("data: a\n\n"), Err(std::io::Error::other("line 2 is not UTF-8"))]);
    let error = publisher(&server).append_streaming("text/event-stream", chunks).await.unwrap_err();
    assert_eq!((error.kind(), error.report().as_str()), (ErrorKind::Source, "line 2 is not UTF-8"));
}

/// A server that sends everybody elsewhere, where a stream is read.
fn moved(status: &str) -> (ScriptedServer, ScriptedServer) {
    let read = "content-type: text/event-stream\r\nstream-next-offset: 0_0\r\n";
    let there = ScriptedServer::start(vec![vec![Act::answer("200 OK", read, "")]]);
    let location = format!("location: {}\r\n", there.url("/v1/stream/s"));
    (ScriptedServer::start(vec![vec![Act::answer(status, &location, "")]]), there)
}

#[tokio::test]
async fn what_a_redirect_turned_into_a_get_was_not_sent() {
    for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
        let check = |result: Result<(), Error>, there: &ScriptedServer| {
            assert_eq!(there.requests()[0].target().split('?').next(), Some("GET /v1/stream/s"));
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedAnswer);
            assert!(error.to_string().contains(&there.url("/v1/stream/s")), "{error}");
        };
        let (here, there) = moved(status);
        check(publisher(&here).append("text/event-stream", "data: a\n\n").await, &there);
        let (here, there) = moved(status);
        check(publisher(&here).close(&CloseReason::Completed).await, &there);
        let (here, there) = moved(status);
        check(publisher(&here).stop().await, &there);
        let (here, there) = moved(status);
        let chunks = stream::iter([Ok::<_, std::io::Error>("data: a\n\n")]);
        check(publisher(&here).append_streaming("text/event-stream", chunks).await.map(drop), &there);
    }
}

#[tokio::test]
async fn a_redirect_that_keeps_what_is_sent_is_followed() {
    let there = ScriptedServer::start(vec![vec![Act::answer("204 No Content", "", "")]]);
    let location = format!("location: {}\r\n", there.url("/v1/stream/s"));
    let here = ScriptedServer::start(vec![vec![Act::answer("307 Temporary Redirect", &location, "")]]);
    publisher(&here).append("text/plain", "a").await.unwrap();
    let requests = there.requests();
    assert_eq!((requests[0].target(), requests[0].body.as_slice()), ("POST /v1/stream/s", b"a".as_slice()));
}

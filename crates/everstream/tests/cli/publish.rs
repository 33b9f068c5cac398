use everstream_testkit::{Act, ScriptedServer};

use crate::everstream::run;

const APPENDED: &str = r#"{"first":"e-1","last":"e-2","records":2}"#;

fn appended() -> Vec<Act> {
    vec![Act::answer("200 OK", "content-type: application/json\r\n", APPENDED)]
}

#[test]
fn it_makes_the_stream_appends_each_line_and_closes() {
    let server = ScriptedServer::start(vec![
        vec![Act::answer("404 Not Found", "", "")],
        vec![Act::answer("201 Created", "", "")],
        appended(),
        vec![Act::answer("204 No Content", "", "")],
    ]);
    let url = server.url("/v1/stream/s");
    let finished = run(&["publish", "--event", "tick", "--close", &url], b"1\n\n2 \r\n3");
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (Some(0), "", ""));
    let requests = server.requests();
    assert_eq!(requests[1].target(), "PUT /v1/stream/s");
    assert_eq!(requests[1].header("content-type"), Some("text/event-stream"));
    assert_eq!(requests[2].header("everstream-append"), Some("streaming"));
    let expected = "event: tick\ndata: 1\n\nevent: tick\ndata: \n\nevent: tick\ndata: 2 \n\nevent: tick\ndata: 3\n\n";
    assert_eq!(String::from_utf8_lossy(&requests[2].body), expected);
    assert_eq!(requests[3].header("stream-closed"), Some("true"));
}

#[test]
fn ndjson_and_event_streams_go_up_as_they_are() {
    let head = |content_type: &str| {
        vec![Act::send(&format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n"))]
    };
    let server = ScriptedServer::start(vec![head("application/json"), appended()]);
    let url = server.url("/s");
    assert_eq!(run(&["publish", "--type", "ndjson", &url], b"{\"n\":0}\n\n[1]\n").code, Some(0));
    assert_eq!(server.requests()[1].header("content-type"), Some("application/x-ndjson"));
    assert_eq!(server.requests()[1].body, b"{\"n\":0}\n[1]\n");

    let server = ScriptedServer::start(vec![head("text/event-stream; charset=utf-8"), appended()]);
    let url = server.url("/s");
    assert_eq!(run(&["publish", "--type", "sse", &url], b"id: 1\r\ndata: a\r\n\r\n").code, Some(0));
    assert_eq!(server.requests()[1].body, b"id: 1\r\ndata: a\r\n\r\n");

    let server = ScriptedServer::start(vec![head("application/json")]);
    let url = server.url("/s");
    let finished = run(&["publish", &url], b"a\n");
    assert_eq!(finished.code, Some(2));
    assert!(
        finished.stderr.ends_with("is of type application/json, the input of text/event-stream; try --type ndjson\n")
    );
}

#[test]
fn wrong_input_is_told_by_its_line_and_closes_nothing() {
    let stream = vec![Act::send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")];
    let server = ScriptedServer::start(vec![stream, vec![Act::AwaitClose]]);
    let finished = run(&["publish", "--close", &server.url("/s")], b"a\nb\xFF\n");
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.starts_with("everstream: line 2 of standard input is not UTF-8: "), "{}", finished.stderr);
    assert_eq!(server.requests().len(), 1, "the broken upload never became a whole request, and no close followed");
}

#[test]
fn a_refusal_is_explained_although_the_answer_to_a_head_has_no_body() {
    let problem = r#"{"detail":"the path has an empty segment; try \"a/b\"","example":"a/b"}"#;
    let head = vec![Act::send("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")];
    let server = ScriptedServer::start(vec![head, vec![Act::answer("400 Bad Request", "", problem)]]);
    let finished = run(&["publish", &server.url("/v1/stream//s")], b"a\n");
    assert_eq!(finished.code, Some(4));
    assert_eq!(finished.stderr, "everstream: 400 Bad Request: the path has an empty segment; try \"a/b\"\n");
}

#[test]
fn wrong_usage_comes_with_an_example() {
    for (arguments, sentence) in [
        (["publish", "http://127.0.0.1:1/s", "--event", "a\nb"].as_slice(), "try \"token\""),
        (&["publish", "http://127.0.0.1:1/s", "--event", "a", "--type", "sse"], "use --type lines"),
        (&["publish", "http://127.0.0.1:1/s", "-H", "secret"], "try --header \"Authorization: Bearer TOKEN\""),
        (&["publish", "s"], "try \"http://127.0.0.1:8000/v1/stream/news\""),
    ] {
        let finished = run(arguments, b"");
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.stderr.contains(sentence), "{finished:?}");
    }
}

fn produced(status: &str, seq: u64) -> Vec<Act> {
    vec![Act::answer(status, &format!("producer-epoch: 0\r\nproducer-seq: {seq}\r\n"), "")]
}

#[test]
fn a_producer_sends_each_line_under_its_own_number_until_it_is_there() {
    let head = vec![Act::send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")];
    let server = ScriptedServer::start(vec![
        head,
        // An earlier run came this far.
        produced("204 No Content", 0),
        vec![Act::answer("503 Service Unavailable", "retry-after: 0\r\n", "")],
        produced("200 OK", 1),
        produced("204 No Content", 2),
    ]);
    let finished = run(&["publish", "--producer", "import-7", "--close", &server.url("/s")], b"a\nb\n");
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let requests = server.requests();
    let told: Vec<_> = requests[1..]
        .iter()
        .map(|it| (it.header("producer-seq").unwrap(), String::from_utf8_lossy(&it.body).into_owned()))
        .collect();
    let line = |seq, text: &str| (seq, format!("data: {text}\n\n"));
    assert_eq!(told, [line("0", "a"), line("1", "b"), line("1", "b"), ("2", String::new())]);
    assert!(requests[1..].iter().all(|it| it.header("producer-id") == Some("import-7")));
    assert_eq!(requests[4].header("stream-closed"), Some("true"));
}

#[test]
fn a_producer_takes_events_as_they_are() {
    let head = vec![Act::send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")];
    let server = ScriptedServer::start(vec![head, produced("200 OK", 0), produced("200 OK", 1)]);
    let input = b": hi\n\nid: 1\r\nevent: x\r\ndata: a\r\n\r\ndata: b\n\n";
    let finished = run(&["publish", "--producer", "p", "--type", "sse", &server.url("/s")], input);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let bodies: Vec<_> =
        server.requests()[1..].iter().map(|it| String::from_utf8_lossy(&it.body).into_owned()).collect();
    assert_eq!(bodies, ["event: x\ndata: a\n\n", "data: b\n\n"]);
}

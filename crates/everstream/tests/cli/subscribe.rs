use everstream_testkit::{Act, ScriptedServer};

use crate::everstream::{await_output, run, start};

fn close(reason: &str) -> String {
    format!(
        "id: e-3-end\nevent: close\ndata: {{\"reason\":\"{reason}\",\"detail\":{{\"message\":\"why\"}},\"next\":\"e-3\"}}\n\n"
    )
}

#[test]
fn it_follows_across_a_cut_and_tells_the_end_by_its_exit_code() {
    for (reason, code) in [("completed", 0), ("failed", 5), ("interrupted", 5), ("stopped", 6)] {
        let server = ScriptedServer::start(vec![
            vec![Act::stream("retry: 1\nid: e-1\ndata: a\n\nid: e-2\ndata: half"), Act::Reset],
            vec![Act::stream(&format!("id: e-2\ndata: b\n\nid: e-3\nevent: x\ndata: c\ndata: d\n\n{}", close(reason)))],
        ]);
        let finished = run(&["subscribe", &server.url("/v1/stream/s")], b"");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), "a\nb\nc\nd\n"), "{finished:?}");
        assert_eq!(server.requests()[1].header("last-event-id"), Some("e-1"));
        assert_eq!(finished.stderr.contains(&format!("the stream is {reason}: why")), code != 0, "{finished:?}");
    }
}

#[test]
fn json_has_one_object_for_each_event_the_close_included() {
    let server = ScriptedServer::start(vec![vec![Act::stream(&format!(
        "id: e-3\nevent: x\ndata: a\n\n{}",
        close("completed")
    ))]]);
    let finished = run(&["subscribe", "--json", &server.url("/")], b"");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[0], r#"{"type":"x","data":"a","id":"e-3"}"#);
    assert!(lines[1].starts_with(r#"{"type":"close","data":"{\"reason\""#), "{}", lines[1]);
    assert_eq!(lines.len(), 2);
}

#[test]
fn each_event_is_written_as_it_comes() {
    let server = ScriptedServer::start(vec![vec![Act::stream("data: a\n\n"), Act::AwaitClose]]);
    let mut child = start(&["subscribe", &server.url("/")]);
    assert_eq!(await_output(&mut child, "a\n"), "a\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn from_and_last_event_id_say_where_to_begin() {
    let asked = |arguments: &[&str]| {
        let server = ScriptedServer::start(vec![vec![Act::answer("204 No Content", "", "")]]);
        let url = server.url("/s?a=b");
        let finished = run(&[&["subscribe", &url], arguments].concat(), b"");
        assert_eq!(finished.code, Some(0));
        let request = server.requests().remove(0);
        (request.target().to_owned(), request.header("last-event-id").map(ToOwned::to_owned))
    };
    assert_eq!(asked(&[]), ("GET /s?a=b".to_owned(), None));
    assert_eq!(asked(&["--from", "now"]), ("GET /s?a=b&from=now".to_owned(), None));
    assert_eq!(asked(&["--last-event-id", "7"]), ("GET /s?a=b".to_owned(), Some("7".to_owned())));
}

#[test]
fn what_cannot_be_followed_has_a_code_and_a_sentence() {
    let refused = ScriptedServer::start(vec![vec![Act::answer("404 Not Found", "", r#"{"detail":"no stream s"}"#)]]);
    let page = ScriptedServer::start(vec![vec![Act::answer("200 OK", "content-type: text/html\r\n", "<p>")]]);
    let gone = ScriptedServer::start(Vec::new());
    for (url, code, sentence) in [
        (refused.url("/"), 4, "404 Not Found: no stream s"),
        (page.url("/"), 4, "the answer is \"text/html\", not \"text/event-stream\""),
        (gone.url("/"), 3, "cannot reach http://127.0.0.1:"),
        ("news".to_owned(), 2, "try \"http://127.0.0.1:8000/v1/stream/news\""),
    ] {
        let finished = run(&["subscribe", &url], b"");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{finished:?}");
        assert!(finished.stderr.contains(sentence), "{finished:?}");
    }
    assert_eq!(run(&["subscribe"], b"").code, Some(2));
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream("data: a\n\n"), Act::AwaitRequests(2), Act::send("data: b\n\ndata: c\n\n"), Act::AwaitClose],
        vec![Act::answer("204 No Content", "", "")],
    ]);
    let mut child = start(&["subscribe", &server.url("/")]);
    await_output(&mut child, "a\n");
    drop(child.stdout.take());
    // Another request tells the server that nobody reads any more.
    assert_eq!(run(&["subscribe", &server.url("/")], b"").code, Some(0));
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

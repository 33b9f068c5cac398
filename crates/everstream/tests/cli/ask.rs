use everstream_testkit::{Act, ScriptedServer};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::everstream::{await_output, run, start};

const LOCATION: &str = "content-location: /v1/stream/asks/1\r\n";

fn token(n: usize, text: &str) -> String {
    let chunk = serde_json::json!({ "choices": [{ "delta": { "content": text } }] });
    format!("id: e-{n}\ndata: {chunk}\n\n")
}

fn close(n: usize, reason: &str) -> String {
    format!("id: e-{n}-end\nevent: close\ndata: {{\"reason\":\"{reason}\",\"detail\":{{\"message\":\"why\"}}}}\n\n")
}

const DONE: &str = "id: e-9\ndata: [DONE]\n\n";

#[test]
fn it_posts_a_chat_request_and_prints_the_answer_alone() {
    let body = [&token(1, "The sky\n"), &token(2, " is blue"), DONE].map(|it| it.to_owned()).concat();
    let server = ScriptedServer::start(vec![vec![Act::stream_with(LOCATION, &body)]]);
    let finished = run(&["ask", &server.url("/demo/v1"), "-m", "small", "-s", "be brief", "Why?"], b"");
    let told = (finished.code, finished.stdout.as_str(), finished.stderr.as_str());
    assert_eq!(told, (Some(0), "The sky\n is blue", ""));
    let request = server.requests().remove(0);
    assert_eq!(request.target(), "POST /demo/v1/chat/completions");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("idempotency-key").map(str::len), Some(36));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let messages =
        serde_json::json!([{ "role": "system", "content": "be brief" }, { "role": "user", "content": "Why?" }]);
    assert_eq!((&body["model"], &body["stream"], &body["messages"]), (&"small".into(), &true.into(), &messages));
}

#[test]
fn the_question_may_come_from_standard_input() {
    let server = ScriptedServer::start(vec![vec![Act::stream_with(LOCATION, DONE)]]);
    assert_eq!(run(&["ask", &server.url("/v1/chat/completions"), "-"], "Warum?\n".as_bytes()).code, Some(0));
    let body: Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
    assert_eq!(body["messages"][0]["content"], "Warum?\n");
}

#[test]
fn a_cut_answer_goes_on_at_its_own_stream_without_asking_twice() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream_with(LOCATION, &token(1, "a")), Act::Reset],
        vec![Act::stream(&token(2, "b")), Act::Reset],
        vec![Act::stream(&format!("{}{DONE}", token(3, "c")))],
    ]);
    let finished = run(&["ask", &server.url("/demo/v1"), "Why?"], b"");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "abc"), "{finished:?}");
    let requests = server.requests();
    let asked: Vec<_> = requests.iter().map(|it| (it.target(), it.header("last-event-id"))).collect();
    assert_eq!(
        asked,
        [
            ("POST /demo/v1/chat/completions", None),
            ("GET /v1/stream/asks/1", Some("e-1")),
            ("GET /v1/stream/asks/1", Some("e-2"))
        ]
    );
}

#[test]
fn the_exit_code_tells_how_the_answer_ended() {
    for (reason, code) in [("completed", 0), ("failed", 5), ("interrupted", 5), ("stopped", 6)] {
        let server = ScriptedServer::start(vec![
            vec![Act::stream_with(LOCATION, &token(1, "a")), Act::Reset],
            vec![Act::stream(&close(1, reason))],
        ]);
        let finished = run(&["ask", &server.url("/demo/v1"), "Why?"], b"");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), "a"), "{finished:?}");
        assert_eq!(finished.stderr.contains(": why"), code != 0, "{finished:?}");
    }
}

#[test]
fn an_answer_that_nobody_can_resume_is_not_asked_for_again() {
    let server = ScriptedServer::start(vec![vec![Act::stream(&token(1, "a")), Act::Reset], vec![Act::stream(DONE)]]);
    let finished = run(&["ask", &server.url("/v1"), "Why?"], b"");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(3), "a"), "{finished:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_killed_command_prints_exactly_the_rest_when_it_is_started_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sky.ask").display().to_string();
    let server = ScriptedServer::start(vec![
        vec![Act::stream_with(LOCATION, &format!("{}{}", token(1, "one "), token(2, "two "))), Act::AwaitClose],
        vec![Act::stream(&token(3, "three ")), Act::AwaitClose],
        vec![Act::stream(&format!("{}{DONE}", token(4, "four")))],
    ]);
    let url = server.url("/demo/v1");
    let mut printed = String::new();
    let first = ["ask", "--resume-file", &file, &url, "Why?"];
    // With the same command line or without the question: both go on.
    for (arguments, until, id) in
        [(first.as_slice(), "two ", "e-2"), (&["ask", "--resume-file", &file], "three ", "e-3")]
    {
        let mut child = start(arguments);
        printed += &await_output(&mut child, until);
        // The file follows the print: only then is the kill one between two tokens.
        everstream_testkit::eventually("the id in the resume file", || {
            let text = std::fs::read_to_string(&file).unwrap();
            if text.contains(&format!("\"{id}\"")) { Ok(()) } else { Err(text) }
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let finished = run(&first, b"");
    printed += &finished.stdout;
    assert_eq!((finished.code, printed.as_str()), (Some(0), "one two three four"), "{finished:?}");
    let requests = server.requests();
    let asked: Vec<_> = requests.iter().map(|it| (it.target(), it.header("last-event-id"))).collect();
    assert_eq!(asked[1..], [("GET /v1/stream/asks/1", Some("e-2")), ("GET /v1/stream/asks/1", Some("e-3"))]);
    assert!(!std::path::Path::new(&file).exists(), "an answer that has ended leaves nothing behind");
}

#[test]
fn a_question_that_was_not_answered_yet_is_sent_again_under_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sky.ask").display().to_string();
    let server = ScriptedServer::start(vec![vec![Act::AwaitClose], vec![Act::stream_with(LOCATION, DONE)]]);
    let mut child = start(&["ask", "--resume-file", &file, &server.url("/demo/v1"), "Why?"]);
    let key = server.await_requests(1)[0].header("idempotency-key").unwrap().to_owned();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(run(&["ask", "--resume-file", &file], b"").code, Some(0));
    assert_eq!(server.requests()[1].header("idempotency-key"), Some(key.as_str()));
}

#[test]
fn a_resume_file_is_not_taken_for_another_question_or_for_what_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sky.ask").display().to_string();
    let server = ScriptedServer::start(vec![vec![Act::AwaitClose]]);
    let mut child = start(&["ask", "--resume-file", &file, &server.url("/demo/v1"), "Why?"]);
    let _ = server.await_requests(1);
    child.kill().unwrap();
    child.wait().unwrap();
    let finished = run(&["ask", "--resume-file", &file, &server.url("/demo/v1"), "How?"], b"");
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("remembers another question"), "{finished:?}");

    std::fs::write(&file, "my notes\n").unwrap();
    let finished = run(&["ask", "--resume-file", &file], b"");
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("is not a resume file of everstream ask"), "{finished:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "my notes\n");
}

#[test]
fn interrupt_stops_the_model_and_says_so() {
    let server = ScriptedServer::start(vec![
        vec![Act::stream_with(LOCATION, &token(1, "a")), Act::AwaitRequests(2), Act::Reset],
        vec![Act::answer("202 Accepted", "", "")],
        vec![Act::stream(&close(1, "stopped"))],
    ]);
    let mut child = start(&["ask", &server.url("/demo/v1"), "Why?"]);
    await_output(&mut child, "a");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("everstream: stopped: why"), "{stderr}");
    assert_eq!(server.requests()[1].target(), "POST /v1/stream/asks/1?action=stop");
}

#[test]
fn what_cannot_be_asked_has_a_code_and_a_sentence() {
    let refused = ScriptedServer::start(vec![vec![Act::answer("404 Not Found", "", r#"{"detail":"no such page"}"#)]]);
    let gone = ScriptedServer::start(Vec::new());
    for (url, code, sentence) in [
        (refused.url("/"), 4, "ends in /v1, as in http://127.0.0.1:8000/demo/v1"),
        (gone.url("/v1"), 3, "cannot reach http://127.0.0.1:"),
        ("demo".to_owned(), 2, "try \"http://127.0.0.1:8000/"),
    ] {
        let finished = run(&["ask", &url, "Why?"], b"");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{finished:?}");
        assert!(finished.stderr.contains(sentence), "{finished:?}");
    }
    let finished = run(&["ask", "http://127.0.0.1:1/v1"], b"");
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("try everstream ask http://127.0.0.1:8000/demo/v1"), "{finished:?}");
}

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::Instant;

use super::answer::Answer;
use super::completion::Completion;
use super::request::{ChatRequest, rate};
use super::text::{first_piece, text as text_of};
use crate::config::ByteSize;
use crate::test_app::{BodyEnd, TestApp};

fn completion(body: &str) -> Completion {
    Completion::new(&ChatRequest::parse(body.as_bytes()).unwrap(), 1_700_000_000)
}

const PLAIN: &str = r#"{"stream":true,"messages":[{"role":"user","content":"Why?"}]}"#;

async fn text(body: &str) -> String {
    let answer = Answer::new(completion(body), 1_000);
    String::from_utf8(answer.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn contents(stream: &str) -> String {
    let chunks = stream.split("\n\n").filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok());
    chunks
        .filter_map(|chunk: serde_json::Value| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_same_question_has_the_same_answer_streamed_or_whole() {
    let (first, second) = (text(PLAIN).await, text(PLAIN).await);
    assert_eq!(first, second);
    let whole: serde_json::Value = serde_json::from_str(&completion(PLAIN).whole()).unwrap();
    assert_eq!(contents(&first), whole["choices"][0]["message"]["content"].as_str().unwrap());
    assert!(first.contains("Why?"));
    assert!(first.ends_with("data: [DONE]\n\n"));
}

#[tokio::test(start_paused = true)]
async fn tokens_come_at_the_rate_and_the_first_at_once() {
    let mut answer = Answer::new(completion(PLAIN), 10);
    let began = Instant::now();
    answer.frame().await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(2));
    answer.frame().await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_millis() / 100, 1);
}

#[tokio::test(start_paused = true)]
async fn usage_is_told_when_it_was_asked_for() {
    assert!(!text(PLAIN).await.contains("usage"));
    let with_usage = PLAIN.replace("{\"stream\"", "{\"stream_options\":{\"include_usage\":true},\"stream\"");
    let usage = text(&with_usage).await;
    assert!(usage.contains(r#""choices":[],"#) && usage.contains(r#""prompt_tokens":1"#), "{usage}");
}

#[tokio::test(start_paused = true)]
async fn a_hostile_prompt_stays_inside_its_json() {
    let body = r#"{"messages":[{"role":"user","content":"x\n\ndata: evil\r\revent: evil\u2028"}],"stream":true}"#;
    let stream = text(body).await;
    assert!(stream.lines().all(|line| line.is_empty() || line.starts_with("data: {") || line == "data: [DONE]"));
}

#[test]
fn content_in_parts_is_read_and_nonsense_refused() {
    let parts = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Why"},{"type":"image_url"}]}]}"#;
    assert_eq!(ChatRequest::parse(parts.as_bytes()).unwrap().prompt(), "Why");
    for body in ["", "{}", r#"{"messages":[]}"#, "[1]"] {
        assert!(ChatRequest::parse(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(rate(None).unwrap(), 30);
    for wrong in ["0", "-1", "x", "1001"] {
        assert!(rate(Some(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn pieces_are_words_with_the_space_before_them_and_paragraphs_ends() {
    let text = text_of("Wie ü\u{2003}geht's?");
    let (mut rest, mut pieces) = (text.as_str(), Vec::new());
    while !rest.is_empty() {
        let piece = first_piece(rest);
        pieces.push(piece);
        rest = &rest[piece.len()..];
    }
    assert_eq!(pieces[..6], ["You", " asked:", " “Wie", " ü", " geht's?”", " I"]);
    let ends: Vec<usize> = (0..pieces.len()).filter(|&at| pieces[at] == "\n\n").collect();
    assert_eq!(ends.len(), 6);
    assert!(ends.iter().all(|&at| pieces[at + 1].chars().all(|letter| !letter.is_whitespace())));
    assert_eq!((first_piece(""), first_piece(" "), first_piece("\n\n"), first_piece("a\n\nb")), ("", " ", "\n\n", "a"));
}

#[test]
fn a_token_with_what_json_escapes_is_escaped() {
    let mut quoting = completion(r#"{"messages":[{"role":"user","content":"a\"b\\c\u0001d"}]}"#);
    let mut told = String::new();
    while !quoting.is_over() {
        told += std::str::from_utf8(&quoting.next()).unwrap();
    }
    assert!(told.contains(r#"{"content":" “a\"b\\c\u0001d”"}"#), "{told}");
    assert!(quoting.next().is_empty());
}

/// A test's app has no socket: what the mount asks, it asks through memory.
#[tokio::test(start_paused = true)]
async fn the_mount_needs_no_socket() {
    let app = TestApp::new();
    let mut caller = app.open(&format!("POST /demo/v1/chat/completions?rate=10\n\n{PLAIN}")).await;
    assert_eq!((caller.status.as_u16(), caller.headers["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let second = caller.during(Duration::from_secs(1)).await;
    assert!((11..=12).contains(&second.matches("\"content\":\"").count()), "{second}");
    let rest = caller.rest().await;
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    assert_eq!(caller.end(), Some(BodyEnd::Clean));
}

#[tokio::test(start_paused = true)]
async fn the_mount_and_the_network_say_the_same() {
    let app = TestApp::new();
    for (method, path, status) in [
        ("GET", "/v1/models", 200),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
        ("OPTIONS", "/v1/chat/completions", 204),
        ("POST", "/v1/chat/completions", 400),
    ] {
        for upstream in ["/demo", "/demo-upstream"] {
            let answer = app.open(&format!("{method} {upstream}{path}")).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {upstream}{path}");
            if matches!(status, 204 | 405) {
                assert_eq!(answer.headers["allow"], "POST, OPTIONS", "{method} {upstream}{path}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_bound_on_both_ways() {
    let app = TestApp::with(|config| config.max_body_bytes = ByteSize(100));
    let long = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "x".repeat(100));
    for upstream in ["/demo", "/demo-upstream"] {
        assert_eq!(app.status(&format!("POST {upstream}/v1/chat/completions\n\n{long}")).await, 413, "{upstream}");
    }
}

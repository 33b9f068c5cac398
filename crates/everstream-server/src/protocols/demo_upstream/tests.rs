use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::Instant;

use super::answer::Answer;
use super::completion::Completion;
use super::request::{ChatRequest, rate};

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

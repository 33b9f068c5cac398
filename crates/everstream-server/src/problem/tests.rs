use std::collections::HashSet;
use std::fmt::Write;

use expect_test::{expect, expect_file};
use http_body_util::BodyExt;

use super::*;

const INTRODUCTION: &str = "\
# Problems

A refused request is answered with `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, and `code`, the stable word to branch on.
Where a value was wrong, `field`, `value` (shortened to 200 bytes) and a lawful `example` say which.
The `detail` is for people and may change.

This page is made from `crates/everstream-server/src/problem/code.rs`; a test holds it to that.

";

#[test]
fn the_documentation_lists_every_code() {
    let mut page = format!("{INTRODUCTION}| code | status | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        writeln!(page, "| `{}` | {} | {} |", code.as_str(), code.status().as_u16(), code.meaning()).unwrap();
    }
    expect_file!["../../../../docs/protocols/problems.md"].assert_eq(&page);
}

#[test]
fn every_code_is_a_word_of_its_own_for_a_refusal() {
    let words: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
    }
}

#[tokio::test]
async fn a_problem_is_sent_as_a_document_of_its_own_length() {
    let problem =
        Problem::new(Code::Overloaded, "too much at once").about("from", "yesterday", "now").retry_after_seconds(1);
    let response = problem.into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    expect![[r#"{"type":"/problems/overloaded","title":"Overloaded","status":503,"detail":"too much at once","code":"overloaded","field":"from","value":"yesterday","example":"now"}"#]]
        .assert_eq(std::str::from_utf8(&body).unwrap());
}

#[test]
fn a_long_value_is_shortened_between_characters() {
    let problem = Problem::new(Code::InvalidParameter, "no").about("from", "ä".repeat(150), "now");
    let document: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
    assert_eq!(document["value"], format!("{}…", "ä".repeat(100)));
}

#[test]
fn on_a_connection_without_http_yet_the_response_is_whole() {
    let wire = Problem::new(Code::TooManyConnections, "full").retry_after_seconds(1).to_wire();
    let text = String::from_utf8(wire).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"), "{head}");
    assert!(head.contains("\r\nx-content-type-options: nosniff\r\n"), "{head}");
    assert!(
        head.contains("\r\nconnection: close") && head.contains(&format!("\r\ncontent-length: {}", body.len())),
        "{head}"
    );
}

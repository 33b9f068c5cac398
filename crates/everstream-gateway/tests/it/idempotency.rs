//! One key, one upstream call.

use everstream_gateway::{Answer, ErrorKind};
use everstream_testkit::PATIENCE;

use crate::rig::{CHAT, QUESTION, Rig, SOON, join, passed, read, streaming};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_duplicates_make_one_upstream_call_and_read_one_answer() {
    let rig = Rig::new();
    let asking: Vec<_> = (0..20).map(|_| rig.question().header("idempotency-key", "k").send()).collect();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token("Hel");
    call.event("[DONE]");
    call.end();
    let mut answers = Vec::new();
    for asking in asking {
        answers.push(read(streaming(join(asking).await)).await);
    }
    assert!(answers[0].0.ends_with("id: E-2\ndata: [DONE]\n\n"));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_ask_is_read_again() {
    let rig = Rig::new();
    let asking = rig.question().header("idempotency-key", "k").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.event("[DONE]");
    call.end();
    let first = read(streaming(join(asking).await)).await;
    let again = rig.question().header("idempotency-key", "\"k\"").answer().await;
    assert_eq!(read(streaming(again)).await, first);
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_with_the_key_is_refused() {
    let rig = Rig::new();
    let running = rig.question().header("idempotency-key", "k").send();
    let call = rig.upstream.call();
    let other_body = r#"{"stream":true,"model":"other"}"#;
    for (target, body) in
        [(CHAT, other_body), ("/up/v2/chat/completions", QUESTION), ("/up/v1/chat/completions?x=1", QUESTION)]
    {
        let error = rig.post(target, body).header("idempotency-key", "k").answer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused, "{target}");
    }
    let renamed = rig.question().header("idempotency-key", "k").header("everstream-stream", "other").answer().await;
    assert_eq!(renamed.unwrap_err().kind(), ErrorKind::IdempotencyKeyReused);
    drop(call);
    assert!(join(running).await.is_err());
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_looked_at_before_the_limit() {
    let rig = Rig::mounted(|mount| mount.asks_in_flight_max = 1.try_into().unwrap());
    let running = rig.question().header("idempotency-key", "k").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(running).await);
    assert_eq!(rig.question().answer().await.unwrap_err().kind(), ErrorKind::TooManyAsks);
    let attached = streaming(rig.question().header("idempotency-key", "k").answer().await);
    assert_eq!(attached.stream.epoch(), ask.stream.epoch());
    call.event("[DONE]");
    call.end();
    read(ask).await;
    // The place is free again.
    let next = rig.question().send();
    rig.upstream.call().respond(400, "text/plain", "no");
    assert_eq!(passed(join(next).await).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_that_failed_before_its_first_event_fails_the_same_way_again() {
    let rig = Rig::new();
    let asking = rig.question().header("idempotency-key", "k").send();
    rig.upstream.call().respond(429, "application/json", r#"{"error":{"message":"slow down"}}"#);
    assert_eq!(passed(join(asking).await).await.0, 429);
    let again = rig.question().header("idempotency-key", "k").answer().await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::UpstreamFailed(Some(http::StatusCode::TOO_MANY_REQUESTS)));
    assert_eq!(again.to_string(), "slow down");
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_wait_for_the_status_as_the_first_caller_does() {
    let rig = Rig::new();
    let first = rig.question().header("idempotency-key", "k").send();
    let call = rig.upstream.call();
    let second = rig.question().header("idempotency-key", "k").send();
    call.respond(500, "text/plain", "broken");
    assert_eq!(passed(join(first).await).await.0, 500);
    let error = join(second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamFailed(Some(http::StatusCode::INTERNAL_SERVER_ERROR)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_callers_own_must_be_new_or_belong_to_its_key() {
    let rig = Rig::mounted(|mount| mount.status_commit_after = SOON);
    let named = |key: &str| rig.question().header("everstream-stream", "chat/1").header("idempotency-key", key);
    let first = named("k").send();
    let call = rig.upstream.call();
    let ask = streaming(join(first).await);
    assert_eq!(ask.stream.name().as_str(), "chat/1");
    assert_eq!(streaming(named("k").answer().await).stream.epoch(), ask.stream.epoch());
    let exists = ErrorKind::Hub(everstream_hub::ErrorKind::StreamExists);
    assert_eq!(named("other").answer().await.unwrap_err().kind(), exists);
    let unkeyed = rig.question().header("everstream-stream", "chat/1").answer().await;
    assert_eq!(unkeyed.unwrap_err().kind(), exists);
    drop(call);
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn respond_async_answers_before_the_upstream_does_and_attaches_like_any_other() {
    let rig = Rig::new();
    let ask = || rig.question().header("prefer", "respond-async").header("idempotency-key", "k");
    let accepted = |answer| match answer {
        Ok(Answer::Accepted(accepted)) => accepted.stream,
        other => panic!("not accepted: {other:?}"),
    };
    let stream = accepted(ask().answer().await);
    assert_eq!(accepted(ask().answer().await).epoch(), stream.epoch());
    assert!(stream.name().as_str().starts_with("asks/"));
    let mut call = rig.upstream.call();
    call.begin_events();
    call.event("[DONE]");
    call.end();
    tokio::time::timeout(PATIENCE, stream.ended()).await.unwrap();
    assert_eq!(accepted(ask().answer().await).epoch(), stream.epoch());
    assert_eq!(rig.upstream.call_count(), 1);
}

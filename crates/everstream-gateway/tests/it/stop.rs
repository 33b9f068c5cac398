//! Stop is durable, seen by everybody, and reaches the upstream.

use everstream_gateway::{ErrorKind, StoppedByKey};
use everstream_log::{CloseReason, Offset};
use everstream_testkit::PATIENCE;

use crate::rig::{Rig, closure_of, join, read, read_frames, streaming, told};

/// Whether the dialect's error event says at the end that the answer was stopped.
fn is_told_stopped(text: &str) -> bool {
    text.lines().last().is_some_and(|line| line.is_empty() && text.contains("data: {\"error\":{\"code\":\"stopped\""))
        && !text.contains("[DONE]")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_the_upstreams_connection_and_is_told() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token("Hel");
    let ask = streaming(join(asking).await);
    let mut frames = std::collections::VecDeque::new();
    let _ = ask.stream.subscribe(Offset::ZERO).unwrap().next(&mut frames).await;
    ask.stream.stop(None).await.unwrap();
    call.closed_within(PATIENCE);
    let (text, closure) = read(ask).await;
    assert_eq!(closure.reason, CloseReason::Stopped);
    assert!(text.contains("Hel") && is_told_stopped(&text), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_the_upstream_answers_reaches_it_too() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-stream", "s").send();
    let mut call = rig.upstream.call();
    rig.stream("s").await.stop(None).await.unwrap();
    call.closed_within(PATIENCE);
    let (text, closure) = read(streaming(join(asking).await)).await;
    assert!(is_told_stopped(&text) && closure.reason == CloseReason::Stopped, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_by_key_stops_the_running_ask_and_is_idempotent() {
    let rig = Rig::new();
    let asking = rig.question().header("idempotency-key", "k").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stopped = rig.gateway.stop_by_key("k").await.unwrap();
    assert!(matches!(stopped, StoppedByKey::Now(stream) if stream.epoch() == ask.stream.epoch()));
    call.closed_within(PATIENCE);
    let again = rig.gateway.stop_by_key("k").await.unwrap();
    assert!(matches!(again, StoppedByKey::AlreadyEnded(_, closure) if closure.reason == CloseReason::Stopped));
    assert_eq!(told(&closure_of(&ask.stream).await).0, CloseReason::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_the_ask_refuses_it_when_it_comes() {
    let rig = Rig::new();
    let StoppedByKey::Before(tombstone) = rig.gateway.stop_by_key("k").await.unwrap() else { panic!("no tombstone") };
    let again = rig.gateway.stop_by_key("k").await.unwrap();
    assert!(matches!(again, StoppedByKey::AlreadyEnded(stream, _) if stream.epoch() == tombstone.epoch()));
    let refused = rig.question().header("idempotency-key", "k").answer().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Stopped);
    assert_eq!(rig.upstream.call_count(), 0);
    assert!(read_frames(&tombstone, Offset::ZERO).await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_without_a_lawful_key_says_what_a_key_is() {
    let rig = Rig::new();
    let error = rig.gateway.stop_by_key("").await.unwrap_err();
    assert_eq!((error.kind(), error.subject().unwrap().field.as_str()), (ErrorKind::InvalidHeader, "idempotency-key"));
}

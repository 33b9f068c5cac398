//! What becomes of an answer when nobody is connected any more.

use std::time::Duration;

use everstream_gateway::{Answer, OnDisconnect};
use everstream_log::{CloseReason, Offset};
use everstream_testkit::PATIENCE;

use crate::rig::{Rig, SOON, closure_of, join, read, streaming, told};

fn cancelled() -> (CloseReason, &'static str) {
    (CloseReason::Stopped, "disconnected")
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_an_answer_goes_on_without_anybody() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stream = ask.stream.clone();
    drop(ask);
    call.token("Hel");
    call.event("[DONE]");
    call.end();
    assert_eq!(closure_of(&stream).await.reason, CloseReason::Completed);
    assert_eq!(stream.state().tail, Offset(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_before_the_head_leaves_its_ask_running() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-stream", "s").send();
    let mut call = rig.upstream.call();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    call.begin_events();
    call.event("[DONE]");
    call.end();
    assert_eq!(closure_of(&rig.stream("s").await).await.reason, CloseReason::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_when_the_last_connection_is_gone_and_not_before() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-on-disconnect", "cancel").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stream = ask.stream.clone();
    let first = stream.subscribe(Offset::ZERO).unwrap();
    drop(ask.caller);
    let second = stream.subscribe(Offset::ZERO).unwrap();
    drop(first);
    call.token("still here");
    let mut frames = std::collections::VecDeque::new();
    let mut second = second;
    let _ = second.next(&mut frames).await;
    assert_eq!(frames.len(), 1, "the second viewer keeps it alive");
    drop(second);
    call.closed_within(PATIENCE);
    let (reason, code, ..) = told(&closure_of(&stream).await);
    assert_eq!((reason, code), cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_also_when_the_caller_goes_before_the_head() {
    let rig = Rig::mounted(|mount| mount.on_disconnect = OnDisconnect::Cancel);
    let asking = rig.question().header("everstream-stream", "s").send();
    let mut call = rig.upstream.call();
    asking.abort();
    call.closed_within(PATIENCE);
    let (reason, code, ..) = told(&closure_of(&rig.stream("s").await).await);
    assert_eq!((reason, code), cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_after_stops_when_nobody_comes_back_in_time() {
    let rig = Rig::mounted(|mount| mount.on_disconnect = OnDisconnect::CancelAfter(SOON));
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stream = ask.stream.clone();
    drop(ask);
    call.closed_within(PATIENCE);
    let (reason, code, ..) = told(&closure_of(&stream).await);
    assert_eq!((reason, code), cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_after_lets_an_answer_go_on_meanwhile() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-on-disconnect", "cancel-after=3600").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stream = ask.stream.clone();
    drop(ask);
    call.token("Hel");
    call.event("[DONE]");
    call.end();
    assert_eq!(closure_of(&stream).await.reason, CloseReason::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_sends_everybody_away_cancels_nothing() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-on-disconnect", "cancel").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    let stream = ask.stream.clone();
    rig.hub.tasks().draining().cancel();
    drop(ask);
    call.token("Hel");
    // The answer goes on: its token arrives although nobody watched when it was sent.
    let mut viewer = stream.subscribe(Offset::ZERO).unwrap();
    let mut frames = std::collections::VecDeque::new();
    assert!(matches!(viewer.next(&mut frames).await, everstream_hub::Delivery::Frames));
    call.event("[DONE]");
    call.end();
    assert_eq!(closure_of(&stream).await.reason, CloseReason::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_answered_elsewhere_is_not_cancelled_before_its_first_viewer_came() {
    let rig = Rig::new();
    let ask = rig.question().header("prefer", "respond-async").header("everstream-on-disconnect", "cancel");
    let Ok(Answer::Accepted(accepted)) = ask.answer().await else { panic!("not accepted") };
    let mut call = rig.upstream.call();
    call.begin_events();
    let mut viewer = accepted.stream.subscribe(Offset::ZERO).unwrap();
    // Whoever sees a token has been seen by the relay that carried it.
    call.token("Hel");
    let _ = viewer.next(&mut std::collections::VecDeque::new()).await;
    assert!(accepted.stream.state().end.is_none());
    drop(viewer);
    call.closed_within(PATIENCE);
    let (reason, code, ..) = told(&closure_of(&accepted.stream).await);
    assert_eq!((reason, code), cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_keeps_its_policy_refuses_another() {
    let rig = Rig::mounted(|mount| mount.on_disconnect_override = false);
    let refused = rig.question().header("everstream-on-disconnect", "cancel").answer().await.unwrap_err();
    assert_eq!(refused.kind(), everstream_gateway::ErrorKind::InvalidHeader);
    let mut same = rig.question().header("everstream-on-disconnect", "continue").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.event("[DONE]");
    call.end();
    let answer = tokio::time::timeout(Duration::from_secs(10), &mut same).await.unwrap().unwrap();
    assert_eq!(read(streaming(answer)).await.1.reason, CloseReason::Completed);
}

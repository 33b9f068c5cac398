//! `canonical[..k] ++ resume(k) == canonical` for a POST that is sent again with `Last-Event-ID`.

use everstream_gateway::{Answer, ErrorKind};
use everstream_hub::ErrorKind as Hub;
use everstream_log::{Offset, StreamName};

use crate::rig::{CHAT, Request, Rig, join, read_frames, streaming};

/// An answer that has come to its end, by frames; the epoch is in their ids.
async fn answered(rig: &Rig, request: Request<'_>) -> (Vec<String>, StreamName) {
    let asking = request.send();
    let mut call = rig.upstream.call();
    call.begin_events();
    ["Once", " upon", " a", " time"].into_iter().for_each(|token| call.token(token));
    call.event("[DONE]");
    call.end();
    let ask = streaming(join(asking).await);
    (read_frames(&ask.stream, Offset::ZERO).await.0, ask.stream.name().clone())
}

fn id(frame: &str) -> &str {
    frame.lines().next().unwrap().strip_prefix("id: ").unwrap()
}

async fn check_the_law(with_key: bool) {
    let rig = Rig::new();
    let question = || if with_key { rig.question().header("idempotency-key", "k") } else { rig.question() };
    let (canonical, name) = answered(&rig, question()).await;
    assert_eq!(canonical.len(), 5);
    for k in 1..canonical.len() {
        let resumed = streaming(question().header("last-event-id", id(&canonical[k - 1])).answer().await);
        assert_eq!(resumed.stream.name(), &name);
        let (rest, _) = read_frames(&resumed.stream, resumed.from).await;
        assert_eq!([&canonical[..k], &rest].concat(), canonical);
    }
    let end = question().header("last-event-id", id(&canonical[4])).answer().await;
    assert!(matches!(end, Ok(Answer::Seen(_))), "{end:?}");
    let close = question().header("last-event-id", &format!("{}-end", id(&canonical[4]))).answer().await;
    assert!(matches!(close, Ok(Answer::Seen(_))), "{close:?}");
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_nothing_but_the_last_id_goes_on_exactly_behind_it() {
    check_the_law(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_key_goes_on_exactly_behind_the_last_id() {
    check_the_law(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_answer_is_resumed_while_it_comes() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token("Once");
    let ask = streaming(join(asking).await);
    let mut frames = std::collections::VecDeque::new();
    let _ = ask.stream.subscribe(Offset::ZERO).unwrap().next(&mut frames).await;
    let seen = String::from_utf8(frames[0].to_vec()).unwrap();
    let resumed = streaming(rig.question().header("last-event-id", id(&seen)).answer().await);
    call.token(" upon");
    call.event("[DONE]");
    call.end();
    let (rest, _) = read_frames(&resumed.stream, resumed.from).await;
    assert_eq!(rest.len(), 2);
    assert!(rest[0].contains(" upon") && rest[1].contains("[DONE]"));
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_ours_never_asks_anew() {
    let rig = Rig::new();
    let (canonical, name) = answered(&rig, rig.question()).await;
    let last = id(&canonical[1]);
    let not_found = ErrorKind::Hub(Hub::StreamNotFound);
    let other_body = rig.post(CHAT, r#"{"stream":true,"model":"other"}"#).header("last-event-id", last).answer().await;
    assert_eq!(other_body.unwrap_err().kind(), not_found);
    let other_epoch = rig.question().header("last-event-id", "zzzzzzzz-1").answer().await;
    assert_eq!(other_epoch.unwrap_err().kind(), not_found);
    rig.hub.delete(&name).await.unwrap();
    let deleted = rig.question().header("last-event-id", last).answer().await;
    assert_eq!(deleted.unwrap_err().kind(), not_found);
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_nobody_is_a_new_ask() {
    let rig = Rig::new();
    answered(&rig, rig.question().header("last-event-id", "-1")).await;
    answered(&rig, rig.question().header("last-event-id", "")).await;
    assert_eq!(rig.upstream.call_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_answer_is_refused_and_not_glued() {
    let rig = Rig::new();
    let question = || rig.question().header("idempotency-key", "k");
    let (canonical, _) = answered(&rig, question()).await;
    let epoch = id(&canonical[0]).split('-').next().unwrap();
    for last in ["zzzzzzzz-1".to_owned(), format!("{epoch}-99"), format!("{epoch}-2-end")] {
        let error = question().header("last-event-id", &last).answer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResumeMismatch, "{last}");
    }
    assert_eq!(rig.upstream.call_count(), 1);
}

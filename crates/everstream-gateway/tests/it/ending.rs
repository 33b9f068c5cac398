//! Every way an answer can end, and what its stream says about it.

use std::collections::VecDeque;

use everstream_gateway::{Dialect, DialectChoice, ErrorKind, OutcomeCode};
use everstream_hub::{Delivery, End};
use everstream_log::CloseReason::{Completed, Failed, Interrupted};
use everstream_testkit::UpstreamCall;

use crate::rig::{Rig, SOON, closure_of, join, passed, read, streaming, told};

const FINISHED: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

/// Plays one answer in events; it ends so for its caller.
async fn failed_after_a_token(play: impl FnOnce(UpstreamCall)) -> (String, &'static str, Option<u16>) {
    let rig = Rig::mounted(|mount| mount.timeouts.idle = 10 * SOON);
    let answer = rig.play(|mut call| {
        call.begin_events();
        call.token("Hel");
        play(call);
    });
    let (text, closure) = read(streaming(answer.await)).await;
    let (reason, code, status, _) = told(&closure);
    assert_eq!(reason, Failed);
    assert!(!text.contains("[DONE]"), "{text}");
    (text, code, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn done_makes_an_answer_completed() {
    let rig = Rig::new();
    let answer = rig.play(|mut call| {
        call.begin_events();
        call.token("Hel");
        call.token("lo");
        call.event(FINISHED);
        call.event("[DONE]");
        call.end();
    });
    let (text, closure) = read(streaming(answer.await)).await;
    expect_test::expect![[r#"
        id: E-1
        data: {"choices":[{"delta":{"content":"Hel"},"finish_reason":null,"index":0}]}

        id: E-2
        data: {"choices":[{"delta":{"content":"lo"},"finish_reason":null,"index":0}]}

        id: E-3
        data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

        id: E-4
        data: [DONE]

    "#]]
    .assert_eq(&text);
    assert_eq!((closure.reason, closure.detail.len()), (Completed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn done_is_enough_although_the_upstream_keeps_the_connection_open() {
    let rig = Rig::new();
    let mut open = None;
    let answer = rig.play(|mut call| {
        call.begin_events();
        call.event("[DONE]");
        open = Some(call);
    });
    assert_eq!(read(streaming(answer.await)).await.1.reason, Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finish_reason_and_a_clean_end_make_an_answer_completed() {
    let rig = Rig::new();
    let answer = rig.play(|mut call| {
        call.begin_events();
        call.event(FINISHED);
        call.end();
    });
    assert_eq!(read(streaming(answer.await)).await.1.reason, Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_end_without_any_sign_of_wholeness_is_a_cut() {
    let (text, code, status) = failed_after_a_token(UpstreamCall::end).await;
    assert_eq!((code, status), ("upstream_cut", Some(200)));
    let error = r#"data: {"error":{"code":"upstream_cut","message":"the answer ended before it was whole","param":null,"type":"upstream_error"}}"#;
    assert!(text.ends_with(&format!("\n\n{error}\n\n")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_within_an_event_drops_that_event_and_fails() {
    let (text, code, status) = failed_after_a_token(|mut call| {
        call.chunk("data: {\"half\":");
        call.cut();
    })
    .await;
    assert_eq!((code, status), ("upstream_cut", Some(200)));
    assert!(!text.contains("half") && text.contains("Hel"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_a_finish_reason_fails_too() {
    let (_, code, _) = failed_after_a_token(|mut call| {
        call.event(FINISHED);
        call.cut();
    })
    .await;
    assert_eq!(code, "upstream_cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_fails() {
    let (_, code, _) = failed_after_a_token(UpstreamCall::reset).await;
    assert_eq!(code, "upstream_cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_chunk_framing_fails() {
    let (_, code, _) = failed_after_a_token(|mut call| call.raw("zz\r\n")).await;
    assert_eq!(code, "upstream_cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_within_an_answer_fails_and_closes_the_upstreams_connection() {
    let mut open = None;
    let (_, code, status) = failed_after_a_token(|call| open = Some(call)).await;
    assert_eq!((code, status), ("upstream_stalled", Some(200)));
    open.unwrap().closed_within(everstream_testkit::PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_as_a_whole_fails() {
    let rig = Rig::mounted(|mount| mount.timeouts.total = Some(SOON));
    let mut open = None;
    let answer = rig.play(|mut call| {
        call.begin_events();
        call.token("Hel");
        open = Some(call);
    });
    let (_, closure) = read(streaming(answer.await)).await;
    assert_eq!(told(&closure).1, "upstream_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_event_is_kept_and_fails_the_answer_without_a_second_one() {
    let error = r#"{"error":{"message":"overloaded","type":"server_error"}}"#;
    let (text, code, _) = failed_after_a_token(|mut call| {
        call.event(error);
        call.token("never read");
        call.end();
    })
    .await;
    assert_eq!(code, "upstream_error");
    assert!(text.ends_with(&format!("id: E-2\ndata: {error}\n\n")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_fails_and_keeps_what_was_before_it() {
    let (text, code, _) = failed_after_a_token(|mut call| {
        call.event(&"x".repeat(8000));
        call.end();
    })
    .await;
    assert_eq!(code, "event_too_large");
    assert!(text.contains("Hel") && !text.contains("xxx"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_a_stream_may_be_fails() {
    let rig = Rig::with(|_| {}, |hub| hub.stream_bytes_max = 200);
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token(&"x".repeat(40));
    let ask = streaming(join(asking).await);
    let first = ask.stream.subscribe(ask.from).unwrap().next(&mut VecDeque::new()).await;
    assert!(matches!(first, Delivery::Frames), "{first:?}");
    (0..3).for_each(|_| call.token(&"x".repeat(40)));
    call.end();
    let (_, closure) = read(ask).await;
    assert_eq!(told(&closure).1, "stream_full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_event_stream_is_whole_when_it_ends_cleanly_and_only_then() {
    for is_cut in [false, true] {
        let rig = Rig::mounted(|mount| mount.dialect = DialectChoice::Fixed(Dialect::Sse));
        let answer = rig.play(|mut call| {
            call.begin_events();
            call.chunk("event: note\nid: theirs\nretry: 1\n: hello\ndata: a\n\n");
            if is_cut { call.cut() } else { call.end() }
        });
        let (text, closure) = read(streaming(answer.await)).await;
        assert_eq!(text, "id: E-1\nevent: note\ndata: a\n\n");
        assert_eq!(closure.reason, if is_cut { Failed } else { Completed });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_status_passes_through_and_is_told_to_viewers() {
    let rig = Rig::new();
    let body = r#"{"error":{"message":"slow down"}}"#;
    let asking = rig.question().header("everstream-stream", "s").send();
    let mut call = rig.upstream.call();
    let length = format!("content-length: {}", body.len());
    call.head(429, &["content-type: application/json", "retry-after: 7", &length]);
    call.raw(body);
    let (status, headers, text) = passed(join(asking).await).await;
    assert_eq!((status, text.as_deref()), (429, Ok(body)));
    assert_eq!(
        (&headers["retry-after"], &headers["content-type"]),
        (&"7".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let told = told(&closure_of(&rig.stream("s").await).await);
    assert_eq!(told, (Failed, "upstream_status", Some(429), "slow down".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_error_body_passes_through_whole_and_a_cut_one_is_cut() {
    let rig = Rig::new();
    let body = "x".repeat(300_000);
    let (status, _, text) = passed(rig.play(|call| call.respond(500, "text/plain", &body)).await).await;
    assert_eq!((status, text.unwrap().len()), (500, 300_000));
    let answer = rig.play(|mut call| {
        call.head(500, &["content-length: 10"]);
        call.raw("half");
        call.cut();
    });
    let (status, _, text) = passed(answer.await).await;
    assert_eq!(status, 500);
    assert!(text.is_err(), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_event_stream_passes_through() {
    let rig = Rig::new();
    let asking = rig.question().header("everstream-stream", "s").send();
    rig.upstream.call().respond(200, "application/json", "{}");
    let (status, _, text) = passed(join(asking).await).await;
    assert_eq!((status, text.as_deref()), (200, Ok("{}")));
    assert_eq!(told(&closure_of(&rig.stream("s").await).await).1, "upstream_not_event_stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_cannot_be_reached_is_a_refusal() {
    let rig = Rig::mounted(|mount| {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        mount.url.set_port(Some(free.local_addr().unwrap().port())).unwrap();
    });
    let error = rig.question().header("everstream-stream", "s").answer().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamUnreachable);
    let (reason, code, status, _) = told(&closure_of(&rig.stream("s").await).await);
    assert_eq!((reason, code, status), (Failed, "upstream_unreachable", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_closes_without_an_answer_is_a_refusal() {
    let rig = Rig::new();
    let error = rig.play(UpstreamCall::cut).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamUnreachable);
    assert_eq!(rig.upstream.call_count(), 1, "nothing is sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_never_begins_to_answer_is_a_refusal() {
    let rig = Rig::mounted(|mount| mount.timeouts.first_byte = SOON);
    let mut open = None;
    let error = rig.play(|call| open = Some(call)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamTimeout);
    open.unwrap().closed_within(everstream_testkit::PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_error_status_is_told_within_the_answer() {
    let rig = Rig::mounted(|mount| mount.status_commit_after = SOON);
    let asking = rig.question().send();
    let call = rig.upstream.call();
    // The caller's head goes out without one from the upstream.
    let ask = streaming(join(asking).await);
    call.respond(503, "application/json", r#"{"error":{"message":"no capacity"}}"#);
    let (text, closure) = read(ask).await;
    assert_eq!(told(&closure), (Failed, "upstream_status", Some(503), "no capacity".to_owned()));
    let error =
        r#"data: {"error":{"code":"upstream_status","message":"no capacity","param":null,"type":"upstream_error"}}"#;
    assert_eq!(text, format!("{error}\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_interrupts_an_answer() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token("Hel");
    let ask = streaming(join(asking).await);
    rig.hub.tasks().cutoff().cancel();
    call.closed_within(everstream_testkit::PATIENCE);
    let (text, closure) = read(ask).await;
    assert_eq!((closure.reason, told(&closure).1), (Interrupted, OutcomeCode::Draining.as_str()));
    assert!(text.contains(r#""code":"draining""#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_an_answer_come_to_its_end_and_takes_no_new_ask() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    rig.hub.tasks().draining().cancel();
    let refused = rig.question().answer().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Hub(everstream_hub::ErrorKind::Draining));
    call.event("[DONE]");
    assert_eq!(read(ask).await.1.reason, Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_stream_closes_the_upstreams_connection() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    rig.hub.delete(ask.stream.name()).await.unwrap();
    call.closed_within(everstream_testkit::PATIENCE);
    assert_eq!(ask.stream.ended().await, End::Deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_stored_is_not_paid_for_any_longer() {
    let rig = Rig::mounted(|mount| mount.asks_in_flight_max = 1.try_into().unwrap());
    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.begin_events();
    let ask = streaming(join(asking).await);
    rig.log.fail_commit(1);
    call.token("Hel");
    call.closed_within(everstream_testkit::PATIENCE);
    assert_eq!(ask.stream.state().tail, everstream_log::Offset::ZERO, "nobody saw what was not stored");
    let next = rig.question().answer().await.unwrap_err();
    assert_eq!(next.kind(), ErrorKind::Hub(everstream_hub::ErrorKind::ReadOnly), "its place is free");
}

/// What a subscription is told at the tail of a stream, whose log takes nothing more.
async fn broken_off(ask: &everstream_gateway::Ask) -> everstream_hub::ErrorKind {
    let mut subscription = ask.stream.subscribe(ask.from).unwrap();
    let mut frames = VecDeque::new();
    loop {
        match tokio::time::timeout(everstream_testkit::PATIENCE, subscription.next(&mut frames)).await {
            Ok(Delivery::Frames) => {}
            Ok(Delivery::Broken(error)) => return error.kind(),
            other => panic!("left waiting, or told an end that is in no log: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_end_cannot_be_stored_leaves_nobody_waiting() {
    let rig = Rig::new();
    let asking = rig.question().header("idempotency-key", "k").send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.token("Hel");
    let ask = streaming(join(asking).await);
    let mut watching = ask.stream.subscribe(ask.from).unwrap();
    let mut frames = VecDeque::new();
    assert!(matches!(watching.next(&mut frames).await, Delivery::Frames));
    rig.log.fail_commit(1);
    call.token("lo");
    call.closed_within(everstream_testkit::PATIENCE);
    let told = tokio::time::timeout(everstream_testkit::PATIENCE, watching.next(&mut frames)).await;
    assert!(matches!(told, Ok(Delivery::Broken(_))), "{told:?}");
    assert_eq!(ask.stream.state().end, None, "what is in no log is no end");
    let again = streaming(rig.question().header("idempotency-key", "k").answer().await);
    assert_eq!(broken_off(&again).await, everstream_hub::ErrorKind::ReadOnly);
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_that_fails_before_its_first_event_on_a_log_that_takes_nothing_is_refused() {
    let rig = Rig::new();
    let asking = rig.question().send();
    let call = rig.upstream.call();
    rig.log.fail_commit(1);
    call.cut();
    let refused = join(asking).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Hub(everstream_hub::ErrorKind::Storage));
}

use std::collections::HashSet;

use everstream_hub::{Append, Close, CreateStream, End, Start, Stream};
use everstream_log::{CloseReason, StreamName};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::*;
use crate::test_app::TestApp;

const KEEP_ALIVE: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(2);

async fn stream(app: &TestApp) -> Stream {
    let wanted = CreateStream::new(StreamName::parse("chat/1").unwrap(), "text/event-stream");
    app.app.hub.create(&wanted).await.unwrap().stream
}

async fn append(stream: &Stream, data: &str) {
    let records = vec![Bytes::from(format!("data: {data}\n"))];
    stream.append(Append { records, close: None }).await.unwrap();
}

async fn close(stream: &Stream, reason: CloseReason, detail: &'static str) {
    let close = Some(Close { reason, detail: Bytes::from_static(detail.as_bytes()) });
    stream.append(Append { records: Vec::new(), close }).await.unwrap();
}

const fn pulse() -> PulseConfig {
    PulseConfig { keep_alive: Some(KEEP_ALIVE), age_max: None }
}

fn native(app: &TestApp, stream: &Stream, start: Start, config: PulseConfig) -> SseBody<Native> {
    let opening = stream.resume(start);
    let subscription = stream.subscribe(opening.from).unwrap();
    let voice = Native::new(NativeStart::of(&opening), RETRY, fastrand::Rng::with_seed(7));
    SseBody::new(subscription, voice, config, app.app.hub.tasks().draining())
}

fn dialect(app: &TestApp, stream: &Stream) -> SseBody<impl Voice> {
    let subscription = stream.subscribe(stream.resume(Start::Beginning).from).unwrap();
    let voice = Dialect::new(|_: &End| Some(Bytes::from_static(b"data: {\"error\":{}}\n\n")));
    SseBody::new(subscription, voice, pulse(), app.app.hub.tasks().draining())
}

/// What the body brings within `time`: its text, `.` at a clean end, `!` at a cut.
async fn during(body: &mut SseBody<impl Voice>, stream: &Stream, time: Duration) -> String {
    let mut text = String::new();
    let read = async {
        loop {
            match body.frame().await {
                Some(Ok(frame)) => text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Some(Err(Cut)) => return text.push('!'),
                None => return text.push('.'),
            }
        }
    };
    let _ = timeout(time, read).await;
    text.replace(stream.epoch().as_str(), "k3v9")
}

async fn now(body: &mut SseBody<impl Voice>, stream: &Stream) -> String {
    during(body, stream, Duration::from_millis(1)).await
}

#[tokio::test(start_paused = true)]
async fn the_opening_tells_the_reconnection_time_and_the_position_before_any_event() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = native(&app, &stream, Start::Beginning, pulse());
    let opening = now(&mut body, &stream).await;
    let (retry, position) = opening.split_once('\n').unwrap();
    let reconnection_ms: u64 = retry.strip_prefix("retry: ").unwrap().parse().unwrap();
    assert!((1000..=3000).contains(&reconnection_ms), "{reconnection_ms}");
    assert_eq!(position, "id: k3v9-0\n\n");
    append(&stream, "a").await;
    assert_eq!(now(&mut body, &stream).await, "id: k3v9-1\ndata: a\n\n");
}

#[test]
fn reconnection_times_spread_from_half_to_one_and_a_half() {
    let mut random = fastrand::Rng::with_seed(1);
    let times: Vec<f64> = (0..1000).map(|_| jittered(RETRY, &mut random).as_secs_f64()).collect();
    assert!(times.iter().all(|time| (1.0..=3.0).contains(time)));
    assert!(times.iter().any(|&time| time < 1.1) && times.iter().any(|&time| time > 2.9));
    let distinct: HashSet<u64> = times.iter().map(|time| time.to_bits()).collect();
    assert!(distinct.len() > 900);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_one_comment_line_per_interval_counted_from_accept() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = native(&app, &stream, Start::Beginning, pulse());
    now(&mut body, &stream).await;
    assert_eq!(during(&mut body, &stream, KEEP_ALIVE - Duration::from_millis(10)).await, "");
    assert_eq!(during(&mut body, &stream, Duration::from_millis(10)).await, ": keep-alive\n");
    assert_eq!(during(&mut body, &stream, 3 * KEEP_ALIVE).await, ": keep-alive\n".repeat(3));
}

#[tokio::test(start_paused = true)]
async fn an_event_puts_the_next_comment_off() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = native(&app, &stream, Start::Beginning, pulse());
    for _ in 0..4 {
        during(&mut body, &stream, Duration::from_secs(10)).await;
        append(&stream, "a").await;
        assert!(now(&mut body, &stream).await.ends_with("data: a\n\n"));
    }
    assert_eq!(during(&mut body, &stream, Duration::from_millis(14_990)).await, "");
    assert_eq!(during(&mut body, &stream, Duration::from_millis(10)).await, ": keep-alive\n");
}

#[tokio::test(start_paused = true)]
async fn keep_alive_can_be_off() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = native(&app, &stream, Start::Beginning, PulseConfig::default());
    now(&mut body, &stream).await;
    assert_eq!(during(&mut body, &stream, 100 * KEEP_ALIVE).await, "");
}

#[tokio::test(start_paused = true)]
async fn an_aged_subscription_is_cut_after_a_reconnection_time() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let config = PulseConfig { keep_alive: None, age_max: Some(Duration::from_secs(60)) };
    let mut body = native(&app, &stream, Start::Beginning, config);
    now(&mut body, &stream).await;
    assert_eq!(during(&mut body, &stream, Duration::from_millis(59_990)).await, "");
    let parting = during(&mut body, &stream, Duration::from_secs(1)).await;
    assert!(parting.starts_with("retry: ") && parting.ends_with("\n\n!"), "{parting:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_cuts_also_a_subscription_that_never_falls_silent() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut idle = native(&app, &stream, Start::Now, pulse());
    now(&mut idle, &stream).await;
    let mut busy = native(&app, &stream, Start::Beginning, pulse());
    append(&stream, "a").await;
    app.app.hub.tasks().draining().cancel();
    let text = now(&mut busy, &stream).await;
    assert!(text.contains("data: a\n\nretry: ") && text.ends_with("\n\n!"), "{text:?}");
    let text = now(&mut idle, &stream).await;
    assert!(text.contains("data: a\n\nretry: ") && text.ends_with("\n\n!"), "{text:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_log_read_cuts() {
    let app = TestApp::with(|config| config.max_ring_frames = 1.try_into().unwrap());
    let stream = stream(&app).await;
    for data in ["a", "b", "c"] {
        append(&stream, data).await;
    }
    let mut body = native(&app, &stream, Start::Beginning, pulse());
    app.app.hub.log().close().await.unwrap();
    let text = now(&mut body, &stream).await;
    assert!(text.ends_with("\n\n!") && !text.contains("data:"), "{text:?}");
}

#[tokio::test(start_paused = true)]
async fn before_a_cut_the_transport_gets_a_chance_to_flush() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = native(&app, &stream, Start::Now, pulse());
    app.app.hub.tasks().draining().cancel();
    let mut steps = String::new();
    std::future::poll_fn(|cx| {
        loop {
            match http_body::Body::poll_frame(Pin::new(&mut body), cx) {
                Poll::Ready(Some(Ok(_))) => steps.push('f'),
                Poll::Pending => {
                    steps.push('p');
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(Cut))) => steps.push('!'),
                Poll::Ready(None) => return Poll::Ready(()),
            }
        }
    })
    .await;
    assert_eq!(steps, "ffp!");
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_ends_with_its_close_and_cleanly() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    append(&stream, "a").await;
    let mut body = native(&app, &stream, Start::Now, pulse());
    now(&mut body, &stream).await;
    close(
        &stream,
        CloseReason::Failed,
        r#"{"code": "x",
        "upstream_status":500}"#,
    )
    .await;
    expect_test::expect![[r#"
        id: k3v9-1-end
        event: close
        data: {"reason":"failed","detail":{"code":"x","upstream_status":500},"next":"k3v9-1"}

        ."#]]
    .assert_eq(&now(&mut body, &stream).await);
}

#[tokio::test(start_paused = true)]
async fn a_detail_cannot_leave_its_line() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    close(&stream, CloseReason::Completed, "no json\r\n\r\ndata: evil\n\n").await;
    let text = now(&mut native(&app, &stream, Start::Beginning, pulse()), &stream).await;
    assert!(text.contains(r#""detail":"no json\r\n\r\ndata: evil\n\n","#), "{text:?}");
    assert_eq!(text.matches("\n\n").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_says_so_without_a_position() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    append(&stream, "a").await;
    let mut body = native(&app, &stream, Start::Now, pulse());
    now(&mut body, &stream).await;
    app.app.hub.delete(stream.name()).await.unwrap();
    let end = now(&mut body, &stream).await;
    assert_eq!(end, "event: close\ndata: {\"reason\":\"deleted\",\"detail\":null,\"next\":\"k3v9-1\"}\n\n.");
}

#[tokio::test(start_paused = true)]
async fn a_reset_comes_before_the_position_and_the_replay() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    append(&stream, "a").await;
    let mut body = native(&app, &stream, Start::Malformed, pulse());
    let text = now(&mut body, &stream).await;
    let (_, after_retry) = text.split_once('\n').unwrap();
    expect_test::expect![[r#"
        event: reset
        data: {"reason":"epoch_changed","first":"k3v9-0","next":"k3v9-1"}

        id: k3v9-0

        id: k3v9-1
        data: a

    "#]]
    .assert_eq(after_retry);
}

#[tokio::test(start_paused = true)]
async fn a_dialect_carries_the_events_and_single_comment_lines_and_nothing_else() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = dialect(&app, &stream);
    assert_eq!(now(&mut body, &stream).await, "");
    append(&stream, "a").await;
    assert_eq!(during(&mut body, &stream, KEEP_ALIVE).await, "id: k3v9-1\ndata: a\n\n: keep-alive\n");
    close(&stream, CloseReason::Completed, "").await;
    assert_eq!(now(&mut body, &stream).await, ".");
}

#[tokio::test(start_paused = true)]
async fn a_dialect_ends_cleanly_only_when_the_answer_is_whole() {
    for (reason, last) in [
        (CloseReason::Completed, "."),
        (CloseReason::Stopped, "data: {\"error\":{}}\n\n!"),
        (CloseReason::Failed, "data: {\"error\":{}}\n\n!"),
        (CloseReason::Interrupted, "data: {\"error\":{}}\n\n!"),
    ] {
        let app = TestApp::new();
        let stream = stream(&app).await;
        let mut body = dialect(&app, &stream);
        close(&stream, reason, "").await;
        assert_eq!(now(&mut body, &stream).await, last, "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_dialect_is_cut_without_a_word() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let mut body = dialect(&app, &stream);
    app.app.hub.tasks().draining().cancel();
    assert_eq!(now(&mut body, &stream).await, "!");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_is_no_subscriber() {
    let app = TestApp::new();
    let stream = stream(&app).await;
    let body = native(&app, &stream, Start::Now, pulse());
    assert_eq!(stream.state().subscribers, 1);
    drop(body);
    assert_eq!(stream.state().subscribers, 0);
}

//! Appending without waiting: order, one step ahead, and bad news at once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use everstream_hub::{Append, Close, ErrorKind};
use everstream_log::{CloseReason, Offset};

use crate::rig::{Rig, WakeCount, config, drain, is_waiting};

fn records(texts: &[&'static str]) -> Append {
    Append { records: texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect(), close: None }
}

#[tokio::test(start_paused = true)]
async fn appends_keep_their_order_and_are_all_there_when_settled() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut appender = stream.appender();
    for text in ["a", "b", "c"] {
        appender.append(records(&[text])).await.unwrap();
    }
    let close = Some(Close::because(CloseReason::Completed));
    appender.append(Append { records: Vec::new(), close }).await.unwrap();
    appender.settled().await.unwrap();
    assert_eq!(drain(stream.subscribe(Offset::ZERO).unwrap()).await.0, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn an_append_is_one_step_ahead_of_the_log_and_no_further() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut appender = stream.appender();
    rig.log.hold_acks();
    appender.append(records(&["a"])).await.unwrap();
    assert!(is_waiting(appender.append(records(&["b"]))).await);
    assert!(is_waiting(appender.settled()).await);
    rig.log.release_acks();
    appender.append(records(&["c"])).await.unwrap();
    appender.settled().await.unwrap();
    assert_eq!(stream.state().tail, Offset(2), "what was not handed over was not appended");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_at_once_and_nothing_is_appended_behind_it() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut appender = stream.appender();
    rig.log.fail_commit(1);
    appender.append(records(&["a"])).await.unwrap();
    assert_eq!(poll_fn(|cx| appender.poll_failed(cx)).await.kind(), ErrorKind::Storage);
    assert_eq!(appender.append(records(&["b"])).await.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(appender.settled().await.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(stream.state().tail, Offset(0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_is_refused_before_it_is_handed_over() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut appender = stream.appender();
    let large = Append { records: vec![Bytes::from(vec![b'x'; 101])], close: None };
    assert_eq!(appender.append(large).await.unwrap_err().kind(), ErrorKind::RecordTooLarge);
    appender.append(records(&["a"])).await.unwrap();
    appender.settled().await.unwrap();
    assert_eq!(stream.state().tail, Offset(1));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_nobody_waits_for_wakes_nobody() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut appender = stream.appender();
    let count = Arc::new(WakeCount::default());
    let waker = Waker::from(Arc::clone(&count));
    appender.append(records(&["a"])).await.unwrap();
    assert!(appender.poll_failed(&Context::from_waker(&waker)).is_pending());
    let mut frames = std::collections::VecDeque::new();
    stream.subscribe(Offset::ZERO).unwrap().next(&mut frames).await;
    assert_eq!(frames.len(), 1, "it is acknowledged");
    assert_eq!(count.get(), 0);
}

//! Appends: order, atomicity, what a failure leaves behind.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{Append, CreateStream, Delivery, ErrorKind, HubConfig, Sequenced, Stopped};
use everstream_log::{CloseReason, Offset, ReadLimit, RecordRun};

use crate::rig::{Rig, append, close, config, drain, is_waiting, name, text};

const ALL: ReadLimit = ReadLimit { records_max: 1_000, bytes_max: 1 << 20 };

#[tokio::test(start_paused = true)]
async fn offsets_are_dense_and_the_close_comes_with_its_append() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let first = append(&stream, &["a", "b"]).await.unwrap();
    assert_eq!((first.first, first.next), (Offset(0), Offset(2)));
    let last = close(&stream, CloseReason::Completed).await.unwrap();
    assert_eq!((last.first, last.next), (Offset(2), Offset(2)));
    assert_eq!(last.closure.unwrap().reason, CloseReason::Completed);
    assert_eq!(append(&stream, &["c"]).await.unwrap_err().kind(), ErrorKind::StreamClosed);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_behind_a_close_under_way_is_answered_once_it_holds() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    rig.log.hold_acks();
    let stop = || {
        let stream = stream.clone();
        tokio::spawn(async move { stream.stop(None).await })
    };
    let (first, mut second) = (stop(), stop());
    let mut late = tokio::spawn({
        let stream = stream.clone();
        async move { (append(&stream, &["a"]).await.unwrap_err().kind(), stream.state().end.is_some()) }
    });
    rig.log.until_waiting(1).await;
    assert!(is_waiting(&mut second).await, "the stream is open for all to see");
    assert!(is_waiting(&mut late).await);
    rig.log.release_acks();
    assert!(matches!(first.await.unwrap(), Ok(Stopped::Now(_))));
    assert!(matches!(second.await.unwrap(), Ok(Stopped::AlreadyEnded(_))));
    assert_eq!(late.await.unwrap(), (ErrorKind::StreamClosed, true));
}

#[tokio::test(start_paused = true)]
async fn behind_a_close_that_fails_nobody_is_told_that_the_stream_is_closed() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    rig.log.fail_commit(1);
    let (closed, late) = tokio::join!(close(&stream, CloseReason::Completed), append(&stream, &["a"]));
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Storage);
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_a_record_before_it_is_acknowledged() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = stream.subscribe(Offset::ZERO).unwrap();
    rig.log.hold_acks();
    let appending = tokio::spawn({
        let stream = stream.clone();
        async move { append(&stream, &["a"]).await }
    });
    rig.log.until_waiting(1).await;
    let mut frames = VecDeque::new();
    assert!(is_waiting(subscription.next(&mut frames)).await);
    assert!(stream.read(Offset::ZERO, ALL).await.unwrap().is_empty(), "the log has it, the hub does not show it");
    rig.log.release_acks();
    appending.await.unwrap().unwrap();
    assert!(matches!(subscription.next(&mut frames).await, Delivery::Frames));
    assert_eq!(text(&frames[0]), "a");
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_json_stream_end_with_the_separator_of_the_last_acknowledged_record() {
    let rig = Rig::new(config());
    let stream = rig.hub.create(&CreateStream::new(name("s"), "application/json")).await.unwrap().stream;
    append(&stream, &["1", "[2]"]).await.unwrap();
    rig.log.hold_acks();
    let appending = tokio::spawn({
        let stream = stream.clone();
        async move { append(&stream, &["3"]).await }
    });
    rig.log.until_waiting(1).await;
    let data = |runs: Vec<RecordRun>| runs.iter().map(|run| run.data().to_vec()).collect::<Vec<_>>();
    assert_eq!(stream.read_with(Offset::ZERO, ALL, data).await.unwrap(), [b"1,[2],"]);
    rig.log.release_acks();
    appending.await.unwrap().unwrap();
    assert_eq!(stream.read_with(Offset(1), ALL, data).await.unwrap(), [b"[2],3,"]);
    assert_eq!(stream.state().bytes, 5, "a separator is no part of a record");
}

#[tokio::test(start_paused = true)]
async fn an_append_whose_caller_went_away_takes_effect_all_the_same() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    rig.log.hold_acks();
    let appending = tokio::time::timeout(Duration::from_secs(1), append(&stream, &["a"])).await;
    assert!(appending.is_err(), "the caller gave up");
    rig.log.release_acks();
    assert_eq!(append(&stream, &["b"]).await.unwrap().first, Offset(1));
    close(&stream, CloseReason::Completed).await.unwrap();
    assert_eq!(drain(stream.subscribe(Offset::ZERO).unwrap()).await.0, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_over_to_a_full_queue_waits_for_its_place_and_else_has_not_begun() {
    let rig = Rig::new(HubConfig { queued_appends_max: 1, ..config() });
    let stream = rig.text_stream("s").await;
    let hand_over = |text: &'static str| stream.hand_over(Append { records: vec![text.into()], close: None }).unwrap();
    let (first, dropped, last) = (hand_over("a"), hand_over("b"), hand_over("c"));
    drop(dropped);
    for (appending, offset) in [(first, Offset(0)), (last, Offset(1))] {
        match appending.await.unwrap() {
            Sequenced::Accepted(appended) => assert_eq!(appended.first, offset),
            Sequenced::Duplicate(_) => panic!("it has no number"),
        }
    }
    drop(hand_over("d"));
    close(&stream, CloseReason::Completed).await.unwrap();
    assert_eq!(drain(stream.subscribe(Offset::ZERO).unwrap()).await.0, ["a", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_commit_nothing_is_shown_and_reads_go_on() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["a"]).await.unwrap();
    rig.log.fail_commit(1);
    assert_eq!(append(&stream, &["b"]).await.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(append(&stream, &["c"]).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(stream.state().tail, Offset(1));
    assert_eq!(stream.read(Offset::ZERO, ALL).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn appends_that_wait_together_are_committed_together() {
    let rig = Rig::new(config());
    let (one, two) = (rig.text_stream("one").await, rig.text_stream("two").await);
    rig.log.hold_acks();
    let mut waiting = tokio::task::JoinSet::new();
    for stream in [&one, &two, &one, &two] {
        let stream = stream.clone();
        waiting.spawn(async move { append(&stream, &["x"]).await });
    }
    rig.log.until_waiting(1).await;
    rig.log.release_acks();
    let mut firsts: Vec<u64> = Vec::new();
    while let Some(appended) = waiting.join_next().await {
        firsts.push(appended.unwrap().unwrap().first.0);
    }
    firsts.sort_unstable();
    assert_eq!(firsts, [0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn bounds_are_kept() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let large = Append { records: vec![Bytes::from(vec![b'x'; 101])], close: None };
    assert_eq!(stream.append(large).await.unwrap_err().kind(), ErrorKind::RecordTooLarge);
    for _ in 0..100 {
        stream.append(Append { records: vec![Bytes::from(vec![b'x'; 100])], close: None }).await.unwrap();
    }
    assert_eq!(append(&stream, &["x"]).await.unwrap_err().kind(), ErrorKind::StreamFull);
    close(&stream, CloseReason::Completed).await.unwrap();
    let records = vec![Bytes::from(vec![b'x'; 100]); 101];
    let create = CreateStream { records, ..CreateStream::new(name("too-large"), "text/plain") };
    assert_eq!(rig.hub.create(&create).await.unwrap_err().kind(), ErrorKind::StreamFull);
    assert_eq!(rig.hub.stream(&name("too-large")).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_idempotent_and_hits_only_the_incarnation_it_names() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let other = everstream_log::Epoch::random();
    assert_eq!(stream.stop(Some(other)).await.unwrap(), Stopped::OtherEpoch);
    let Stopped::Now(closure) = stream.stop(Some(stream.epoch())).await.unwrap() else { panic!("it was open") };
    assert_eq!(closure.reason, CloseReason::Stopped);
    assert_eq!(stream.stop(None).await.unwrap(), Stopped::AlreadyEnded(closure));
}

#[tokio::test(start_paused = true)]
async fn creating_again_with_equal_settings_is_answered_and_with_others_refused() {
    let rig = Rig::new(config());
    let create = CreateStream::new(name("s"), "text/plain");
    assert!(rig.hub.create(&create).await.unwrap().is_new);
    assert!(!rig.hub.create(&create).await.unwrap().is_new);
    let other = CreateStream { content_type: "application/json".into(), ..create };
    assert_eq!(rig.hub.create(&other).await.unwrap_err().kind(), ErrorKind::StreamExists);
}

#[tokio::test(start_paused = true)]
async fn many_creations_of_one_name_make_one_stream() {
    let rig = Rig::new(config());
    let mut makers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let hub = rig.hub.clone();
        makers.spawn(async move { hub.create(&CreateStream::new(name("s"), "text/plain")).await.unwrap() });
    }
    let made = makers.join_all().await;
    assert_eq!(made.iter().filter(|created| created.is_new).count(), 1);
    assert!(made.iter().all(|created| created.stream.epoch() == made[0].stream.epoch()));
}

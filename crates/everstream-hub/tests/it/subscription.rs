//! Subscriptions: catch-up to live without a gap or a repeat, and every way to end.

use std::collections::VecDeque;

use everstream_hub::{Delivery, End, ErrorKind, EventId, HubConfig, Start};
use everstream_log::{CloseReason, Offset};

use crate::rig::{Rig, append, close, config, drain, is_waiting, name, text};

const LETTERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[tokio::test(start_paused = true)]
async fn the_law_of_resumption_holds_at_every_cut() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    for letter in LETTERS {
        append(&stream, &[letter]).await.unwrap();
    }
    close(&stream, CloseReason::Completed).await.unwrap();
    for cut in 0..=LETTERS.len() {
        let id = EventId::new(stream.epoch(), Offset(cut as u64));
        let opening = stream.resume(Start::After(id));
        assert_eq!(opening.reset, None);
        let (rest, end) = drain(stream.subscribe(opening.from).unwrap()).await;
        assert_eq!([&LETTERS[..cut], &rest.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat(), LETTERS);
        assert!(matches!(end, End::Closed(closure) if closure.reason == CloseReason::Completed));
    }
}

/// Appends a burst between every two polls of a reader that starts behind the ring: whichever way the reader is on
/// (log, ring, waiting), it must see each record once.
#[tokio::test(start_paused = true)]
async fn records_that_come_at_any_moment_of_the_join_are_seen_once() {
    for burst in 1..=6 {
        let rig = Rig::new(config());
        let stream = rig.text_stream("s").await;
        for letter in &LETTERS[..6] {
            append(&stream, &[*letter]).await.unwrap();
        }
        let mut subscription = stream.subscribe(Offset::ZERO).unwrap();
        let (mut frames, mut written) = (VecDeque::new(), 6);
        while frames.len() < 60 {
            if written < 60 {
                for _ in 0..burst {
                    append(&stream, &["x"]).await.unwrap();
                    written += 1;
                }
            }
            assert!(matches!(subscription.next(&mut frames).await, Delivery::Frames));
        }
        let ids: Vec<u64> = frames.iter().map(|frame| id_of(frame).next.0).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "burst {burst}");
    }
}

fn id_of(frame: &bytes::Bytes) -> EventId {
    let text = std::str::from_utf8(frame).unwrap();
    EventId::parse(text.lines().next().unwrap().strip_prefix("id: ").unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_at_the_tail_waits_and_then_sees_the_next_record() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["a"]).await.unwrap();
    let mut subscription = stream.subscribe(stream.resume(Start::Now).from).unwrap();
    let mut frames = VecDeque::new();
    assert!(is_waiting(subscription.next(&mut frames)).await);
    append(&stream, &["b"]).await.unwrap();
    assert!(matches!(subscription.next(&mut frames).await, Delivery::Frames));
    assert_eq!(frames.iter().map(text).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_ends_its_subscribers_and_frees_its_name() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["a"]).await.unwrap();
    let waiting = tokio::spawn(drain(stream.subscribe(Offset(1)).unwrap()));
    rig.hub.delete(&name("s")).await.unwrap();
    assert_eq!(waiting.await.unwrap(), (Vec::new(), End::Deleted));
    assert_eq!(append(&stream, &["b"]).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
    assert_eq!(stream.ended().await, End::Deleted);
    let again = rig.text_stream("s").await;
    assert_ne!(again.epoch(), stream.epoch());
    let opening = again.resume(Start::After(EventId::new(stream.epoch(), Offset(1))));
    assert!(opening.reset.is_some(), "an id of the old life is worthless");
}

#[tokio::test(start_paused = true)]
async fn a_broken_read_of_the_log_says_so_and_invents_no_end() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    for letter in LETTERS {
        append(&stream, &[letter]).await.unwrap();
    }
    let mut subscription = stream.subscribe(Offset::ZERO).unwrap();
    rig.log.fail_reads(true);
    let mut frames = VecDeque::new();
    assert!(matches!(subscription.next(&mut frames).await, Delivery::Broken(_)));
    assert!(frames.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_one_has_read_beside_another_is_in_memory_for_those_who_come_next() {
    let rig = Rig::new(HubConfig { ring_bytes_max: 1000, ring_frames_max: 10, ..config() });
    let stream = rig.text_stream("s").await;
    append(&stream, &["a", "b", "c"]).await.unwrap();
    let subscribe = || stream.subscribe(Offset(1)).unwrap();
    let mut frames = VecDeque::new();
    let mut first = subscribe();
    first.next(&mut frames).await;
    let mut second = subscribe();
    second.next(&mut frames).await;
    rig.log.fail_reads(true);
    let mut third = subscribe();
    assert!(matches!(third.next(&mut frames).await, Delivery::Frames));
    assert_eq!(frames.iter().map(text).collect::<Vec<_>>(), ["b", "c"].repeat(3));
    drop((first, second, third));
    assert!(matches!(subscribe().next(&mut frames).await, Delivery::Broken(_)), "nobody was left to keep it for");
}

#[tokio::test(start_paused = true)]
async fn what_one_reads_who_is_alone_is_not_kept() {
    let rig = Rig::new(HubConfig { ring_bytes_max: 1000, ring_frames_max: 10, ..config() });
    let stream = rig.text_stream("s").await;
    append(&stream, &["a"]).await.unwrap();
    let mut frames = VecDeque::new();
    let mut first = stream.subscribe(Offset::ZERO).unwrap();
    first.next(&mut frames).await;
    rig.log.fail_reads(true);
    assert!(matches!(stream.subscribe(Offset::ZERO).unwrap().next(&mut frames).await, Delivery::Broken(_)));
}

#[tokio::test(start_paused = true)]
async fn subscribers_are_counted_and_bounded() {
    let rig = Rig::new(HubConfig { subscribers_per_stream_max: 2, ..config() });
    let stream = rig.text_stream("s").await;
    stream.unwatched().await;
    let first = stream.subscribe(Offset::ZERO).unwrap();
    stream.watched().await;
    let second = stream.subscribe(Offset::ZERO).unwrap();
    assert_eq!(stream.subscribe(Offset::ZERO).unwrap_err().kind(), ErrorKind::Overloaded);
    assert_eq!(stream.state().subscribers, 2);
    drop(first);
    let third = stream.subscribe(Offset::ZERO).unwrap();
    let unwatched = tokio::spawn({
        let stream = stream.clone();
        async move { stream.unwatched().await }
    });
    drop((second, third));
    unwatched.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn frames_are_encoded_once_and_shared() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let (mut one, mut two) = (stream.subscribe(Offset::ZERO).unwrap(), stream.subscribe(Offset::ZERO).unwrap());
    append(&stream, &["a"]).await.unwrap();
    let (mut first, mut second) = (VecDeque::new(), VecDeque::new());
    one.next(&mut first).await;
    two.next(&mut second).await;
    assert_eq!(first[0].as_ptr(), second[0].as_ptr());
}

#[tokio::test(start_paused = true)]
async fn what_everybody_has_taken_is_given_up_and_what_one_has_not_is_there() {
    let rig = Rig::new(HubConfig { record_bytes_max: 4096, ring_frames_max: 1024, ..config() });
    let stream = rig.text_stream("s").await;
    let large: &'static str = "x".repeat(3000).leak();
    let (mut quick, mut slow) = (stream.subscribe(Offset::ZERO).unwrap(), stream.subscribe(Offset::ZERO).unwrap());
    let (mut taken, mut due) = (VecDeque::new(), VecDeque::new());
    for _ in 0..3 {
        append(&stream, &[large]).await.unwrap();
        quick.next(&mut taken).await;
    }
    slow.next(&mut due).await;
    assert_eq!(due, taken);
    assert!(
        due.iter().zip(&taken).all(|(one, other)| one.as_ptr() == other.as_ptr()),
        "one that is behind shares them"
    );
    drop(due);
    for subscription in [&mut quick, &mut slow] {
        assert!(is_waiting(subscription.next(&mut taken)).await);
    }
    append(&stream, &["y"]).await.unwrap();
    assert!(taken.iter().all(bytes::Bytes::is_unique), "nobody else holds them any more");
}

#[tokio::test(start_paused = true)]
async fn what_a_lone_subscriber_has_taken_is_given_up_at_once_and_whoever_comes_back_reads_it() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut only = stream.subscribe(Offset::ZERO).unwrap();
    let mut taken = VecDeque::new();
    for letter in LETTERS {
        append(&stream, &[letter]).await.unwrap();
        only.next(&mut taken).await;
        assert!(is_waiting(only.next(&mut taken)).await);
        assert!(taken.iter().all(bytes::Bytes::is_unique), "nobody else holds them any more");
    }
    let (mut other, mut again) = (stream.subscribe(Offset::ZERO).unwrap(), VecDeque::new());
    while again.len() < taken.len() {
        assert!(matches!(other.next(&mut again).await, Delivery::Frames));
    }
    assert_eq!(again, taken);
}

/// Subscribers of one stream on two runtimes: the publisher's own and another thread's.
#[test]
fn subscribers_on_another_core_are_woken_too() {
    let here = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = here.block_on(async { Rig::new(config()) });
    let stream = here.block_on(rig.text_stream("s"));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let (hub, viewers) = (rig.hub, 10);
    let elsewhere = std::thread::spawn(move || {
        let there = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        there.block_on(async {
            let stream = hub.on_this_runtime().stream(&name("s")).await.unwrap();
            let mut reading = tokio::task::JoinSet::new();
            for _ in 0..viewers {
                reading.spawn(drain(stream.subscribe(Offset::ZERO).unwrap()));
            }
            // Let every viewer reach its wait before the first record comes.
            tokio::task::yield_now().await;
            ready.send(()).unwrap();
            reading.join_all().await
        })
    });
    is_ready.recv().unwrap();
    here.block_on(async {
        for letter in LETTERS {
            append(&stream, &[letter]).await.unwrap();
        }
        close(&stream, CloseReason::Completed).await.unwrap();
    });
    let seen = elsewhere.join().unwrap();
    assert_eq!(seen.len(), viewers);
    assert!(seen.iter().all(|(records, _)| records == &LETTERS));
}

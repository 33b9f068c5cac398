//! One subscription that stands for many subscribers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use everstream_hub::{Batch, BatchFrame, Delivery, ErrorKind, HubConfig, Stream, Subscription};
use everstream_log::Offset;
use futures_util::FutureExt;

use crate::rig::{Rig, WakeCount, append, config, is_waiting, text};

/// `count` subscribers at the tail of an empty stream, for whom one subscription stands.
fn many(stream: &Stream, count: usize) -> Subscription {
    let mut subscription = stream.subscribe(Offset::ZERO).unwrap();
    for _ in 1..count {
        subscription.absorb(stream.subscribe(Offset::ZERO).unwrap()).unwrap();
    }
    subscription
}

async fn next(subscription: &mut Subscription) -> Vec<String> {
    let mut frames = VecDeque::new();
    assert!(matches!(subscription.next(&mut frames).await, Delivery::Frames));
    frames.iter().map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_publish_wakes_many_subscribers_once() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = many(&stream, 3);
    let count = Arc::new(WakeCount::default());
    let (waker, mut frames) = (Waker::from(Arc::clone(&count)), VecDeque::new());
    assert!(subscription.poll_next(&mut Context::from_waker(&waker), &mut frames).is_pending());
    append(&stream, &["a", "b"]).await.unwrap();
    assert_eq!(count.get(), 1);
    assert_eq!(next(&mut subscription).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn each_of_many_counts_until_it_is_gone() {
    let rig = Rig::new(HubConfig { subscribers_per_stream_max: 3, ..config() });
    let stream = rig.text_stream("s").await;
    let mut subscription = many(&stream, 3);
    assert_eq!(stream.state().subscribers, 3);
    assert_eq!(stream.subscribe(Offset::ZERO).unwrap_err().kind(), ErrorKind::Overloaded);
    subscription.shed();
    assert_eq!(stream.state().subscribers, 2);
    let other = stream.subscribe(Offset::ZERO).unwrap();
    assert_eq!(stream.state().subscribers, 3);
    drop(subscription);
    assert_eq!(stream.state().subscribers, 1);
    assert!(is_waiting(stream.unwatched()).await);
    drop(other);
    assert!(stream.unwatched().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_last_of_many_to_go_leaves_the_stream_unwatched() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = many(&stream, 2);
    let unwatched = tokio::spawn({
        let stream = stream.clone();
        async move { stream.unwatched().await }
    });
    tokio::task::yield_now().await;
    subscription.shed();
    subscription.shed();
    unwatched.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_gone_again_was_there() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut watched = Box::pin(stream.watched());
    assert!(watched.as_mut().now_or_never().is_none());
    drop(stream.subscribe(Offset::ZERO).unwrap());
    assert!(watched.now_or_never().is_some());
    assert!(is_waiting(stream.watched()).await, "nobody else came");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_let_go_goes_on_from_any_offset_and_the_others_go_on_too() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = many(&stream, 2);
    for record in ["a", "b", "c", "d", "e", "f"] {
        append(&stream, &[record]).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 6 {
        seen.extend(next(&mut subscription).await);
    }
    for at in 0..6 {
        let mut alone = subscription.split(Offset(at));
        assert_eq!(stream.state().subscribers, 2);
        let mut rest = Vec::new();
        while rest.len() < 6 - usize::try_from(at).unwrap() {
            rest.extend(next(&mut alone).await);
        }
        assert_eq!(rest, seen[usize::try_from(at).unwrap()..]);
        subscription.absorb(alone).unwrap();
    }
    append(&stream, &["g"]).await.unwrap();
    assert_eq!(next(&mut subscription).await, ["g"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_elsewhere_is_not_taken_in() {
    let rig = Rig::new(config());
    let (stream, other) = (rig.text_stream("s").await, rig.text_stream("other").await);
    append(&stream, &["a"]).await.unwrap();
    let mut subscription = stream.subscribe(Offset::ZERO).unwrap();
    for elsewhere in [stream.subscribe(Offset(1)).unwrap(), other.subscribe(Offset::ZERO).unwrap()] {
        let back = subscription.absorb(elsewhere).unwrap_err();
        let count = if back.stream().name() == stream.name() { 2 } else { 1 };
        assert_eq!(back.stream().state().subscribers, count);
    }
}

fn encode(batch: &Batch<'_>) -> BatchFrame {
    let whole = Bytes::from(batch.records.concat());
    BatchFrame { data: whole.clone(), whole, at: batch.now }
}

#[tokio::test(start_paused = true)]
async fn many_may_follow_in_batches_and_frames_are_made_for_those_alone_who_take_them() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut batches = stream.subscribe_in_batches(Offset::ZERO, encode).unwrap();
    batches.absorb(stream.subscribe_in_batches(Offset::ZERO, encode).unwrap()).unwrap();
    let mut frames = many(&stream, 2);
    append(&stream, &["a", "b"]).await.unwrap();
    let mut due = Vec::new();
    let delivery = std::future::poll_fn(|cx| batches.poll_next(cx, &mut |batch| due.push(batch.frame.whole))).await;
    assert!(matches!(delivery, Delivery::Frames));
    assert_eq!(due, ["ab"]);
    assert_eq!(next(&mut frames).await, ["a", "b"]);
    let alone = batches.split(Offset::ZERO);
    drop(batches);
    assert_eq!((alone.next_offset(), stream.state().subscribers), (Offset::ZERO, 3));
}

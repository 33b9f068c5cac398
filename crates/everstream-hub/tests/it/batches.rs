//! Subscriptions in batches, and waiting for news.

use std::future::poll_fn;

use bytes::Bytes;
use everstream_hub::{
    Append, Batch, BatchFrame, BatchPlace, BatchSubscription, Close, Delivery, DueBatch, End, HubConfig,
};
use everstream_log::{CloseReason, Offset};

use crate::rig::{Rig, append, close, config, is_waiting, name};

/// The records joined by `+`, and behind them `|` as what is said at the tail.
fn encode(batch: &Batch<'_>) -> BatchFrame {
    let mut text = batch.records.join(b"+".as_slice());
    let bytes = text.len();
    text.push(b'|');
    let whole = Bytes::from(text);
    BatchFrame { data: whole.slice(..bytes), whole, at: batch.now }
}

async fn next(subscription: &mut BatchSubscription, due: &mut Vec<DueBatch>) -> Delivery {
    poll_fn(|cx| subscription.poll_next(cx, &mut |batch| due.push(batch))).await
}

/// The batches of the next delivery: the whole of the newest, the data of the others, each with its next offset.
async fn batches(subscription: &mut BatchSubscription) -> String {
    let mut due = Vec::new();
    match next(subscription, &mut due).await {
        Delivery::Frames => {}
        other => panic!("{other:?}"),
    }
    let texts = due.iter().map(|batch| {
        let bytes = if batch.place == BatchPlace::Newest { &batch.frame.whole } else { &batch.frame.data };
        format!("{}{} ", std::str::from_utf8(bytes).unwrap(), batch.next)
    });
    texts.collect::<String>().trim_end().to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_one_append_brought_is_one_batch_and_shared() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["past"]).await.unwrap();
    let mut one = stream.subscribe_in_batches(Offset(1), encode).unwrap();
    let mut other = stream.subscribe_in_batches(Offset(1), encode).unwrap();
    append(&stream, &["a", "b"]).await.unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    next(&mut one, &mut first).await;
    next(&mut other, &mut second).await;
    assert_eq!(first, second);
    assert_eq!(first[0].frame.whole, "a+b|");
    assert_eq!(first[0].frame.whole.as_ptr(), second[0].frame.whole.as_ptr(), "encoded once");
    append(&stream, &["c"]).await.unwrap();
    append(&stream, &["d"]).await.unwrap();
    assert_eq!(batches(&mut one).await, "c4 d|5");
}

#[tokio::test(start_paused = true)]
async fn who_begins_behind_or_amid_a_batch_reads_the_log_and_then_goes_live() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["a", "b", "c"]).await.unwrap();
    let mut from_start = stream.subscribe_in_batches(Offset(0), encode).unwrap();
    append(&stream, &["d", "e"]).await.unwrap();
    let mut amid = stream.subscribe_in_batches(Offset(4), encode).unwrap();
    assert_eq!(batches(&mut amid).await, "e|5");
    // A read of the log brings as many records as the ring holds.
    assert_eq!(batches(&mut from_start).await, "a+b+c+d4");
    assert_eq!(batches(&mut from_start).await, "e|5");
    append(&stream, &["f"]).await.unwrap();
    assert_eq!(batches(&mut from_start).await, "f|6");
    assert_eq!(batches(&mut amid).await, "f|6");
}

/// However many records an append has and wherever the reader is, every record comes once and in order.
#[tokio::test(start_paused = true)]
async fn no_record_is_lost_or_repeated_however_appends_and_reads_meet() {
    for burst in 1..=5 {
        let rig = Rig::new(HubConfig { catch_up_bytes_max: 3, ..config() });
        let stream = rig.text_stream("s").await;
        let mut subscription = stream.subscribe_in_batches(Offset(0), encode).unwrap();
        let (mut seen, mut written) = (String::new(), String::new());
        for round in 0..40 {
            for n in 0..(round + burst) % 4 {
                let letters = &["a", "b", "c", "d", "e"][..1 + (round + n) % 5];
                append(&stream, letters).await.unwrap();
                written += &letters.concat();
            }
            if seen.len() < written.len() {
                let mut due = Vec::new();
                assert!(matches!(next(&mut subscription, &mut due).await, Delivery::Frames));
                seen.extend(due.iter().map(|batch| std::str::from_utf8(&batch.frame.data).unwrap().replace('+', "")));
                assert_eq!(due.last().unwrap().next.0, seen.len() as u64);
                assert_eq!(due.last().unwrap().place == BatchPlace::Newest, seen.len() == written.len());
            }
            assert!(written.starts_with(&seen), "{seen} is no beginning of {written}");
        }
        assert!(seen.len() > 30);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_batch_is_handed_out_before_the_end() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = stream.subscribe_in_batches(Offset(0), encode).unwrap();
    let records = vec![Bytes::from_static(b"a")];
    stream.append(Append { records, close: Some(Close::because(CloseReason::Completed)) }).await.unwrap();
    assert_eq!(batches(&mut subscription).await, "a1");
    let mut late = stream.subscribe_in_batches(Offset(0), encode).unwrap();
    assert_eq!(batches(&mut late).await, "a1");
    for subscription in [&mut subscription, &mut late] {
        assert!(matches!(next(subscription, &mut Vec::new()).await, Delivery::Ended(End::Closed(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_beyond_the_ring_is_left_to_the_log() {
    let rig = Rig::new(HubConfig { ring_bytes_max: 4, catch_up_bytes_max: 4, ..config() });
    let stream = rig.text_stream("s").await;
    let mut subscription = stream.subscribe_in_batches(Offset(0), encode).unwrap();
    append(&stream, &["abc", "def"]).await.unwrap();
    let mut other = stream.subscribe_in_batches(Offset(0), encode).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    next(&mut subscription, &mut first).await;
    next(&mut other, &mut second).await;
    assert_eq!(first, second);
    assert_ne!(first[0].frame.whole.as_ptr(), second[0].frame.whole.as_ptr(), "each has read it");
}

#[tokio::test(start_paused = true)]
async fn news_is_whatever_came_since_the_subscription_was_made() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = stream.subscribe(Offset(0)).unwrap();
    assert!(is_waiting(subscription.news()).await);
    // Nobody waits at this moment: the append wakes no one, and is found all the same.
    append(&stream, &["a"]).await.unwrap();
    assert!(!is_waiting(subscription.news()).await);
    let mut at_tail = stream.subscribe(Offset(1)).unwrap();
    assert!(is_waiting(at_tail.news()).await);
    close(&stream, CloseReason::Completed).await.unwrap();
    assert!(!is_waiting(at_tail.news()).await);
    rig.hub.delete(&name("s")).await.unwrap();
    assert!(!is_waiting(at_tail.news()).await);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_news_is_woken_by_it() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let mut subscription = stream.subscribe(Offset(0)).unwrap();
    let start = tokio::time::Instant::now();
    let (_, appended) = tokio::join!(biased; subscription.news(), append(&stream, &["a"]));
    assert!(appended.is_ok());
    assert_eq!(start.elapsed().as_millis(), 0);
}

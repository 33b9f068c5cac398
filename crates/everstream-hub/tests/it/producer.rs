//! Appends that their publishers number: once each, whatever is sent again.

use bytes::Bytes;
use everstream_hub::{Append, Close, CreateStream, Error, ErrorKind, HubConfig, Sequenced, Stream};
use everstream_log::{
    CloseReason, Log, Offset, ProducerId, ProducerMark, ProducerState, ReadLimit, Sequencing, StreamSeq,
};
use tokio::task::JoinHandle;

use crate::rig::{Rig, append, close, config, is_waiting, name};

const ALL: ReadLimit = ReadLimit { records_max: 100_000, bytes_max: 1 << 20 };

fn mark(id: &str, epoch: u64, seq: u64) -> Sequencing {
    let id = ProducerId::parse(id.as_bytes()).unwrap();
    Sequencing { producer: Some(ProducerMark { id, epoch, seq }), stream_seq: None }
}

fn at(position: &str, sequencing: Sequencing) -> Sequencing {
    Sequencing { stream_seq: Some(StreamSeq::parse(position.as_bytes()).unwrap()), ..sequencing }
}

async fn send(stream: &Stream, text: &str, sequencing: Sequencing) -> Result<Sequenced, Error> {
    let records = vec![Bytes::copy_from_slice(text.as_bytes())];
    stream.append_sequenced(Append { records, close: None }, sequencing).await
}

fn spawn(stream: &Stream, text: &'static str, sequencing: Sequencing) -> JoinHandle<Result<Sequenced, Error>> {
    let stream = stream.clone();
    tokio::spawn(async move { send(&stream, text, sequencing).await })
}

fn accepted(answer: Result<Sequenced, Error>) -> Offset {
    match answer.unwrap() {
        Sequenced::Accepted(appended) => appended.next,
        Sequenced::Duplicate(last) => panic!("a duplicate of {last:?}"),
    }
}

fn duplicate(epoch: u64, seq: u64, next: u64) -> Sequenced {
    Sequenced::Duplicate(ProducerState { epoch, seq, next: Offset(next) })
}

fn refused(answer: Result<Sequenced, Error>) -> ErrorKind {
    answer.unwrap_err().kind()
}

async fn texts(stream: &Stream) -> Vec<String> {
    let records = stream.read(Offset::ZERO, ALL).await.unwrap();
    records.iter().map(|record| String::from_utf8_lossy(&record.data).into_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_append_sent_again_stands_once() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    assert_eq!(accepted(send(&stream, "a", mark("p", 0, 0)).await), Offset(1));
    assert_eq!(accepted(send(&stream, "b", mark("p", 0, 1)).await), Offset(2));
    append(&stream, &["from elsewhere"]).await.unwrap();
    for (text, seq) in [("b", 1), ("a", 0), ("another body", 1)] {
        let answer = send(&stream, text, mark("p", 0, seq)).await.unwrap();
        assert_eq!(answer, duplicate(0, 1, 2), "the highest accepted, and where it ends");
    }
    assert_eq!(texts(&stream).await, ["a", "b", "from elsewhere"]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_an_old_epoch_and_a_late_start_are_refused_and_move_nothing() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    assert_eq!(refused(send(&stream, "x", mark("p", 5, 1)).await), ErrorKind::ProducerGap { expected: 0 });
    accepted(send(&stream, "a", mark("p", 5, 0)).await);
    assert_eq!(refused(send(&stream, "x", mark("p", 5, 2)).await), ErrorKind::ProducerGap { expected: 1 });
    assert_eq!(refused(send(&stream, "x", mark("p", 4, 0)).await), ErrorKind::ProducerFenced { epoch: 5 });
    assert_eq!(refused(send(&stream, "x", mark("p", 6, 1)).await), ErrorKind::ProducerLateStart);
    accepted(send(&stream, "b", mark("p", 6, 0)).await);
    assert_eq!(refused(send(&stream, "x", mark("p", 5, 1)).await), ErrorKind::ProducerFenced { epoch: 6 });
    assert_eq!(texts(&stream).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_append_does_not_use_up_its_number() {
    let rig = Rig::new(HubConfig { stream_bytes_max: 4, ..config() });
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "aa", mark("p", 0, 0)).await);
    assert_eq!(refused(send(&stream, "too long", mark("p", 0, 1)).await), ErrorKind::StreamFull);
    assert_eq!(refused(send(&stream, &"x".repeat(101), mark("p", 0, 1)).await), ErrorKind::RecordTooLarge);
    accepted(send(&stream, "bb", mark("p", 0, 1)).await);
    assert_eq!(texts(&stream).await, ["aa", "bb"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_original_that_is_on_its_way() {
    let rig = Rig::new(config());
    let (stream, other) = (rig.text_stream("s").await, rig.text_stream("other").await);
    rig.log.hold_acks();
    let ahead = spawn(&other, "x", Sequencing::default());
    rig.log.until_waiting(1).await;
    // Behind the held commit all of these become one round.
    let original = spawn(&stream, "a", mark("p", 0, 0));
    let mut retry = spawn(&stream, "a", mark("p", 0, 0));
    let next = spawn(&stream, "b", mark("p", 0, 1));
    assert!(is_waiting(&mut retry).await, "nothing is acknowledged yet");
    rig.log.release_acks();
    accepted(ahead.await.unwrap());
    accepted(original.await.unwrap());
    assert_eq!(retry.await.unwrap().unwrap(), duplicate(0, 1, 2));
    accepted(next.await.unwrap());
    assert_eq!(texts(&stream).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_commit_no_number_has_moved() {
    let rig = Rig::new(config());
    let (stream, other) = (rig.text_stream("s").await, rig.text_stream("other").await);
    accepted(send(&stream, "a", at("1", mark("p", 0, 0))).await);
    rig.log.hold_acks();
    let ahead = spawn(&other, "x", Sequencing::default());
    rig.log.until_waiting(1).await;
    rig.log.fail_commit(1);
    let attempts = [
        spawn(&stream, "b", at("2", mark("p", 0, 1))),
        spawn(&stream, "b", at("2", mark("p", 0, 1))),
        spawn(&stream, "c", mark("p", 0, 2)),
    ];
    tokio::task::yield_now().await;
    rig.log.release_acks();
    accepted(ahead.await.unwrap());
    for attempt in attempts {
        assert_eq!(refused(attempt.await.unwrap()), ErrorKind::Storage, "nobody is told that it was accepted");
    }
    assert_eq!(send(&stream, "a", mark("p", 0, 0)).await.unwrap(), duplicate(0, 0, 1), "what was accepted still is");
    assert_eq!(refused(send(&stream, "c", mark("p", 0, 2)).await), ErrorKind::ProducerGap { expected: 1 });
    assert_eq!(refused(send(&stream, "b", at("2", mark("p", 0, 1))).await), ErrorKind::ReadOnly);
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_log_may_have_kept_is_not_called_accepted() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "a", mark("p", 0, 0)).await);
    rig.log.fail_commit(1);
    assert_eq!(refused(send(&stream, "b", mark("q", 0, 0)).await), ErrorKind::Storage);
    let rig = rig.restarted();
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    // A hub that has not seen the acknowledgement cannot tell it from bytes that a failed write left.
    assert_eq!(refused(send(&stream, "a", mark("p", 0, 0)).await), ErrorKind::ReadOnly);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_accepted_in_order() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    let attempts: Vec<_> = (0..50).map(|seq| spawn(&stream, "x", mark("p", 0, seq))).collect();
    for (attempt, next) in attempts.into_iter().zip(1..) {
        assert_eq!(accepted(attempt.await.unwrap()), Offset(next));
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_knows_what_it_accepted_and_refuses_the_rest() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "a", mark("p", 1, 0)).await);
    accepted(send(&stream, "q", mark("q", 0, 0)).await);
    let last = Append { records: vec![Bytes::from_static(b"b")], close: Some(Close::because(CloseReason::Completed)) };
    accepted(stream.append_sequenced(last, mark("p", 1, 1)).await);
    for _ in 0..2 {
        for seq in [0, 1] {
            assert_eq!(send(&stream, "again", mark("p", 1, seq)).await.unwrap(), duplicate(1, 1, 3));
        }
        assert_eq!(send(&stream, "again", mark("q", 0, 0)).await.unwrap(), duplicate(0, 0, 2));
        for news in [mark("p", 1, 2), mark("p", 1, 9), mark("p", 2, 0), mark("p", 2, 5), mark("new", 0, 0)] {
            assert_eq!(refused(send(&stream, "news", news).await), ErrorKind::StreamClosed);
        }
        assert_eq!(refused(send(&stream, "old", mark("p", 0, 0)).await), ErrorKind::ProducerFenced { epoch: 1 });
        // Once more from the log.
        rig.clock.advance(rig.hub.config().idle_max);
        rig.hub.sweep().await;
    }
    assert_eq!(texts(&stream).await, ["a", "q", "b"]);
}

#[tokio::test(start_paused = true)]
async fn positions_rise_bytewise_and_a_retry_is_judged_by_its_producer_first() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "a", at("2", mark("p", 0, 0))).await);
    assert_eq!(send(&stream, "a", at("2", mark("p", 0, 0))).await.unwrap(), duplicate(0, 0, 1));
    for regressed in ["2", "10", "1"] {
        let kind = refused(send(&stream, "x", at(regressed, mark("p", 0, 1))).await);
        assert_eq!(kind, ErrorKind::StreamSeqRegressed, "{regressed}");
    }
    assert_eq!(
        refused(send(&stream, "x", at("1", mark("p", 0, 9))).await),
        ErrorKind::ProducerGap { expected: 1 },
        "the producer comes first"
    );
    accepted(send(&stream, "b", mark("p", 0, 1)).await);
    accepted(send(&stream, "c", at("a", Sequencing::default())).await);
    let rig = rig.restarted();
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    assert_eq!(refused(send(&stream, "x", at("B", Sequencing::default())).await), ErrorKind::StreamSeqRegressed);
    accepted(send(&stream, "d", at("a0", Sequencing::default())).await);
    assert_eq!(texts(&stream).await, ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn producers_of_a_stream_are_bounded_and_those_there_go_on() {
    let rig = Rig::new(HubConfig { producers_per_stream_max: 2, ..config() });
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "a", mark("p", 0, 0)).await);
    accepted(send(&stream, "b", mark("q", 0, 0)).await);
    assert_eq!(refused(send(&stream, "x", mark("r", 0, 0)).await), ErrorKind::ProducersFull);
    accepted(send(&stream, "c", mark("p", 0, 1)).await);
    accepted(send(&stream, "d", mark("q", 7, 0)).await);
    let rig = rig.restarted();
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    assert_eq!(refused(send(&stream, "x", mark("r", 0, 0)).await), ErrorKind::ProducersFull);
    accepted(send(&stream, "e", mark("p", 0, 2)).await);
}

#[tokio::test(start_paused = true)]
async fn more_producers_than_are_kept_in_memory_are_known_all_the_same() {
    const PRODUCERS: usize = 1_000;
    let rig = Rig::new(HubConfig { stream_bytes_max: 1 << 20, ..config() });
    let stream = rig.text_stream("s").await;
    for seq in 0..2 {
        for number in 0..PRODUCERS {
            accepted(send(&stream, "x", mark(&number.to_string(), 0, seq)).await);
        }
    }
    for number in 0..PRODUCERS {
        let next = (PRODUCERS + number + 1) as u64;
        let answer = send(&stream, "x", mark(&number.to_string(), 0, 1)).await.unwrap();
        assert_eq!(answer, duplicate(0, 1, next));
    }
    assert_eq!(stream.state().tail, Offset(2 * PRODUCERS as u64));
}

#[tokio::test(start_paused = true)]
async fn a_stream_made_by_a_producer_knows_it() {
    let rig = Rig::new(config());
    let make = |sequencing| CreateStream {
        records: vec![Bytes::from_static(b"a")],
        sequencing: Some(sequencing),
        ..CreateStream::new(name("s"), "text/plain")
    };
    let late = rig.hub.create(&make(mark("p", 3, 1))).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::ProducerGap { expected: 0 });
    let stream = rig.hub.create(&make(at("5", mark("p", 3, 0)))).await.unwrap().stream;
    assert_eq!(send(&stream, "a", mark("p", 3, 0)).await.unwrap(), duplicate(3, 0, 1));
    assert_eq!(refused(send(&stream, "x", at("5", mark("p", 3, 1))).await), ErrorKind::StreamSeqRegressed);
    accepted(send(&stream, "b", mark("p", 3, 1)).await);
    assert_eq!(texts(&stream).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_made_again_knows_no_producer_of_before() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    accepted(send(&stream, "a", mark("p", 0, 0)).await);
    rig.hub.delete(&name("s")).await.unwrap();
    assert_eq!(refused(send(&stream, "a", mark("p", 0, 0)).await), ErrorKind::StreamNotFound);
    let again = rig.text_stream("s").await;
    accepted(send(&again, "b", mark("p", 0, 0)).await);
    assert_eq!(texts(&again).await, ["b"]);
}

/// Producers that send each append until they hear of it, over a hub that goes away, forgets and drops requests.
#[tokio::test(start_paused = true)]
async fn every_append_of_a_stubborn_producer_stands_once_and_in_order() {
    for seed in 0..40 {
        stubborn(seed).await;
    }
}

async fn stubborn(seed: u64) {
    const PRODUCERS: usize = 4;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rig = Rig::new(HubConfig { stream_bytes_max: 1 << 20, ..config() });
    rig.text_stream("s").await;
    let mut heard = [0_u64; PRODUCERS];
    for _ in 0..300 {
        let stream = rig.hub.stream(&name("s")).await.unwrap();
        let producer = random.usize(0..PRODUCERS);
        let seq = heard[producer];
        let (id, text) = (format!("p{producer}"), format!("{producer}:{seq}"));
        match random.u8(0..20) {
            0..12 => {
                let answer = send(&stream, &text, mark(&id, 0, seq)).await.unwrap();
                if let Sequenced::Duplicate(last) = answer {
                    assert_eq!(last.seq, seq, "seed {seed}");
                }
                heard[producer] += 1;
            }
            12..15 => {
                // A request that goes away before its answer may have taken effect or not.
                let request = tokio::spawn({
                    let stream = stream.clone();
                    async move { send(&stream, &text, mark(&id, 0, seq)).await }
                });
                for _ in 0..random.usize(0..4) {
                    tokio::task::yield_now().await;
                }
                request.abort();
            }
            15..17 => {
                if let Some(old) = seq.checked_sub(1 + random.u64(0..3)) {
                    let answer = send(&stream, "old", mark(&id, 0, old)).await.unwrap();
                    assert!(matches!(answer, Sequenced::Duplicate(_)), "seed {seed}");
                }
            }
            17..19 => {
                drop(stream);
                rig.clock.advance(rig.hub.config().idle_max);
                rig.hub.sweep().await;
            }
            _ => {
                // What was given to the writer is finished: a process that dies leaves nobody to write behind its back.
                assert!(is_waiting(std::future::pending::<()>()).await);
                rig = rig.restarted();
            }
        }
    }
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    for (producer, seq) in heard.iter().enumerate() {
        send(&stream, &format!("{producer}:{seq}"), mark(&format!("p{producer}"), 0, *seq)).await.unwrap();
    }
    let texts = texts(&stream).await;
    for (producer, seq) in heard.iter().enumerate() {
        let own: Vec<&String> = texts.iter().filter(|text| text.starts_with(&format!("{producer}:"))).collect();
        let expected: Vec<String> = (0..=*seq).map(|seq| format!("{producer}:{seq}")).collect();
        assert!(own.into_iter().eq(&expected), "seed {seed}, producer {producer}: {texts:?}");
    }
    close(&stream, CloseReason::Completed).await.unwrap();
    assert_eq!(rig.log.stream_count(), 1);
}

//! Producers and positions: kept with the records they came with.

use super::Place;
use super::sample::*;
use crate::{CloseReason, ErrorKind, Offset, ProducerState, Sequencing};

/// With the offset after its records; of nobody else anything.
pub async fn a_producer_is_known_by_its_last_entry(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), None);
    ok(log.commit(vec![by(entry(key, 0, &["a", "b"]), "p", 3, 0)]).await);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(3, 0, 2)));
    ok(log.commit(vec![entry(key, 2, &["c"])]).await);
    ok(log.commit(vec![by(entry(key, 3, &["d"]), "p", 3, 1)]).await);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(3, 1, 4)));
    ok(log.commit(vec![by(entry(key, 4, &["e"]), "p", 7, 0)]).await);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(7, 0, 5)));
    assert_eq!(ok(log.producer(key, &producer_id("q")).await), None);
}

/// Ids that begin alike, of every length and byte, and the same id in another stream.
pub async fn producers_do_not_mix(place: impl Place) {
    let log = place.open().await;
    let (one, two) = (ok(log.create(stream("1")).await).key, ok(log.create(stream("2")).await).key);
    let longest = "p".repeat(crate::ProducerId::LEN_MAX);
    let ids = ["p", "pp", "p\0", "\0", "\u{1}", longest.as_str()];
    for (id, at) in ids.iter().zip(0..) {
        ok(log.commit(vec![by(entry(one, at, &["x"]), id, at, 0), by(entry(two, at, &["x"]), id, 9, at)]).await);
    }
    for (id, at) in ids.iter().zip(0..) {
        assert_eq!(ok(log.producer(one, &producer_id(id)).await), Some(last(at, 0, at + 1)), "{id:?}");
        assert_eq!(ok(log.producer(two, &producer_id(id)).await), Some(last(9, at, at + 1)), "{id:?}");
    }
}

/// The last entry of each counts.
pub async fn several_entries_of_one_producer_fit_in_one_commit(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    let entries = vec![
        by(entry(key, 0, &["a"]), "p", 0, 0),
        by(entry(key, 1, &["b"]), "q", 5, 0),
        by(entry(key, 2, &["c", "d"]), "p", 0, 1),
        by(closing(entry(key, 4, &[]), CloseReason::Completed), "p", 0, 2),
    ];
    ok(log.commit(entries).await);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(0, 2, 4)));
    assert_eq!(ok(log.producer(key, &producer_id("q")).await), Some(last(5, 0, 2)));
    let head = head(&*log, "s").await;
    assert_eq!((head.tail, head.producers, head.closure.is_some()), (Offset(4), 2, true));
}

/// Neither a producer nor a position remains of it.
pub async fn a_refused_commit_leaves_producers_as_they_were(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![at_position(by(entry(key, 0, &["a"]), "p", 0, 0), "1")]).await);
    let before = head(&*log, "s").await;
    let entries = vec![
        at_position(by(entry(key, 1, &["b"]), "p", 0, 1), "2"),
        by(entry(key, 2, &["c"]), "q", 0, 0),
        entry(key, 9, &["misplaced"]),
    ];
    refused(log.commit(entries).await, ErrorKind::OffsetBeyondTail);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(0, 0, 1)));
    assert_eq!(ok(log.producer(key, &producer_id("q")).await), None);
    assert_eq!(head(&*log, "s").await, before);
}

/// Whatever life it is in and however often it appends.
pub async fn a_producer_is_counted_once(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    for (append, count) in [(("p", 0, 0), 1), (("p", 0, 1), 1), (("q", 0, 0), 2), (("p", 1, 0), 2), (("r", 0, 0), 3)] {
        let (id, epoch, seq) = append;
        let tail = head(&*log, "s").await.tail.0;
        ok(log.commit(vec![by(entry(key, tail, &["x"]), id, epoch, seq)]).await);
        assert_eq!(head(&*log, "s").await.producers, count, "{append:?}");
    }
}

/// An entry without one leaves it.
pub async fn the_stream_seq_is_the_last_one_given(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    assert_eq!(head(&*log, "s").await.stream_seq, None);
    ok(log.commit(vec![at_position(entry(key, 0, &["a"]), "2"), entry(key, 1, &["b"])]).await);
    assert_eq!(head(&*log, "s").await.stream_seq, Some(stream_seq("2")));
    ok(log.commit(vec![by(entry(key, 2, &["c"]), "p", 0, 0)]).await);
    assert_eq!(head(&*log, "s").await.stream_seq, Some(stream_seq("2")));
    let closing = closing(at_position(entry(key, 3, &[]), "\u{0}\u{ff}"), CloseReason::Completed);
    ok(log.commit(vec![closing]).await);
    assert_eq!(head(&*log, "s").await.stream_seq, Some(stream_seq("\u{0}\u{ff}")));
}

/// The making is its producer's first append.
pub async fn a_stream_can_be_made_by_a_producer(place: impl Place) {
    let log = place.open().await;
    let mut create = stream("s");
    create.records = records(&["a", "b"]);
    create.sequencing = at_position(by(entry(crate::StreamKey(0), 0, &[]), "p", 4, 0), "pos").sequencing;
    let made = ok(log.create(create.clone()).await);
    assert_eq!((made.producers, &made.stream_seq), (1, &Some(stream_seq("pos"))));
    assert_eq!(head(&*log, "s").await, made);
    assert_eq!(ok(log.producer(made.key, &producer_id("p")).await), Some(last(4, 0, 2)));
    refused(log.create(create).await, ErrorKind::StreamExists);
    create = stream("t");
    create.sequencing = Some(Box::new(Sequencing::default()));
    assert_eq!(ok(log.create(create).await).producers, 0);
}

/// A new incarnation knows none of them, and of the old one nothing is said.
pub async fn producers_go_with_their_stream(place: impl Place) {
    let log = place.open().await;
    let old = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![at_position(by(entry(old, 0, &["a"]), "p", 0, 0), "1")]).await);
    ok(log.delete(&name("s"), old).await);
    refused(log.producer(old, &producer_id("p")).await, ErrorKind::StreamNotFound);
    let new = ok(log.create(stream("s")).await);
    assert_eq!((new.producers, &new.stream_seq), (0, &None));
    assert_eq!(ok(log.producer(new.key, &producer_id("p")).await), None);
}

/// As are their number and the position; a closed stream keeps them too.
pub async fn producers_are_there_after_a_reopen<P: Place>(place: P) {
    if !P::KEEPS {
        return;
    }
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    let entries = vec![
        at_position(by(entry(key, 0, &["a"]), "p", 0, 0), "1"),
        by(entry(key, 1, &["b"]), "q", 2, 0),
        closing(by(entry(key, 2, &["c"]), "p", 0, 1), CloseReason::Completed),
    ];
    ok(log.commit(entries).await);
    let before = head(&*log, "s").await;
    let log = super::reopen::reopened(&place, log).await;
    assert_eq!(head(&*log, "s").await, before);
    assert_eq!(ok(log.producer(key, &producer_id("p")).await), Some(last(0, 1, 3)));
    assert_eq!(ok(log.producer(key, &producer_id("q")).await), Some(last(2, 0, 2)));
    assert_eq!((before.producers, before.stream_seq), (2, Some(stream_seq("1"))));
}

fn last(epoch: u64, seq: u64, next: u64) -> ProducerState {
    ProducerState { epoch, seq, next: Offset(next) }
}

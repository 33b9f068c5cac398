//! Appending and closing.

use super::Place;
use super::sample::*;
use crate::{CloseReason, ErrorKind, Offset};

/// Records stand at 0, 1, 2 … whatever entries they came in.
pub async fn offsets_are_dense(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![entry(key, 0, &["a"])]).await);
    ok(log.commit(vec![entry(key, 1, &["b", "c", "d"])]).await);
    ok(log.commit(vec![entry(key, 4, &["e"])]).await);
    let read = all(&*log, key).await;
    let offsets: Vec<u64> = read.iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
    assert_eq!(texts(&read), ["a", "b", "c", "d", "e"]);
    assert_eq!(head(&*log, "s").await.tail, Offset(5));
}

/// Records and close of one entry are there together.
pub async fn an_entry_is_appended_whole(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![closing(entry(key, 0, &["a", "b"]), CloseReason::Stopped)]).await);
    let head = head(&*log, "s").await;
    assert_eq!((head.tail, head.closure), (Offset(2), Some(closure(CloseReason::Stopped))));
    assert_eq!(texts(&all(&*log, key).await), ["a", "b"]);
}

/// They are appended in the order of the call.
pub async fn several_entries_of_one_stream_fit_in_one_commit(place: impl Place) {
    let log = place.open().await;
    let (one, two) = (ok(log.create(stream("1")).await).key, ok(log.create(stream("2")).await).key);
    let entries = vec![
        entry(one, 0, &["a"]),
        entry(two, 0, &["x"]),
        entry(one, 1, &["b", "c"]),
        closing(entry(one, 3, &[]), CloseReason::Completed),
        entry(two, 1, &["y"]),
    ];
    ok(log.commit(entries).await);
    assert_eq!(texts(&all(&*log, one).await), ["a", "b", "c"]);
    assert_eq!(texts(&all(&*log, two).await), ["x", "y"]);
    assert!(head(&*log, "1").await.closure.is_some());
    assert!(head(&*log, "2").await.closure.is_none());
}

/// Several entries of a stream, its close and a bad entry among them, in either way of committing by turns.
pub async fn a_commit_at_once_is_one_like_any_other(place: impl Place) {
    let log = place.open().await;
    let (one, two) = (ok(log.create(stream("1")).await).key, ok(log.create(stream("2")).await).key);
    ok(commit(&*log, vec![entry(one, 0, &["a"]), entry(two, 0, &["x"]), entry(one, 1, &["b", "c"])]).await);
    ok(log.commit(vec![entry(one, 3, &["d"])]).await);
    let behind_its_own_close = vec![closing(entry(one, 4, &["e"]), CloseReason::Stopped), entry(one, 5, &["f"])];
    refused(commit(&*log, behind_its_own_close).await, ErrorKind::StreamClosed);
    let one_is_misplaced = vec![entry(one, 4, &["e"]), entry(two, 2, &["y"])];
    refused(commit(&*log, one_is_misplaced).await, ErrorKind::OffsetBeyondTail);
    ok(commit(&*log, vec![closing(entry(one, 4, &["e"]), CloseReason::Completed), entry(two, 1, &["y"])]).await);
    refused(commit(&*log, vec![entry(one, 5, &["f"])]).await, ErrorKind::StreamClosed);
    ok(commit(&*log, Vec::new()).await);
    assert_eq!(texts(&all(&*log, one).await), ["a", "b", "c", "d", "e"]);
    assert_eq!(texts(&all(&*log, two).await), ["x", "y"]);
    ok(log.delete(&name("2"), two).await);
    refused(commit(&*log, vec![entry(two, 2, &["z"])]).await, ErrorKind::StreamNotFound);
    ok(log.close().await);
    refused(commit(&*log, Vec::new()).await, ErrorKind::ReadOnly);
}

/// A wrong start refuses the whole call and leaves the engine ready.
pub async fn a_commit_with_one_bad_entry_appends_nothing(place: impl Place) {
    let log = place.open().await;
    let (good, bad) = (ok(log.create(stream("good")).await).key, ok(log.create(stream("bad")).await).key);
    ok(log.commit(vec![entry(bad, 0, &["a"])]).await);
    for first in [0, 2] {
        let entries = vec![entry(good, 0, &["x"]), entry(bad, first, &["b"])];
        refused(log.commit(entries).await, ErrorKind::OffsetBeyondTail);
    }
    let behind_its_own_close = vec![closing(entry(good, 0, &["x"]), CloseReason::Stopped), entry(good, 1, &["y"])];
    refused(log.commit(behind_its_own_close).await, ErrorKind::StreamClosed);
    assert_eq!(head(&*log, "good").await.tail, Offset::ZERO);
    assert_eq!(head(&*log, "good").await.closure, None);
    assert_eq!(texts(&all(&*log, bad).await), ["a"]);
    ok(log.commit(vec![entry(good, 0, &["x"]), entry(bad, 1, &["b"])]).await);
    assert_eq!(texts(&all(&*log, bad).await), ["a", "b"]);
}

/// Neither records nor another close.
pub async fn a_closed_stream_takes_no_more(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![closing(entry(key, 0, &["a"]), CloseReason::Completed)]).await);
    refused(log.commit(vec![entry(key, 1, &["b"])]).await, ErrorKind::StreamClosed);
    refused(log.commit(vec![closing(entry(key, 1, &[]), CloseReason::Stopped)]).await, ErrorKind::StreamClosed);
    let head = head(&*log, "s").await;
    assert_eq!((head.tail, head.closure), (Offset(1), Some(closure(CloseReason::Completed))));
}

/// For every reason, with and without records before it.
pub async fn a_close_keeps_reason_time_and_detail(place: impl Place) {
    let log = place.open().await;
    for reason in CloseReason::ALL {
        for texts in [&[][..], &["a", "b"][..]] {
            let called = format!("{}/{}", reason.as_str(), texts.len());
            let key = ok(log.create(stream(&called)).await).key;
            ok(log.commit(vec![entry(key, 0, texts)]).await);
            let tail = texts.len() as u64;
            ok(log.commit(vec![closing(entry(key, tail, &[]), reason)]).await);
            let head = head(&*log, &called).await;
            assert_eq!((head.tail, head.closure), (Offset(tail), Some(closure(reason))));
            assert_eq!(all(&*log, key).await.len(), texts.len());
        }
    }
}

/// It neither hides what is there nor gets in the way of the next entry.
pub async fn an_entry_without_records_or_close_changes_nothing(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![entry(key, 0, &[])]).await);
    ok(log.commit(vec![entry(key, 0, &["a"])]).await);
    let before = head(&*log, "s").await;
    ok(log.commit(vec![entry(key, 1, &[])]).await);
    assert_eq!(head(&*log, "s").await, before);
    ok(log.commit(vec![entry(key, 1, &["b"])]).await);
    assert_eq!(texts(&all(&*log, key).await), ["a", "b"]);
}

/// A round with nothing in it is no error.
pub async fn an_empty_commit_is_acknowledged(place: impl Place) {
    ok(place.open().await.commit(Vec::new()).await);
}

/// Interleaved appends to many streams never mix.
pub async fn many_streams_grow_side_by_side(place: impl Place) {
    let log = place.open().await;
    let mut keys = Vec::new();
    for number in 0..40 {
        keys.push(ok(log.create(stream(&format!("s/{number}"))).await).key);
    }
    for round in 0..25 {
        let entries = keys.iter().map(|key| entry(*key, round, &[&format!("{}:{round}", key.0)])).collect();
        ok(log.commit(entries).await);
    }
    for key in keys {
        let expected: Vec<String> = (0..25).map(|round| format!("{}:{round}", key.0)).collect();
        assert_eq!(texts(&all(&*log, key).await), expected);
    }
}

//! What a closed and reopened engine still knows; says nothing of one that forgets.

use std::sync::Arc;
use std::time::Duration;

use super::Place;
use super::sample::*;
use crate::{CloseReason, ErrorKind, Log, Offset};

pub(super) async fn reopened(place: &impl Place, log: Arc<dyn Log>) -> Arc<dyn Log> {
    ok(log.close().await);
    drop(log);
    place.open().await
}

/// Heads, records, aliases, deadlines, relays and the count.
pub async fn what_was_acknowledged_is_there_after_a_reopen<P: Place>(place: P) {
    if !P::KEEPS {
        return;
    }
    let log = place.open().await;
    let made = ok(log.create(relayed(with_alias(expiring(stream("a"), Duration::ZERO), "key"))).await);
    ok(log.commit(vec![entry(made.key, 0, &["0", "1"]), entry(made.key, 2, &["2"])]).await);
    let ended = ok(log.create(relayed(stream("b"))).await);
    ok(log.commit(vec![closing(entry(ended.key, 0, &["x"]), CloseReason::Failed)]).await);
    ok(log.touch(ended.key, Some(NOW)).await);
    let (before_a, before_b) = (head(&*log, "a").await, head(&*log, "b").await);

    let log = reopened(&place, log).await;
    assert_eq!((head(&*log, "a").await, head(&*log, "b").await), (before_a, before_b));
    assert_eq!(texts(&all(&*log, made.key).await), ["0", "1", "2"]);
    assert_eq!(texts(&all(&*log, ended.key).await), ["x"]);
    assert_eq!(ok(log.find_alias(&alias("key")).await), Some(name("a")));
    assert_eq!(ok(log.expired(NOW, 10).await), [name("a"), name("b")]);
    assert_eq!(ok(log.open_relays().await), [name("a")]);
    assert_eq!(log.stream_count(), 2);
}

/// At the offset where it stood, and new streams get keys of their own.
pub async fn a_stream_goes_on_after_a_reopen<P: Place>(place: P) {
    if !P::KEEPS {
        return;
    }
    let mut log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    let mut keys = vec![key];
    for round in 0..4 {
        ok(log.commit(vec![entry(key, round, &[&round.to_string()])]).await);
        log = reopened(&place, log).await;
        keys.push(ok(log.create(stream(&format!("t/{round}"))).await).key);
    }
    refused(log.commit(vec![entry(key, 3, &["x"])]).await, ErrorKind::OffsetBeyondTail);
    assert_eq!(texts(&all(&*log, key).await), ["0", "1", "2", "3"]);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

/// Even while its space is still being reclaimed, and its key is never given out again.
pub async fn a_deleted_stream_stays_deleted_after_a_reopen<P: Place>(place: P) {
    if !P::KEEPS {
        return;
    }
    let log = place.open().await;
    let old = ok(log.create(with_alias(stream("s"), "key")).await).key;
    ok(log.commit(vec![entry(old, 0, &["a", "b"])]).await);
    ok(log.delete(&name("s"), old).await);

    let log = reopened(&place, log).await;
    assert_eq!(ok(log.open(&name("s")).await), None);
    assert_eq!(ok(log.find_alias(&alias("key")).await), None);
    refused(log.read(old, Offset::ZERO, UNBOUNDED).await, ErrorKind::StreamNotFound);
    let new = ok(log.create(stream("s")).await).key;
    assert_ne!(new, old);
    assert_eq!(all(&*log, new).await, []);
}

/// A line of forks with a tombstone in it reads and goes as if nothing had happened; forks are still counted right.
pub async fn forks_and_tombstones_are_there_after_a_reopen<P: Place>(place: P) {
    if !P::KEEPS {
        return;
    }
    let mut log = place.open().await;
    let root = ok(log.create(stream("root")).await).key;
    ok(log.commit(vec![entry(root, 0, &["0", "1", "2"]), entry(root, 3, &["3"])]).await);
    let one = ok(log.create(forked(expiring(stream("one"), Duration::ZERO), root, 2)).await).key;
    let two = ok(log.create(forked(stream("two"), one, 2)).await).key;
    ok(log.commit(vec![entry(one, 2, &["a"]), entry(two, 2, &["b"])]).await);
    ok(log.delete(&name("one"), one).await);
    let before = head(&*log, "two").await;

    log = reopened(&place, log).await;
    assert_eq!(head(&*log, "two").await, before);
    assert_eq!(some(ok(log.tombstone(&name("one")).await)).key, one);
    assert_eq!(ok(log.open(&name("one")).await), None);
    assert_eq!(ok(log.expired(NOW, 10).await), []);
    assert_eq!(log.stream_count(), 3);
    assert_eq!(texts(&all(&*log, two).await), ["0", "1", "b"]);
    assert_eq!(ok(log.entry_end(root, Offset::ZERO).await), Offset(3));
    ok(log.delete(&name("root"), root).await);

    log = reopened(&place, log).await;
    assert_eq!(texts(&all(&*log, two).await), ["0", "1", "b"]);
    ok(log.commit(vec![entry(two, 3, &["c"])]).await);
    ok(log.delete(&name("two"), two).await);
    assert_eq!(log.stream_count(), 0);

    log = reopened(&place, log).await;
    for called in ["root", "one", "two"] {
        assert_eq!(ok(log.tombstone(&name(called)).await), None);
        ok(log.create(stream(called)).await);
    }
}

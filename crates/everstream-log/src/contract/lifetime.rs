//! Deadlines, relays, removal and the engine's own end.

use std::time::Duration;

use super::Place;
use super::sample::*;
use crate::{CloseReason, ErrorKind, Health, Offset};

const SECOND: Duration = Duration::from_secs(1);

/// At its moment, not a millisecond before.
pub async fn a_deadline_is_reported_once_reached(place: impl Place) {
    let log = place.open().await;
    ok(log.create(expiring(stream("soon"), SECOND)).await);
    ok(log.create(stream("never")).await);
    assert_eq!(ok(log.expired(NOW.plus(SECOND - Duration::from_millis(1)), 10).await), []);
    assert_eq!(ok(log.expired(NOW.plus(SECOND), 10).await), [name("soon")]);
    assert_eq!(head(&*log, "soon").await.expires_at, Some(NOW.plus(SECOND)));
}

/// Later, earlier, to never and back.
pub async fn a_touch_moves_the_deadline(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(expiring(stream("s"), SECOND)).await).key;
    for (deadline, expired_at_10_s) in [
        (Some(NOW.plus(20 * SECOND)), false),
        (Some(NOW.plus(10 * SECOND)), true),
        (None, false),
        (Some(NOW), true),
        (Some(NOW), true),
    ] {
        ok(log.touch(key, deadline).await);
        assert_eq!(head(&*log, "s").await.expires_at, deadline);
        let expired = ok(log.expired(NOW.plus(10 * SECOND), 10).await);
        assert_eq!(!expired.is_empty(), expired_at_10_s, "{deadline:?}");
    }
}

/// A stream that was never made and one that was deleted.
pub async fn a_touch_of_what_is_not_there_is_refused(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(expiring(stream("s"), SECOND)).await).key;
    ok(log.delete(&name("s"), key).await);
    refused(log.touch(key, Some(NOW)).await, ErrorKind::StreamNotFound);
    assert_eq!(ok(log.expired(NOW.plus(10 * SECOND), 10).await), []);
}

/// So that a sweep in slices gets through.
pub async fn expired_streams_come_earliest_first_and_bounded(place: impl Place) {
    let log = place.open().await;
    for (called, seconds) in [("c", 30), ("a", 10), ("d", 400), ("b", 20)] {
        ok(log.create(expiring(stream(called), seconds * SECOND)).await);
    }
    let now = NOW.plus(100 * SECOND);
    assert_eq!(ok(log.expired(now, 2).await), [name("a"), name("b")]);
    assert_eq!(ok(log.expired(now, 10).await), [name("a"), name("b"), name("c")]);
    assert_eq!(ok(log.expired(now, 0).await), []);
}

/// Whether closed by an append, at the making, or not at all.
pub async fn open_relays_are_the_relayed_streams_not_closed(place: impl Place) {
    let log = place.open().await;
    ok(log.create(stream("published")).await);
    let left = ok(log.create(relayed(stream("left"))).await).key;
    let ended = ok(log.create(relayed(stream("ended"))).await).key;
    let deleted = ok(log.create(relayed(stream("deleted"))).await).key;
    let mut born_closed = relayed(stream("born/closed"));
    born_closed.closure = Some(closure(CloseReason::Failed));
    ok(log.create(born_closed).await);
    ok(log.commit(vec![entry(left, 0, &["a"]), closing(entry(ended, 0, &["a"]), CloseReason::Completed)]).await);
    ok(log.delete(&name("deleted"), deleted).await);
    assert_eq!(ok(log.open_relays().await), [name("left")]);
    ok(log.commit(vec![closing(entry(left, 1, &[]), CloseReason::Interrupted)]).await);
    assert_eq!(ok(log.open_relays().await), []);
}

/// At once, for every way of asking.
pub async fn a_deleted_stream_is_gone_with_its_alias_and_deadline(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(with_alias(expiring(stream("s"), SECOND), "key")).await).key;
    ok(log.commit(vec![entry(key, 0, &["a", "b"])]).await);
    ok(log.delete(&name("s"), key).await);
    assert_eq!(ok(log.open(&name("s")).await), None);
    assert_eq!(ok(log.find_alias(&alias("key")).await), None);
    assert_eq!(ok(log.expired(NOW.plus(10 * SECOND), 10).await), []);
    refused(log.read(key, Offset::ZERO, UNBOUNDED).await, ErrorKind::StreamNotFound);
    assert_eq!(log.stream_count(), 0);
    ok(log.delete(&name("s"), key).await);
    ok(log.create(with_alias(stream("another"), "key")).await);
}

/// It has another key and epoch and nothing of the old records.
pub async fn a_name_made_again_is_another_stream(place: impl Place) {
    let log = place.open().await;
    let old = ok(log.create(with_alias(stream("s"), "key")).await);
    ok(log.commit(vec![closing(entry(old.key, 0, &["old"]), CloseReason::Completed)]).await);
    ok(log.delete(&name("s"), old.key).await);
    let new = ok(log.create(with_alias(stream("s"), "key")).await);
    assert_ne!(new.key, old.key);
    assert_eq!(head(&*log, "s").await, new);
    assert_eq!((new.tail, &new.closure, new.bytes), (Offset::ZERO, &None, 0));
    ok(log.commit(vec![entry(new.key, 0, &["new"])]).await);
    assert_eq!(texts(&all(&*log, new.key).await), ["new"]);
    refused(log.read(old.key, Offset::ZERO, UNBOUNDED).await, ErrorKind::StreamNotFound);
}

/// A late delete of an earlier incarnation cannot hit the present one.
pub async fn deleting_another_life_deletes_nothing(place: impl Place) {
    let log = place.open().await;
    let old = ok(log.create(stream("s")).await).key;
    ok(log.delete(&name("s"), old).await);
    let new = ok(log.create(stream("s")).await);
    ok(log.delete(&name("s"), old).await);
    ok(log.delete(&name("never/made"), new.key).await);
    assert_eq!(head(&*log, "s").await, new);
    assert_eq!(log.stream_count(), 1);
}

/// Nothing can be written into what is being reclaimed.
pub async fn a_deleted_stream_takes_no_records(place: impl Place) {
    let log = place.open().await;
    let gone = ok(log.create(stream("gone")).await).key;
    let there = ok(log.create(stream("there")).await).key;
    ok(log.commit(vec![entry(gone, 0, &["a"])]).await);
    ok(log.delete(&name("gone"), gone).await);
    let both = vec![entry(there, 0, &["a"]), entry(gone, 1, &["b"])];
    refused(log.commit(both).await, ErrorKind::StreamNotFound);
    assert_eq!(head(&*log, "there").await.tail, Offset::ZERO);
}

/// Its end is an orderly one: every later call is refused, none hangs or panics.
pub async fn a_ready_engine_says_so_and_a_closed_one_refuses_everything(place: impl Place) {
    let log = place.open().await;
    assert_eq!(log.health(), Health::Ready);
    let key = ok(log.create(stream("s")).await).key;
    ok(log.close().await);
    ok(log.close().await);
    assert!(matches!(log.health(), Health::ReadOnly(_)));
    refused(log.create(stream("t")).await, ErrorKind::ReadOnly);
    refused(log.commit(vec![entry(key, 0, &["a"])]).await, ErrorKind::ReadOnly);
    refused(log.read(key, Offset::ZERO, UNBOUNDED).await, ErrorKind::ReadOnly);
    refused(log.open(&name("s")).await, ErrorKind::ReadOnly);
    refused(log.touch(key, None).await, ErrorKind::ReadOnly);
    refused(log.delete(&name("s"), key).await, ErrorKind::ReadOnly);
}

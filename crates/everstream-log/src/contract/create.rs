//! Making streams.

use std::time::Duration;

use bytes::Bytes;

use super::sample::*;
use super::{Place, STREAMS_MAX};
use crate::{CloseReason, ErrorKind, Expiry, Offset, Origin};

/// What was fixed at its making comes back from `create` and from `open`.
pub async fn a_created_stream_is_found_as_it_was_made(place: impl Place) {
    let log = place.open().await;
    assert_eq!(ok(log.open(&name("chat/1")).await), None);
    let mut create = relayed(with_alias(expiring(stream("chat/1"), Duration::from_secs(60)), "key"));
    create.settings.content_type = "application/json; charset=utf-8".into();
    create.settings.annotation = Bytes::from_static(&[0, 255, 10]);
    let made = ok(log.create(create.clone()).await);
    assert_eq!((made.epoch, &made.settings, made.created_at), (create.epoch, &create.settings, create.at));
    assert_eq!((made.first, made.tail, made.bytes, &made.closure), (Offset::ZERO, Offset::ZERO, 0, &None));
    assert_eq!(made.expires_at, create.expires_at);
    assert_eq!(head(&*log, "chat/1").await, made);

    let mut at_a_moment = stream("chat/2");
    at_a_moment.settings.expiry = Expiry::At(NOW);
    at_a_moment.expires_at = Some(NOW);
    let made = ok(log.create(at_a_moment).await);
    assert_eq!((made.settings.expiry, made.settings.origin), (Expiry::At(NOW), Origin::Published));
    assert_eq!(head(&*log, "chat/2").await, made);
    assert_eq!(log.stream_count(), 2);
}

/// The first append and the close are part of the making.
pub async fn a_stream_can_be_made_with_records_and_closed_at_once(place: impl Place) {
    let log = place.open().await;
    let mut create = stream("s");
    create.records = records(&["a", "bc"]);
    create.closure = Some(closure(CloseReason::Failed));
    let made = ok(log.create(create).await);
    assert_eq!((made.tail, made.bytes, &made.closure), (Offset(2), 3, &Some(closure(CloseReason::Failed))));
    assert_eq!(head(&*log, "s").await, made);
    assert_eq!(texts(&all(&*log, made.key).await), ["a", "bc"]);

    let mut empty = stream("empty");
    empty.closure = Some(closure(CloseReason::Completed));
    let made = ok(log.create(empty).await);
    assert_eq!((made.tail, &made.closure), (Offset::ZERO, &Some(closure(CloseReason::Completed))));
    assert_eq!(head(&*log, "empty").await, made);
    assert_eq!(all(&*log, made.key).await, []);
}

/// A second creation is refused and changes nothing.
pub async fn a_name_is_made_once(place: impl Place) {
    let log = place.open().await;
    let made = ok(log.create(stream("s")).await);
    let mut again = with_alias(stream("s"), "other");
    again.records = records(&["x"]);
    refused(log.create(again).await, ErrorKind::StreamExists);
    assert_eq!(head(&*log, "s").await, made);
    assert_eq!(ok(log.find_alias(&alias("other")).await), None);
}

/// Two streams cannot share an alias; bytes that begin alike are another alias.
pub async fn an_alias_leads_to_its_stream_and_belongs_to_one(place: impl Place) {
    let log = place.open().await;
    assert_eq!(ok(log.find_alias(&alias("key")).await), None);
    ok(log.create(with_alias(stream("a"), "key")).await);
    refused(log.create(with_alias(stream("b"), "key")).await, ErrorKind::AliasTaken);
    ok(log.create(with_alias(stream("c"), "key2")).await);
    let longest = "k".repeat(1024);
    ok(log.create(with_alias(stream("d"), &longest)).await);
    assert_eq!(ok(log.find_alias(&alias("key")).await), Some(name("a")));
    assert_eq!(ok(log.find_alias(&alias("key2")).await), Some(name("c")));
    assert_eq!(ok(log.find_alias(&alias(&longest)).await), Some(name("d")));
    assert_eq!(ok(log.find_alias(&alias("ke")).await), None);
}

/// Neither a name, a deadline, a relay nor a count remains of it.
pub async fn a_refused_creation_leaves_nothing_behind(place: impl Place) {
    let log = place.open().await;
    ok(log.create(with_alias(stream("a"), "key")).await);
    let twin = relayed(with_alias(expiring(stream("b"), Duration::ZERO), "key"));
    refused(log.create(twin).await, ErrorKind::AliasTaken);
    assert_eq!(ok(log.open(&name("b")).await), None);
    assert_eq!(ok(log.expired(NOW, 10).await), []);
    assert_eq!(ok(log.open_relays().await), []);
    assert_eq!(log.stream_count(), 1);
}

/// The engine says `Full` at its limit and takes a stream again once one is deleted.
pub async fn streams_are_bounded(place: impl Place) {
    let log = place.open().await;
    for number in 0..STREAMS_MAX {
        ok(log.create(stream(&format!("s/{number}"))).await);
    }
    refused(log.create(stream("one/more")).await, ErrorKind::Full);
    assert_eq!(log.stream_count(), STREAMS_MAX);
    let first = head(&*log, "s/0").await;
    ok(log.delete(&name("s/0"), first.key).await);
    ok(log.create(stream("one/more")).await);
    assert_eq!(log.stream_count(), STREAMS_MAX);
}

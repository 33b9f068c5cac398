//! Deleted streams whose records forks still read.

use std::time::Duration;

use super::sample::*;
use super::{Place, STREAMS_MAX};
use crate::{ErrorKind, Log, Offset, StreamKey};

async fn source(log: &dyn Log) -> StreamKey {
    let create = relayed(with_alias(expiring(stream("source"), Duration::ZERO), "key"));
    let key = ok(log.create(create).await).key;
    ok(log.commit(vec![entry(key, 0, &["0", "1", "2"]), entry(key, 3, &["3", "4"])]).await);
    key
}

async fn is_tombstone(log: &dyn Log, text: &str) -> bool {
    let tombstone = ok(log.tombstone(&name(text)).await);
    assert!(tombstone.is_none() || ok(log.open(&name(text)).await).is_none(), "{text} is both");
    tombstone.is_some()
}

/// Its records are its forks' alone; its name is taken, its alias and its deadline are not.
pub async fn a_deleted_source_lives_on_in_its_forks(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let made = head(&*log, "source").await;
    let fork = ok(log.create(forked(stream("fork"), source, 4)).await).key;
    assert!(!is_tombstone(&*log, "source").await);
    ok(log.delete(&name("source"), source).await);

    let tombstone = some(ok(log.tombstone(&name("source")).await));
    assert_eq!((tombstone.key, tombstone.epoch, tombstone.settings.alias), (source, made.epoch, None));
    assert_eq!(tombstone.settings.content_type, made.settings.content_type);
    assert_eq!(tombstone.settings.expiry, made.settings.expiry);
    assert_eq!(ok(log.open(&name("source")).await), None);
    refused(log.read(source, Offset::ZERO, UNBOUNDED).await, ErrorKind::StreamNotFound);
    refused(log.entry_end(source, Offset::ZERO).await, ErrorKind::StreamNotFound);
    refused(log.commit(vec![entry(source, 5, &["5"])]).await, ErrorKind::StreamNotFound);
    refused(log.touch(source, Some(NOW)).await, ErrorKind::StreamNotFound);
    refused(log.create(stream("source")).await, ErrorKind::StreamExists);
    refused(log.create(forked(stream("another"), source, 0)).await, ErrorKind::StreamNotFound);
    assert_eq!(ok(log.find_alias(&alias("key")).await), None);
    assert_eq!(ok(log.expired(NOW.plus(Duration::from_secs(9)), 10).await), []);
    assert_eq!(ok(log.open_relays().await), []);
    assert_eq!(log.stream_count(), 2);
    ok(log.create(with_alias(stream("heir"), "key")).await);

    ok(log.delete(&name("source"), source).await);
    ok(log.commit(vec![entry(fork, 4, &["own"])]).await);
    assert_eq!(texts(&all(&*log, fork).await), ["0", "1", "2", "3", "own"]);
    assert_eq!(some(head(&*log, "fork").await.forked_from).name, name("source"));
}

/// Not with the first of two, and at once with the last.
pub async fn a_tombstone_goes_with_its_last_fork(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let low = ok(log.create(forked(stream("low"), source, 1)).await).key;
    let high = ok(log.create(forked(stream("high"), source, 5)).await).key;
    ok(log.delete(&name("source"), source).await);
    ok(log.delete(&name("high"), high).await);
    assert!(is_tombstone(&*log, "source").await);
    assert_eq!(texts(&all(&*log, low).await), ["0"]);
    ok(log.delete(&name("low"), low).await);
    assert!(!is_tombstone(&*log, "source").await);
    assert_eq!(log.stream_count(), 0);
    let again = ok(log.create(stream("source")).await);
    assert_eq!(all(&*log, again.key).await, []);
    refused(log.read(low, Offset::ZERO, UNBOUNDED).await, ErrorKind::StreamNotFound);
}

/// From whichever end a line of forks is deleted: who is not deleted stays, and what nobody reads goes.
pub async fn tombstones_go_up_the_line(place: impl Place) {
    let log = place.open().await;
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 3, 0], [0, 2, 3, 1], [2, 0, 1, 3]] {
        let mut line = vec![source(&*log).await];
        let names = ["source", "one", "two", "three"];
        for (base, called) in (5..).zip(names.iter().skip(1)) {
            let above = line.last().copied().unwrap_or(StreamKey(0));
            let fork = ok(log.create(forked(stream(called), above, base)).await).key;
            ok(log.commit(vec![entry(fork, base, &[called])]).await);
            line.push(fork);
        }
        let mut deleted = [false; 4];
        for index in order {
            let key = line.get(index).copied().unwrap_or(StreamKey(0));
            ok(log.delete(&name(names.get(index).copied().unwrap_or_default()), key).await);
            if let Some(deleted) = deleted.get_mut(index) {
                *deleted = true;
            }
            for (index, called) in names.iter().enumerate() {
                let is_deleted = deleted.get(index) == Some(&true);
                let is_read = deleted.iter().skip(index + 1).any(|deleted| !deleted);
                assert_eq!(ok(log.open(&name(called)).await).is_none(), is_deleted, "{called}, {deleted:?}");
                assert_eq!(is_tombstone(&*log, called).await, is_deleted && is_read, "{called}, {deleted:?}");
            }
            for key in line.iter().zip(deleted).filter_map(|(key, deleted)| (!deleted).then_some(*key)) {
                assert_eq!(texts(&all(&*log, key).await).get(..5).map(<[_]>::concat).as_deref(), Some("01234"));
            }
        }
        assert_eq!(log.stream_count(), 0);
    }
}

/// A stream whose forks are all gone is deleted like any other, and forks of a living source leave it alone.
pub async fn a_source_outlives_its_forks(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    for round in 0..3 {
        let fork = ok(log.create(forked(stream("fork"), source, round)).await).key;
        ok(log.delete(&name("fork"), fork).await);
        assert_eq!(texts(&all(&*log, source).await), ["0", "1", "2", "3", "4"]);
    }
    ok(log.delete(&name("source"), source).await);
    assert!(!is_tombstone(&*log, "source").await);
    assert_eq!(log.stream_count(), 0);
}

/// They hold room in the log, so that deleting cannot be a way around its bound.
pub async fn tombstones_count_as_streams(place: impl Place) {
    let log = place.open().await;
    let mut source = ok(log.create(stream("s/0")).await).key;
    for number in 1..STREAMS_MAX {
        let fork = ok(log.create(forked(stream(&format!("s/{number}")), source, 0)).await).key;
        if number < 100 {
            ok(log.delete(&name(&format!("s/{}", number - 1)), source).await);
            source = fork;
        }
    }
    assert_eq!(log.stream_count(), STREAMS_MAX);
    refused(log.create(stream("one/more")).await, ErrorKind::Full);
}

//! Expiry, eviction, restarts.

use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{CreateStream, End, ErrorKind, HubConfig};
use everstream_log::{Alias, Clock as _, CloseReason, Expiry, Offset, Origin, Timestamp};

use crate::rig::{Rig, append, close, config, drain, name};

const TTL: Duration = Duration::from_secs(100);

async fn expiring(rig: &Rig, expiry: Expiry) -> everstream_hub::Stream {
    rig.hub.create(&CreateStream { expiry, ..CreateStream::new(name("s"), "text/plain") }).await.unwrap().stream
}

#[tokio::test(start_paused = true)]
async fn use_keeps_a_stream_alive_and_disuse_does_not() {
    let rig = Rig::new(config());
    drop(expiring(&rig, Expiry::Idle(TTL)).await);
    for _ in 0..3 {
        rig.clock.advance(TTL / 2 + Duration::from_secs(1));
        append(&rig.hub.stream(&name("s")).await.unwrap(), &["a"]).await.unwrap();
    }
    rig.clock.advance(TTL);
    assert_eq!(rig.hub.stream(&name("s")).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
    assert!(rig.hub.create(&CreateStream::new(name("s"), "application/json")).await.unwrap().is_new);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_left_memory_is_there_for_as_long_as_one_that_did_not() {
    for dies in [false, true] {
        let mut rig = Rig::new(config());
        let stream = expiring(&rig, Expiry::Idle(TTL)).await;
        rig.clock.advance(TTL / 10);
        append(&stream, &["a"]).await.unwrap();
        drop(stream);
        if dies {
            rig = rig.restarted();
        }
        let idle_max = rig.hub.config().idle_max;
        rig.clock.advance(idle_max);
        rig.hub.sweep().await;
        assert_eq!(rig.hub.live_streams(), 0);
        rig.clock.advance(TTL - idle_max - Duration::from_secs(1));
        rig.hub.sweep().await;
        assert!(rig.hub.stream(&name("s")).await.is_ok(), "it was used a second less than its time ago");
        rig.clock.advance(TTL + TTL / 8);
        rig.hub.sweep().await;
        assert_eq!(rig.hub.stream(&name("s")).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_found_in_memory_while_it_is_loaded_and_there() {
    let rig = Rig::new(config());
    let is_found = |rig: &Rig| rig.hub.stream_in_memory(&name("s"), rig.clock.now()).is_some();
    assert!(!is_found(&rig));
    drop(expiring(&rig, Expiry::Idle(TTL)).await);
    assert!(is_found(&rig));
    let rig = rig.restarted();
    assert!(!is_found(&rig), "the log has it");
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    assert!(is_found(&rig));
    // What the log has is later.
    rig.clock.advance(TTL + TTL / 8);
    assert!(!is_found(&rig), "its time is up");
    append(&stream, &["a"]).await.unwrap();
    assert!(is_found(&rig), "it was used before anybody took it out");
    rig.hub.delete(&name("s")).await.unwrap();
    assert!(!is_found(&rig));
}

#[tokio::test(start_paused = true)]
async fn an_append_on_its_way_keeps_a_stream_that_is_found_expired() {
    let rig = Rig::new(config());
    let stream = expiring(&rig, Expiry::Idle(TTL)).await;
    rig.clock.advance(TTL);
    let (name, records) = (name("s"), ["a"]);
    let (appended, found, ()) = tokio::join!(append(&stream, &records), rig.hub.stream(&name), rig.hub.sweep());
    assert_eq!((appended.unwrap().next, found.unwrap().state().tail), (Offset(1), Offset(1)));
    rig.clock.advance(TTL - Duration::from_secs(1));
    assert!(rig.hub.stream(&name).await.is_ok());
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.hub.stream(&name).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_watched_stream_does_not_expire_of_silence() {
    let rig = Rig::new(config());
    let stream = expiring(&rig, Expiry::Idle(TTL)).await;
    let subscription = stream.subscribe(Offset::ZERO).unwrap();
    rig.clock.advance(TTL * 3);
    rig.hub.sweep().await;
    assert!(rig.hub.stream(&name("s")).await.is_ok());
    drop(subscription);
    rig.clock.advance(TTL * 3);
    rig.hub.sweep().await;
    assert_eq!(stream.ended().await, End::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_moment_comes_whoever_watches() {
    let rig = Rig::new(config());
    let stream = expiring(&rig, Expiry::At(Timestamp(1_000_000).plus(TTL))).await;
    let watching = tokio::spawn(drain(stream.subscribe(Offset::ZERO).unwrap()));
    rig.clock.advance(TTL);
    rig.hub.sweep().await;
    assert_eq!(watching.await.unwrap().1, End::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_is_kept_for_the_configured_time() {
    let rig = Rig::new(HubConfig { closed_ttl: TTL, ..config() });
    let stream = rig.text_stream("s").await;
    close(&stream, CloseReason::Completed).await.unwrap();
    drop(stream);
    let rig = rig.restarted();
    rig.clock.advance(TTL - Duration::from_secs(1));
    assert!(rig.hub.stream(&name("s")).await.is_ok());
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.hub.stream(&name("s")).await.unwrap_err().kind(), ErrorKind::StreamNotFound);
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_leaves_the_memory_and_comes_back_as_it_was() {
    let rig = Rig::new(config());
    let stream = rig.text_stream("s").await;
    append(&stream, &["a", "b"]).await.unwrap();
    let epoch = stream.epoch();
    rig.clock.advance(rig.hub.config().idle_max);
    rig.hub.sweep().await;
    assert_eq!(rig.hub.live_streams(), 1, "a stream with a handle stays");
    drop(stream);
    rig.hub.sweep().await;
    assert_eq!(rig.hub.live_streams(), 0);
    let stream = rig.hub.stream(&name("s")).await.unwrap();
    assert_eq!((stream.epoch(), stream.state().tail), (epoch, Offset(2)));
    close(&stream, CloseReason::Completed).await.unwrap();
    assert_eq!(drain(stream.subscribe(Offset::ZERO).unwrap()).await.0, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_died_with_its_process_is_closed_as_interrupted() {
    let rig = Rig::new(config());
    let relayed = CreateStream { origin: Origin::Relayed, ..CreateStream::new(name("relayed"), "text/plain") };
    append(&rig.hub.create(&relayed).await.unwrap().stream, &["a"]).await.unwrap();
    append(&rig.text_stream("published").await, &["a"]).await.unwrap();
    let rig = rig.restarted();
    assert_eq!(rig.hub.recover(Bytes::from_static(b"{}")).await.unwrap(), [name("relayed")]);
    let (records, end) = drain(rig.hub.stream(&name("relayed")).await.unwrap().subscribe(Offset::ZERO).unwrap()).await;
    assert_eq!(records, ["a"]);
    assert!(
        matches!(end, End::Closed(closure) if closure.reason == CloseReason::Interrupted && closure.detail == "{}")
    );
    assert!(rig.hub.stream(&name("published")).await.unwrap().state().end.is_none());
    assert!(rig.hub.recover(Bytes::new()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_alias_finds_its_stream_for_as_long_as_it_lives() {
    let rig = Rig::new(config());
    let alias = Alias(Bytes::from_static(b"key"));
    assert!(rig.hub.find_alias(&alias).await.unwrap().is_none());
    let create = CreateStream { alias: Some(alias.clone()), ..CreateStream::new(name("s"), "text/plain") };
    rig.hub.create(&create).await.unwrap();
    assert_eq!(rig.hub.find_alias(&alias).await.unwrap().unwrap().name(), &name("s"));
    let thief = CreateStream { name: name("t"), ..create };
    assert_eq!(rig.hub.create(&thief).await.unwrap_err().kind(), ErrorKind::AliasTaken);
    rig.hub.delete(&name("s")).await.unwrap();
    assert!(rig.hub.find_alias(&alias).await.unwrap().is_none());
}

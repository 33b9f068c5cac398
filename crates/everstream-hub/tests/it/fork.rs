//! Streams that begin with the records of another one, and deleted ones that such streams still read.

use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{Append, Close, CreateStream, Created, End, Error, ErrorKind, EventId, ForkFrom, Start, Stream};
use everstream_log::{CloseReason, Expiry, Offset, ReadLimit};

use crate::rig::{Rig, append, close, config, drain, is_waiting, name, text};

const UNBOUNDED: ReadLimit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };

/// A fork of `source`, made as `called`: at its tail unless changed.
fn forking(called: &str, source: &str) -> CreateStream {
    let fork = ForkFrom { source: name(source), offset: None, sub_offset: 0 };
    CreateStream { fork: Some(fork), ..CreateStream::new(name(called), "") }
}

fn at(mut create: CreateStream, offset: u64, sub_offset: u64) -> CreateStream {
    let fork = create.fork.as_mut().unwrap();
    (fork.offset, fork.sub_offset) = (Some(Offset(offset)), sub_offset);
    create
}

async fn make(rig: &Rig, create: CreateStream) -> Stream {
    let Created { stream, is_new } = rig.hub.create(&create).await.unwrap();
    assert!(is_new);
    stream
}

fn kind<T: std::fmt::Debug>(outcome: Result<T, Error>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

async fn texts(stream: &Stream) -> Vec<String> {
    let records = stream.read(Offset::ZERO, UNBOUNDED).await.unwrap();
    records.iter().map(|record| String::from_utf8_lossy(&record.data).into_owned()).collect()
}

/// A stream of `content_type` that was made with nothing and then had these appends.
async fn stream_of(rig: &Rig, called: &str, content_type: &str, appends: &[&[&'static str]]) -> Stream {
    let stream = make(rig, CreateStream::new(name(called), content_type)).await;
    for records in appends {
        append(&stream, records).await.unwrap();
    }
    stream
}

/// More records than the ring holds on either side, so that the log, the source and the ring all have a part.
#[tokio::test(start_paused = true)]
async fn a_subscriber_of_a_fork_sees_each_record_once_wherever_it_was_cut() {
    let rig = Rig::new(config());
    let source = rig.text_stream("s").await;
    for batch in [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"]] {
        append(&source, &batch).await.unwrap();
    }
    let fork = make(&rig, at(forking("f", "s"), 7, 0)).await;
    append(&source, &["not", "the", "fork's"]).await.unwrap();
    for batch in [["a", "b", "c"], ["d", "e", "f"]] {
        append(&fork, &batch).await.unwrap();
    }
    close(&fork, CloseReason::Completed).await.unwrap();
    let canonical = ["0", "1", "2", "3", "4", "5", "6", "a", "b", "c", "d", "e", "f"];
    for cut in 0..=canonical.len() {
        let id = EventId::new(fork.epoch(), Offset(cut as u64));
        let opening = fork.resume(if cut == 0 { Start::Beginning } else { Start::After(id) });
        assert_eq!(opening.reset, None);
        let (seen, end) = drain(fork.subscribe(opening.from).unwrap()).await;
        assert_eq!(seen, canonical[cut..], "{cut}");
        assert!(matches!(end, End::Closed(closure) if closure.reason == CloseReason::Completed));
    }
    let of_the_source = fork.resume(Start::After(EventId::new(source.epoch(), Offset(3))));
    assert!(of_the_source.reset.is_some(), "a fork is another life");
}

#[tokio::test(start_paused = true)]
async fn what_is_appended_to_the_source_wakes_nobody_at_the_fork() {
    let rig = Rig::new(config());
    let source = stream_of(&rig, "s", "text/plain", &[&["0"]]).await;
    let fork = make(&rig, forking("f", "s")).await;
    let mut subscription = fork.subscribe(fork.state().tail).unwrap();
    let mut frames = std::collections::VecDeque::new();
    append(&source, &["1"]).await.unwrap();
    close(&source, CloseReason::Completed).await.unwrap();
    assert!(is_waiting(subscription.next(&mut frames)).await);
    append(&fork, &["own"]).await.unwrap();
    subscription.next(&mut frames).await;
    assert_eq!(frames.iter().map(text).collect::<Vec<_>>(), ["own"]);
}

#[tokio::test(start_paused = true)]
async fn a_fork_begins_with_its_sources_settings_and_nothing_of_its_state() {
    let rig = Rig::new(config());
    let expiry = Expiry::Idle(Duration::from_secs(60));
    let source = CreateStream { expiry, ..CreateStream::new(name("s"), "text/x; charset=utf-8") };
    let source = make(&rig, CreateStream { records: vec![Bytes::from_static(b"one")], ..source }).await;
    close(&source, CloseReason::Failed).await.unwrap();
    let first = CreateStream { records: vec![Bytes::from_static(b"two")], ..forking("f", "s") };
    let fork = make(&rig, first).await;
    let state = fork.state();
    assert_eq!((state.settings.content_type.as_str(), state.settings.expiry), ("text/x; charset=utf-8", expiry));
    assert_eq!((state.end, state.tail, state.bytes), (None, Offset(2), 6));
    assert_eq!(state.forked_from.unwrap().base, Offset(1));
    let own = Expiry::Idle(Duration::from_secs(5));
    let other = make(&rig, CreateStream { expiry: own, ..forking("g", "s") }).await;
    assert_eq!(other.settings().expiry, own);
    let close = Some(Close::because(CloseReason::Completed));
    let closed = make(&rig, CreateStream { close, ..forking("h", "s") }).await;
    assert!(matches!(closed.state().end, Some(End::Closed(_))));
    assert_eq!(texts(&closed).await, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_sub_offset_counts_the_records_of_a_json_append() {
    let rig = Rig::new(config());
    stream_of(&rig, "s", "application/json", &[&["0", "1", "2"], &["3", "4"]]).await;
    for (offset, sub_offset, expected) in [(0, 1, "0"), (0, 3, "012"), (1, 2, "012"), (3, 1, "0123"), (3, 2, "01234")] {
        let called = format!("f/{offset}/{sub_offset}");
        assert_eq!(texts(&make(&rig, at(forking(&called, "s"), offset, sub_offset)).await).await.concat(), expected);
    }
    for (offset, sub_offset) in [(0, 4), (1, 3), (3, 3), (5, 1), (0, u64::MAX)] {
        let refused = rig.hub.create(&at(forking("f", "s"), offset, sub_offset)).await;
        assert_eq!(kind(refused), ErrorKind::SubOffsetInvalid, "{offset} + {sub_offset}");
    }
    // What a fork has of an append ends where the fork left it.
    let half = make(&rig, at(forking("half", "s"), 0, 2)).await;
    append(&half, &["own"]).await.unwrap();
    assert_eq!(kind(rig.hub.create(&at(forking("f", "half"), 0, 3)).await), ErrorKind::SubOffsetInvalid);
    assert_eq!(texts(&make(&rig, at(forking("f", "half"), 2, 1)).await).await, ["0", "1", "own"]);
}

#[tokio::test(start_paused = true)]
async fn a_sub_offset_cuts_a_record_of_bytes() {
    let rig = Rig::new(config());
    stream_of(&rig, "s", "text/plain", &[&["hello"], &["", "ab", "cde"]]).await;
    for (offset, sub_offset, expected) in [
        (0, 1, &["h"][..]),
        (0, 4, &["hell"]),
        (0, 5, &["hello"]),
        (1, 1, &["hello", "", "a"]),
        (1, 2, &["hello", "", "ab"]),
        (1, 4, &["hello", "", "ab", "cd"]),
        (2, 5, &["hello", "", "ab", "cde"]),
    ] {
        let called = format!("f/{offset}/{sub_offset}");
        let first =
            CreateStream { records: vec![Bytes::from_static(b"!")], ..at(forking(&called, "s"), offset, sub_offset) };
        let fork = make(&rig, first).await;
        let mut expected = expected.to_vec();
        expected.push("!");
        assert_eq!(texts(&fork).await, expected, "{offset} + {sub_offset}");
        assert_eq!(fork.state().bytes, expected.concat().len() as u64);
    }
    for (offset, sub_offset) in [(0, 6), (1, 6), (3, 4), (4, 1)] {
        let refused = rig.hub.create(&at(forking("f", "s"), offset, sub_offset)).await;
        assert_eq!(kind(refused), ErrorKind::SubOffsetInvalid, "{offset} + {sub_offset}");
    }
    let again = make(&rig, at(forking("again", "f/0/4"), 0, 2)).await;
    assert_eq!(texts(&again).await, ["he"]);
    // The cut and the first append are two: a sub-offset does not lead from one into the other.
    assert_eq!(kind(rig.hub.create(&at(forking("f", "f/0/4"), 0, 5)).await), ErrorKind::SubOffsetInvalid);
}

#[tokio::test(start_paused = true)]
async fn a_sub_offset_never_leaves_half_an_event() {
    let rig = Rig::new(config());
    stream_of(&rig, "s", "text/event-stream", &[&["data: a\n", "data: bb\n"]]).await;
    for sub_offset in 1..=20 {
        let made = rig.hub.create(&at(forking(&format!("f/{sub_offset}"), "s"), 0, sub_offset)).await;
        match sub_offset {
            9 => assert_eq!(texts(&made.unwrap().stream).await, ["data: a\n"]),
            19 => assert_eq!(texts(&made.unwrap().stream).await, ["data: a\n", "data: bb\n"]),
            _ => assert_eq!(kind(made), ErrorKind::SubOffsetInvalid, "{sub_offset}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acknowledged_cannot_be_forked() {
    let rig = Rig::new(config());
    let source = stream_of(&rig, "s", "application/json", &[&["0"]]).await;
    rig.log.hold_acks();
    let appending = tokio::spawn({
        let source = source.clone();
        async move { append(&source, &["1", "2"]).await }
    });
    rig.log.until_waiting(1).await;
    assert_eq!(texts(&make(&rig, forking("f", "s")).await).await, ["0"]);
    assert_eq!(kind(rig.hub.create(&at(forking("g", "s"), 2, 0)).await), ErrorKind::OffsetBeyondTail);
    assert_eq!(kind(rig.hub.create(&at(forking("g", "s"), 1, 1)).await), ErrorKind::SubOffsetInvalid);
    rig.log.release_acks();
    appending.await.unwrap().unwrap();
    assert_eq!(texts(&make(&rig, at(forking("g", "s"), 1, 1)).await).await, ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_source_is_gone_for_all_but_its_forks_until_the_last_one_goes() {
    let rig = Rig::new(config());
    let source = stream_of(&rig, "s", "text/plain", &[&["0", "1"]]).await;
    let watching = tokio::spawn(drain(source.subscribe(Offset::ZERO).unwrap()));
    let fork = make(&rig, at(forking("f", "s"), 1, 0)).await;
    rig.hub.delete(&name("s")).await.unwrap();
    assert_eq!(watching.await.unwrap().1, End::Deleted);
    assert_eq!(kind(append(&source, &["2"]).await), ErrorKind::StreamNotFound);
    assert_eq!(kind(rig.hub.stream(&name("s")).await), ErrorKind::StreamDeleted);
    assert_eq!(kind(rig.hub.delete(&name("s")).await), ErrorKind::StreamDeleted);
    assert_eq!(kind(rig.hub.create(&CreateStream::new(name("s"), "text/plain")).await), ErrorKind::StreamExists);
    assert_eq!(kind(rig.hub.create(&forking("g", "s")).await), ErrorKind::StreamDeleted);
    append(&fork, &["own"]).await.unwrap();
    drop(fork);

    let rig = rig.restarted();
    let fork = rig.hub.stream(&name("f")).await.unwrap();
    assert_eq!(texts(&fork).await, ["0", "own"]);
    assert_eq!(kind(rig.hub.stream(&name("s")).await), ErrorKind::StreamDeleted);
    rig.hub.delete(&name("f")).await.unwrap();
    assert_eq!(kind(rig.hub.stream(&name("s")).await), ErrorKind::StreamNotFound);
    assert_eq!(kind(rig.hub.create(&forking("g", "s")).await), ErrorKind::StreamNotFound);
    assert_eq!(texts(&stream_of(&rig, "s", "text/plain", &[&["new"]]).await).await, ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_expires_by_itself_and_its_fork_by_itself() {
    let rig = Rig::new(config());
    let ttl = Duration::from_secs(100);
    let source = CreateStream { expiry: Expiry::Idle(ttl), ..CreateStream::new(name("s"), "text/plain") };
    append(&make(&rig, source).await, &["0"]).await.unwrap();
    rig.clock.advance(ttl / 2);
    make(&rig, forking("f", "s")).await;
    rig.clock.advance(ttl / 2);
    // The fork was no use of the source, whose time is up; what is left of it are the fork's records.
    for found in [rig.hub.stream(&name("s")).await, rig.hub.create(&forking("g", "s")).await.map(|made| made.stream)] {
        assert_eq!(kind(found), ErrorKind::StreamDeleted);
    }
    assert_eq!(texts(&rig.hub.stream(&name("f")).await.unwrap()).await, ["0"]);
    rig.clock.advance(ttl);
    rig.hub.sweep().await;
    assert_eq!(kind(rig.hub.stream(&name("f")).await), ErrorKind::StreamNotFound);
    assert_eq!(kind(rig.hub.stream(&name("s")).await), ErrorKind::StreamNotFound);
    assert_eq!(rig.hub.log().stream_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_expired_source_without_forks_cannot_be_forked() {
    let rig = Rig::new(config());
    let expiry = Expiry::Idle(Duration::from_secs(1));
    make(&rig, CreateStream { expiry, ..CreateStream::new(name("s"), "text/plain") }).await;
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(kind(rig.hub.create(&forking("f", "s")).await), ErrorKind::StreamNotFound);
    assert_eq!(rig.hub.log().stream_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_tombstones_alone() {
    let rig = Rig::new(config());
    let expiry = Expiry::Idle(Duration::from_secs(10));
    make(&rig, CreateStream { expiry, ..CreateStream::new(name("s"), "text/plain") }).await;
    make(&rig, CreateStream { expiry: Expiry::Idle(Duration::from_secs(100)), ..forking("f", "s") }).await;
    for _ in 0..3 {
        rig.clock.advance(Duration::from_secs(20));
        rig.hub.sweep().await;
        assert_eq!(kind(rig.hub.stream(&name("s")).await), ErrorKind::StreamDeleted);
    }
    assert_eq!(rig.hub.log().stream_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn making_a_fork_again_is_answered_with_the_fork_also_once_its_source_is_deleted() {
    let rig = Rig::new(config());
    stream_of(&rig, "s", "application/json", &[&["0", "1", "2"]]).await;
    stream_of(&rig, "other", "application/json", &[&["0", "1", "2"]]).await;
    let create = at(forking("f", "s"), 0, 2);
    let made = make(&rig, create.clone()).await;
    append(&made, &["own"]).await.unwrap();
    for deleted in [false, true] {
        if deleted {
            rig.hub.delete(&name("s")).await.unwrap();
        }
        let mut no_offset = create.clone();
        no_offset.fork.as_mut().unwrap().offset = None;
        for same in [create.clone(), no_offset] {
            let again = rig.hub.create(&same).await.unwrap();
            assert!(!again.is_new && again.stream.epoch() == made.epoch());
        }
        let ttl = CreateStream { expiry: Expiry::Idle(Duration::from_secs(1)), ..create.clone() };
        let no_fork = CreateStream { fork: None, ..CreateStream::new(name("f"), "application/json") };
        let elsewhere = at(forking("f", "other"), 0, 2);
        for another in [at(create.clone(), 0, 1), at(create.clone(), 2, 0), elsewhere, ttl, no_fork] {
            assert_eq!(kind(rig.hub.create(&another).await), ErrorKind::StreamExists);
        }
    }
    assert_eq!(texts(&made).await, ["0", "1", "own"]);
}

/// The answer that an edit goes on from is often still being written.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_being_written_is_forked_where_it_is() {
    let rig = Rig::new(config());
    let source = stream_of(&rig, "s", "text/plain", &[]).await;
    let mut forks = Vec::new();
    for (number, record) in ["a", "b", "c", "d"].into_iter().enumerate() {
        append(&source, &[record]).await.unwrap();
        forks.push(make(&rig, forking(&format!("f/{number}"), "s")).await);
    }
    for (number, fork) in forks.iter().enumerate() {
        append(fork, &["!"]).await.unwrap();
        assert_eq!(texts(fork).await.concat(), format!("{}!", &"abcd"[..=number]));
    }
    let second = Append { records: vec![Bytes::from_static(b"?")], close: Some(Close::because(CloseReason::Stopped)) };
    forks[1].append(second).await.unwrap();
    append(&source, &["e"]).await.unwrap();
    assert_eq!(texts(&source).await.concat(), "abcde");
    assert_eq!(texts(&forks[1]).await.concat(), "ab!?");
}

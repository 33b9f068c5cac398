//! Streams that begin with the records of another one.

use super::Place;
use super::sample::*;
use crate::{CloseReason, Entry, ErrorKind, FORK_DEPTH_MAX, Log, NewRecord, Offset, Origin, ReadLimit, StreamKey};

/// A source of six records in three entries, `0` to `5`.
async fn source(log: &dyn Log) -> StreamKey {
    let key = ok(log.create(stream("source")).await).key;
    ok(log.commit(vec![entry(key, 0, &["0", "1", "2"]), entry(key, 3, &["3"])]).await);
    ok(log.commit(vec![entry(key, 4, &["4", "5"])]).await);
    key
}

/// At every offset of the source, read from every offset: its source's records, then its own, at the offsets that follow.
pub async fn a_fork_reads_its_source_and_then_itself(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    for base in 0..=6 {
        let called = format!("fork/{base}");
        let fork = ok(log.create(forked(stream(&called), source, base)).await);
        assert_eq!((fork.first, fork.tail, fork.bytes), (Offset::ZERO, Offset(base), base));
        let mut expected: Vec<String> = (0..base).map(|offset| offset.to_string()).collect();
        assert_eq!(texts(&all(&*log, fork.key).await), expected);
        ok(log.commit(vec![entry(fork.key, base, &["own", "more"]), entry(fork.key, base + 2, &["last"])]).await);
        expected.extend(["own", "more", "last"].map(str::to_owned));
        for from in 0..=base + 3 {
            let read = ok(log.read(fork.key, Offset(from), UNBOUNDED).await);
            let rest = expected.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
            assert_eq!(texts(&read), rest, "forked at {base}, read from {from}");
            assert!(read.iter().zip(from..).all(|(record, offset)| record.offset == Offset(offset)));
        }
        refused(log.read(fork.key, Offset(base + 4), UNBOUNDED).await, ErrorKind::OffsetBeyondTail);
        assert_eq!(head(&*log, &called).await.bytes, base + 11);
    }
    assert_eq!(texts(&all(&*log, source).await), ["0", "1", "2", "3", "4", "5"]);
}

/// Its point and its source come back from `create` and from `open`; it has its own settings, and is open.
pub async fn a_fork_says_where_it_comes_from(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    ok(log.commit(vec![closing(entry(source, 6, &[]), CloseReason::Failed)]).await);
    let made = ok(log.create(relayed(with_alias(forked(stream("fork"), source, 4), "key"))).await);
    let from = some(made.forked_from.clone());
    assert_eq!((from.source, from.name, from.base, from.point), (source, name("source"), Offset(4), point(4)));
    assert_eq!((made.settings.origin, &made.settings.alias), (Origin::Relayed, &Some(alias("key"))));
    assert_eq!(made.closure, None);
    assert_eq!(head(&*log, "fork").await, made);
    assert_eq!(head(&*log, "source").await.forked_from, None);
    assert_eq!(ok(log.open_relays().await), [name("fork")]);
}

/// Neither records nor the close, whether the fork has records of its own by then or not.
pub async fn what_befalls_the_source_later_is_not_in_its_fork(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let fork = ok(log.create(forked(stream("fork"), source, 6)).await).key;
    ok(log.commit(vec![entry(source, 6, &["6"])]).await);
    assert_eq!(all(&*log, fork).await.len(), 6);
    refused(log.read(fork, Offset(7), UNBOUNDED).await, ErrorKind::OffsetBeyondTail);
    ok(log.commit(vec![entry(fork, 6, &["own"]), closing(entry(source, 7, &["7"]), CloseReason::Stopped)]).await);
    assert_eq!(texts(&all(&*log, fork).await), ["0", "1", "2", "3", "4", "5", "own"]);
    assert_eq!(texts(&all(&*log, source).await), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(head(&*log, "fork").await.closure, None);
}

/// Each link leaves the one before it behind its base, at it, or before it.
pub async fn a_fork_of_a_fork_reads_all_of_its_line(place: impl Place) {
    let log = place.open().await;
    let root = source(&*log).await;
    let one = ok(log.create(forked(stream("one"), root, 4)).await).key;
    ok(log.commit(vec![entry(one, 4, &["a", "b"])]).await);
    for (base, expected) in [(2, "01"), (4, "0123"), (5, "0123a"), (6, "0123ab")] {
        let called = format!("two/{base}");
        let two = ok(log.create(forked(stream(&called), one, base)).await);
        assert_eq!(two.bytes, base);
        ok(log.commit(vec![entry(two.key, base, &["X", "Y"])]).await);
        let three = ok(log.create(forked(stream(&format!("three/{base}")), two.key, base + 1)).await).key;
        ok(log.commit(vec![entry(three, base + 1, &["Z"])]).await);
        assert_eq!(texts(&all(&*log, two.key).await).concat(), format!("{expected}XY"));
        assert_eq!(texts(&all(&*log, three).await).concat(), format!("{expected}XZ"));
    }
    assert_eq!(texts(&all(&*log, one).await).concat(), "0123ab");
}

/// A read stops at its limits wherever the records are from.
pub async fn a_read_across_the_base_keeps_its_limits(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let fork = ok(log.create(forked(stream("fork"), source, 4)).await).key;
    ok(log.commit(vec![entry(fork, 4, &["a", "b", "c"])]).await);
    for from in 0..7 {
        for records_max in 0..9 {
            for bytes_max in [0, 1, 3, 5, usize::MAX] {
                let limit = ReadLimit { records_max, bytes_max };
                let read = ok(log.read(fork, Offset(from), limit).await);
                let expected = records_max.min(bytes_max).max(1).min(usize::try_from(7 - from).unwrap_or(0));
                assert_eq!(read.len(), expected, "{from}, {limit:?}");
                assert!(read.iter().zip(from..).all(|(record, offset)| record.offset == Offset(offset)));
            }
        }
    }
}

/// The cut stands at the base with the time it had, before the first append.
pub async fn a_cut_record_is_the_first_of_the_forks_own(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let mut create = forked(stream("fork"), source, 3);
    let cut = NewRecord { time: NOW, data: "th".into() };
    if let Some(fork) = &mut create.fork {
        fork.cut = Some(cut.clone());
    }
    create.records = records(&["x", "y"]);
    create.closure = Some(closure(CloseReason::Completed));
    let made = ok(log.create(create).await);
    assert_eq!((made.tail, made.bytes), (Offset(6), 7));
    assert_eq!(made.closure, Some(closure(CloseReason::Completed)));
    assert_eq!(head(&*log, "fork").await, made);
    let read = all(&*log, made.key).await;
    assert_eq!(texts(&read), ["0", "1", "2", "th", "x", "y"]);
    assert_eq!(read.get(3).map(|record| record.time), Some(cut.time));
    assert_eq!(ok(log.entry_end(made.key, Offset(3)).await), Offset(4));
    assert_eq!(ok(log.entry_end(made.key, Offset(4)).await), Offset(6));
}

/// However large it is and however it was appended.
pub async fn an_entry_ends_where_its_append_did(place: impl Place) {
    let log = place.open().await;
    let mut create = stream("s");
    create.records = records(&["0", "1"]);
    let key = ok(log.create(create).await).key;
    ok(log.commit(vec![entry(key, 2, &["2"]), entry(key, 3, &[]), entry(key, 3, &["3", "4", "5"])]).await);
    let large = NewRecord { time: NOW, data: vec![7; 50_000].into() };
    let large = Entry { stream: key, first: Offset(6), records: vec![large; 9], closure: None, sequencing: None };
    ok(log.commit(vec![large]).await);
    ok(log.commit(vec![closing(entry(key, 15, &["15"]), CloseReason::Completed)]).await);
    let ends = [2, 2, 3, 6, 6, 6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 16];
    for (at, end) in (0..).zip(ends) {
        assert_eq!(ok(log.entry_end(key, Offset(at)).await), Offset(end), "{at}");
    }
    refused(log.entry_end(key, Offset(16)).await, ErrorKind::OffsetBeyondTail);
    refused(log.entry_end(key, Offset(17)).await, ErrorKind::OffsetBeyondTail);
    refused(log.entry_end(StreamKey(u64::MAX), Offset::ZERO).await, ErrorKind::StreamNotFound);
}

/// Also when many of one record came in one call, between others and among those of another stream.
pub async fn entries_of_one_record_keep_their_ends(place: impl Place) {
    let log = place.open().await;
    let (one, two) = (ok(log.create(stream("one")).await).key, ok(log.create(stream("two")).await).key);
    let bodies: Vec<String> = (0..60).map(|number| format!("{number:0>1000}")).collect();
    let mut entries = Vec::new();
    for (at, text) in (0..).zip(&bodies) {
        entries.push(entry(one, at, &[text]));
        entries.push(entry(two, 3 * at, &[text]));
        entries.push(entry(two, 3 * at + 1, &["a", "b"]));
    }
    ok(log.commit(entries).await);
    ok(log.commit(vec![entry(one, 60, &["60"]), closing(entry(one, 61, &["61"]), CloseReason::Completed)]).await);
    for at in 0..62 {
        assert_eq!(ok(log.entry_end(one, Offset(at)).await), Offset(at + 1), "{at}");
    }
    for at in 0..60 {
        let ends = [0, 1, 2].map(|place| Offset(3 * at + place));
        for (from, end) in ends.into_iter().zip([1, 3, 3]) {
            assert_eq!(ok(log.entry_end(two, from).await), Offset(3 * at + end), "{from}");
        }
    }
    let expected: Vec<String> = bodies.into_iter().chain(["60", "61"].map(str::to_owned)).collect();
    for from in [0, 37] {
        let read = ok(log.read(one, Offset(from), UNBOUNDED).await);
        assert_eq!(texts(&read), expected.get(from as usize..).unwrap_or_default());
    }
}

/// In the middle of the source's entry if the fork left it there.
pub async fn an_inherited_entry_ends_at_the_base_at_the_latest(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let fork = ok(log.create(forked(stream("fork"), source, 2)).await).key;
    refused(log.entry_end(fork, Offset(2)).await, ErrorKind::OffsetBeyondTail);
    ok(log.commit(vec![entry(fork, 2, &["a", "b"])]).await);
    let fork = ok(log.create(forked(stream("again"), fork, 3)).await).key;
    for (at, end) in [(0, 2), (1, 2), (2, 3)] {
        assert_eq!(ok(log.entry_end(fork, Offset(at)).await), Offset(end), "{at}");
    }
    refused(log.entry_end(fork, Offset(3)).await, ErrorKind::OffsetBeyondTail);
}

/// Beyond the source's end, of no stream, of a deleted one, with a taken name: nothing is made and the source is held by
/// nobody.
pub async fn a_refused_fork_leaves_nothing_behind(place: impl Place) {
    let log = place.open().await;
    let source = source(&*log).await;
    let gone = ok(log.create(stream("gone")).await).key;
    ok(log.delete(&name("gone"), gone).await);
    for beyond in [7, u64::MAX] {
        refused(log.create(forked(stream("fork"), source, beyond)).await, ErrorKind::OffsetBeyondTail);
    }
    for nobody in [gone, StreamKey(u64::MAX)] {
        refused(log.create(forked(stream("fork"), nobody, 0)).await, ErrorKind::StreamNotFound);
    }
    ok(log.create(with_alias(stream("taken"), "key")).await);
    refused(log.create(forked(stream("taken"), source, 1)).await, ErrorKind::StreamExists);
    refused(log.create(with_alias(forked(stream("fork"), source, 1), "key")).await, ErrorKind::AliasTaken);
    assert_eq!(ok(log.open(&name("fork")).await), None);
    assert_eq!(log.stream_count(), 2);
    ok(log.delete(&name("source"), source).await);
    assert_eq!(ok(log.tombstone(&name("source")).await), None);
    ok(log.create(stream("source")).await);
}

/// So far and no further, and a fork beside is made all the same.
pub async fn forks_of_forks_are_bounded_in_depth(place: impl Place) {
    let log = place.open().await;
    let root = source(&*log).await;
    let mut line = vec![root];
    for depth in 1..=FORK_DEPTH_MAX as u64 {
        let above = line.last().copied().unwrap_or(root);
        let fork = ok(log.create(forked(stream(&format!("fork/{depth}")), above, 5 + depth)).await).key;
        ok(log.commit(vec![entry(fork, 5 + depth, &["x"])]).await);
        line.push(fork);
    }
    let deepest = line.last().copied().unwrap_or(root);
    refused(log.create(forked(stream("deeper"), deepest, 0)).await, ErrorKind::ForkTooDeep);
    let read = texts(&all(&*log, deepest).await).concat();
    assert_eq!(read, format!("012345{}", "x".repeat(FORK_DEPTH_MAX)));
    ok(log.create(forked(stream("beside"), root, 0)).await);
}

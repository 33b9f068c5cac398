//! What becomes of a journal of appends that a crash or the device damaged.

use std::fs;
use std::path::Path;

use everstream_log::{Durability, Entry, Log, Offset, ProducerId, ProducerMark, ProducerState, Sequencing, StreamKey};
use everstream_log_disk::Recovery;
use tempfile::TempDir;

use crate::copy::{copy, flip, journal, store_journal, truncate, written};
use crate::sample::{entry, name, open, open_at, stream, texts};

/// A directory as a killed process leaves it, whose last frames each append one entry, and where each of them ends in
/// the journal.
struct Written {
    directory: TempDir,
    stream: StreamKey,
    ends: Vec<usize>,
}

async fn entries_written(durability: Durability, entries: impl IntoIterator<Item = Entry>) -> Written {
    let directory = tempfile::tempdir().unwrap();
    let log = open_at(directory.path(), durability);
    let stream = log.create(stream("s")).await.unwrap().key;
    let mut ends = Vec::new();
    for entry in entries {
        log.commit(vec![Entry { stream, ..entry }]).await.unwrap();
        ends.push(fs::metadata(journal(directory.path(), 1)).unwrap().len() as usize);
    }
    // Without the zeros it was made with, so that a copy is small.
    let killed = copy(directory.path());
    truncate(&store_journal(killed.path()), written(&store_journal(directory.path())));
    log.close().await.unwrap();
    Written { directory: killed, stream, ends }
}

async fn records_written(texts: &[&str]) -> Written {
    let entries = (0..).zip(texts).map(|(first, text)| entry(StreamKey(0), first, text));
    entries_written(Durability::Os, entries).await
}

/// Opens a damaged directory, which must have kept the first records, take more and be whole the next time.
async fn check_goes_on(directory: &Path, stream: StreamKey, kept: &[&str]) -> Recovery {
    let log = open(directory);
    let recovery = log.recovery().clone();
    assert_eq!(texts(&log, stream).await, kept);
    assert_eq!(log.open(&name("s")).await.unwrap().unwrap().tail, Offset(kept.len() as u64));
    log.commit(vec![entry(stream, kept.len() as u64, "more")]).await.unwrap();
    log.close().await.unwrap();
    let log = open(directory);
    assert_eq!(log.recovery(), &Recovery::default());
    assert_eq!(texts(&log, stream).await, [kept, &["more"]].concat());
    recovery
}

#[tokio::test]
async fn what_a_killed_process_appended_is_there_and_needs_no_repair() {
    let written = records_written(&["a", "b"]).await;
    let recovery = check_goes_on(written.directory.path(), written.stream, &["a", "b"]).await;
    assert_eq!(recovery, Recovery::default());
}

#[tokio::test]
async fn an_orderly_end_leaves_no_journal() {
    let written = records_written(&["a"]).await;
    let log = open(written.directory.path());
    log.commit(vec![entry(written.stream, 1, "b")]).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(fs::read_dir(written.directory.path().join("journal")).unwrap().count(), 0);
    check_goes_on(written.directory.path(), written.stream, &["a", "b"]).await;
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_of_its_last_frame_ends_before_that_frame() {
    let written = records_written(&["kept", "torn"]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    for cut in start..end {
        let directory = copy(written.directory.path());
        truncate(&journal(directory.path(), 1), cut);
        let log = open(directory.path());
        let truncated = log.recovery().truncated_bytes;
        assert!((u64::from(cut > start)..=(cut - start) as u64).contains(&truncated), "cut at {cut}: {truncated}");
        assert_eq!((log.recovery().commits_lost, log.recovery().appends_dropped), (0, 0));
        assert_eq!(texts(&log, written.stream).await, ["kept"], "cut at {cut} of {start}..{end}");
    }
    let directory = copy(written.directory.path());
    truncate(&journal(directory.path(), 1), end - 1);
    check_goes_on(directory.path(), written.stream, &["kept"]).await;
}

#[tokio::test]
async fn a_torn_append_takes_its_producers_state_with_it() {
    let id = ProducerId::parse(b"p").unwrap();
    let numbered = |seq| {
        let producer = Some(ProducerMark { id: id.clone(), epoch: 0, seq });
        let sequencing = Some(Box::new(Sequencing { producer, stream_seq: None }));
        Entry { sequencing, ..entry(StreamKey(0), seq, "x") }
    };
    let written = entries_written(Durability::Os, [numbered(0), numbered(1)]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    for (cut, accepted) in (start..end).map(|cut| (cut, 1)).chain([(end, 2)]) {
        let directory = copy(written.directory.path());
        truncate(&journal(directory.path(), 1), cut);
        let log = open(directory.path());
        let state = ProducerState { epoch: 0, seq: accepted - 1, next: Offset(accepted) };
        assert_eq!(log.producer(written.stream, &id).await.unwrap(), Some(state), "cut at {cut} of {start}..{end}");
        assert_eq!(texts(&log, written.stream).await.len() as u64, accepted, "cut at {cut} of {start}..{end}");
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_last_frame_costs_that_frame() {
    let written = records_written(&["kept", "hit"]).await;
    for place in written.ends[0]..written.ends[1] {
        let directory = copy(written.directory.path());
        flip(&journal(directory.path(), 1), place);
        let log = open(directory.path());
        assert_eq!(log.recovery().truncated_bytes, (written.ends[1] - written.ends[0]) as u64, "{place}");
        assert_eq!(texts(&log, written.stream).await, ["kept"], "{place}");
    }
}

#[tokio::test]
async fn damage_before_whole_commits_is_cut_counted_and_kept() {
    let written = records_written(&["kept", "hit", "behind", "behind"]).await;
    let directory = copy(written.directory.path());
    let journal = journal(directory.path(), 1);
    flip(&journal, written.ends[1] - 5);
    let cut = fs::read(&journal).unwrap()[written.ends[0]..written.ends[3]].to_vec();
    let recovery = check_goes_on(directory.path(), written.stream, &["kept"]).await;
    assert_eq!((recovery.truncated_bytes, recovery.commits_lost), (cut.len() as u64, 2));
    assert_eq!(recovery.kept_in.iter().map(|kept| fs::read(kept).unwrap()).collect::<Vec<_>>(), [cut]);
}

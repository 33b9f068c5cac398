//! What becomes of a journal that a crash or the device damaged.

use std::fs;
use std::path::Path;

use everstream_log::{ErrorKind, Log, Offset, ProducerId, ProducerMark, ProducerState, Sequencing, StreamKey};
use everstream_log_disk::{DiskConfig, DiskLog, Recovery};
use tempfile::TempDir;

use crate::copy::{copy, journal, written};
use crate::sample::{entry, name, open, stream, texts};

/// A closed directory whose last batches each append one record, and where each of them ends in the journal.
struct Written {
    directory: TempDir,
    stream: StreamKey,
    ends: Vec<usize>,
}

async fn records_written(texts: &[&str]) -> Written {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let stream = log.create(stream("s")).await.unwrap().key;
    let mut ends = Vec::new();
    for (first, text) in (0..).zip(texts) {
        log.commit(vec![entry(stream, first, text)]).await.unwrap();
        ends.push(written(&journal(directory.path())));
    }
    log.close().await.unwrap();
    // Without the zeros it was made with, so that a copy is small.
    truncate(&journal(directory.path()), *ends.last().unwrap());
    Written { directory, stream, ends }
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
async fn an_orderly_end_leaves_nothing_to_repair() {
    let written = records_written(&["a", "b"]).await;
    let recovery = check_goes_on(written.directory.path(), written.stream, &["a", "b"]).await;
    assert_eq!(recovery, Recovery::default());
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_of_its_last_batch_ends_before_that_batch() {
    let written = records_written(&["kept", "torn"]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    for cut in start + 1..end {
        let directory = copy(written.directory.path());
        truncate(&journal(directory.path()), cut);
        let log = open(directory.path());
        let truncated = log.recovery().truncated_bytes;
        assert!((1..=(cut - start) as u64).contains(&truncated), "cut at {cut} of {start}..{end}: {truncated}");
        assert_eq!(log.recovery().commits_lost, 0);
        assert_eq!(texts(&log, written.stream).await, ["kept"], "cut at {cut} of {start}..{end}");
    }
    let directory = copy(written.directory.path());
    truncate(&journal(directory.path()), end - 1);
    check_goes_on(directory.path(), written.stream, &["kept"]).await;
}

#[tokio::test]
async fn a_torn_append_takes_its_producers_state_with_it() {
    let id = ProducerId::parse(b"p").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let stream = log.create(stream("s")).await.unwrap().key;
    let mut ends = Vec::new();
    for seq in 0..2 {
        let mut entry = entry(stream, seq, "x");
        let producer = Some(ProducerMark { id: id.clone(), epoch: 0, seq });
        entry.sequencing = Some(Box::new(Sequencing { producer, stream_seq: None }));
        log.commit(vec![entry]).await.unwrap();
        ends.push(written(&journal(directory.path())));
    }
    log.close().await.unwrap();
    truncate(&journal(directory.path()), ends[1]);
    // Every sixth byte: each row of the batch is cut several times, and its very end.
    for (cut, accepted) in (ends[0] + 1..ends[1]).step_by(6).map(|cut| (cut, 1)).chain([(ends[1] - 1, 1), (ends[1], 2)])
    {
        let directory = copy(directory.path());
        truncate(&journal(directory.path()), cut);
        let log = open(directory.path());
        let state = ProducerState { epoch: 0, seq: accepted - 1, next: Offset(accepted) };
        assert_eq!(log.producer(stream, &id).await.unwrap(), Some(state), "cut at {cut} of {ends:?}");
        assert_eq!(texts(&log, stream).await.len() as u64, accepted, "cut at {cut} of {ends:?}");
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_last_batch_costs_that_batch_at_most() {
    let written = records_written(&["kept", "hit"]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    // Mark and count stand before the sequence number, which alone has no checksum.
    let unchecked = start + 5..start + 13;
    for place in (start..end).filter(|place| !unchecked.contains(place)) {
        let directory = copy(written.directory.path());
        flip(&journal(directory.path()), place);
        let log = open(directory.path());
        assert_eq!(log.recovery().truncated_bytes, (end - start) as u64, "{place}");
        assert_eq!(texts(&log, written.stream).await, ["kept"], "{place}");
    }
}

#[tokio::test]
async fn damage_before_whole_commits_is_cut_counted_and_kept() {
    let written = records_written(&["kept", "hit", "behind", "behind"]).await;
    let directory = copy(written.directory.path());
    let journal = journal(directory.path());
    flip(&journal, written.ends[1] - 20);
    let cut = fs::read(&journal).unwrap()[written.ends[0]..written.ends[3]].to_vec();
    let recovery = check_goes_on(directory.path(), written.stream, &["kept"]).await;
    assert_eq!((recovery.truncated_bytes, recovery.commits_lost), (cut.len() as u64, 2));
    assert_eq!(fs::read(recovery.kept_in.unwrap()).unwrap(), cut);
}

#[tokio::test]
async fn damage_in_an_older_journal_is_refused_by_name() {
    let written = records_written(&["a", "b"]).await;
    let older = journal(written.directory.path());
    flip(&older, written.ends[0] + 20);
    fs::write(older.with_file_name("1.jnl"), []).unwrap();
    let error = DiskLog::open(&DiskConfig::new(written.directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains(&older.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_store_damaged_elsewhere_is_refused_by_name_without_a_panic() {
    let written = records_written(&["a"]).await;
    fs::write(written.directory.path().join("store/version"), "x").unwrap();
    let error = DiskLog::open(&DiskConfig::new(written.directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains(&written.directory.path().display().to_string()), "{error}");
}

fn truncate(journal: &Path, len: usize) {
    fs::OpenOptions::new().write(true).open(journal).unwrap().set_len(len as u64).unwrap();
}

fn flip(journal: &Path, place: usize) {
    let mut bytes = fs::read(journal).unwrap();
    *bytes.get_mut(place).unwrap() ^= 0x80;
    fs::write(journal, bytes).unwrap();
}

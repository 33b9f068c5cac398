//! What becomes of a journal of the store that a crash or the device damaged: of what was made, here.

use std::fs;
use std::path::Path;

use everstream_log::{ErrorKind, Log};
use everstream_log_disk::{DiskConfig, DiskLog, Recovery};
use tempfile::TempDir;

use crate::copy::{copy, flip, store_journal, truncate, written};
use crate::sample::{name, open, stream};

/// A closed directory whose last batches each made a stream, and where each of them ends in the journal.
struct Written {
    directory: TempDir,
    ends: Vec<usize>,
}

async fn streams_made(names: &[&str]) -> Written {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let mut ends = Vec::new();
    for called in names {
        log.create(stream(called)).await.unwrap();
        ends.push(written(&store_journal(directory.path())));
    }
    log.close().await.unwrap();
    // Without the zeros it was made with, so that a copy is small.
    truncate(&store_journal(directory.path()), *ends.last().unwrap());
    Written { directory, ends }
}

async fn check_has(log: &DiskLog, names: &[&str]) {
    assert_eq!(log.stream_count(), names.len() as u64);
    for called in names {
        assert!(log.open(&name(called)).await.unwrap().is_some(), "{called}");
    }
}

/// Opens a damaged directory, which must have kept the first streams, take more and be whole the next time.
async fn check_goes_on(directory: &Path, kept: &[&str]) -> Recovery {
    let log = open(directory);
    let recovery = log.recovery().clone();
    check_has(&log, kept).await;
    log.create(stream("more")).await.unwrap();
    log.close().await.unwrap();
    let log = open(directory);
    assert_eq!(log.recovery(), &Recovery::default());
    check_has(&log, &[kept, &["more"]].concat()).await;
    recovery
}

#[tokio::test]
async fn an_orderly_end_leaves_nothing_to_repair() {
    let written = streams_made(&["a", "b"]).await;
    assert_eq!(check_goes_on(written.directory.path(), &["a", "b"]).await, Recovery::default());
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_of_its_last_batch_ends_before_that_batch() {
    let written = streams_made(&["kept", "torn"]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    // Each row of the batch is cut several times.
    for cut in (start + 1..end).step_by(9) {
        let directory = copy(written.directory.path());
        truncate(&store_journal(directory.path()), cut);
        let log = open(directory.path());
        let truncated = log.recovery().truncated_bytes;
        assert!((1..=(cut - start) as u64).contains(&truncated), "cut at {cut} of {start}..{end}: {truncated}");
        assert_eq!(log.recovery().commits_lost, 0);
        check_has(&log, &["kept"]).await;
    }
    let directory = copy(written.directory.path());
    truncate(&store_journal(directory.path()), end - 1);
    check_goes_on(directory.path(), &["kept"]).await;
}

#[tokio::test]
async fn a_flipped_byte_in_the_last_batch_costs_that_batch_at_most() {
    let written = streams_made(&["kept", "hit"]).await;
    let (start, end) = (written.ends[0], written.ends[1]);
    // Mark and count stand before the sequence number, which alone has no checksum.
    let unchecked = start + 5..start + 13;
    for place in (start..end).step_by(7).filter(|place| !unchecked.contains(place)) {
        let directory = copy(written.directory.path());
        flip(&store_journal(directory.path()), place);
        let log = open(directory.path());
        assert_eq!(log.recovery().truncated_bytes, (end - start) as u64, "{place}");
        check_has(&log, &["kept"]).await;
    }
}

#[tokio::test]
async fn damage_before_whole_commits_is_cut_counted_and_kept() {
    let written = streams_made(&["kept", "hit", "behind", "behind/2"]).await;
    let directory = copy(written.directory.path());
    let journal = store_journal(directory.path());
    flip(&journal, written.ends[1] - 20);
    let cut = fs::read(&journal).unwrap()[written.ends[0]..written.ends[3]].to_vec();
    let recovery = check_goes_on(directory.path(), &["kept"]).await;
    assert_eq!((recovery.truncated_bytes, recovery.commits_lost), (cut.len() as u64, 2));
    assert_eq!(recovery.kept_in.iter().map(|kept| fs::read(kept).unwrap()).collect::<Vec<_>>(), [cut]);
}

#[tokio::test]
async fn damage_in_an_older_journal_is_refused_by_name() {
    let written = streams_made(&["a", "b"]).await;
    let older = store_journal(written.directory.path());
    flip(&older, written.ends[0] + 20);
    fs::write(older.with_file_name("1.jnl"), []).unwrap();
    let error = DiskLog::open(&DiskConfig::new(written.directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains(&older.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_store_damaged_elsewhere_is_refused_by_name_without_a_panic() {
    let written = streams_made(&["a"]).await;
    fs::write(written.directory.path().join("store/version"), "x").unwrap();
    let error = DiskLog::open(&DiskConfig::new(written.directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains(&written.directory.path().display().to_string()), "{error}");
}

//! What becomes of a journal of the store that a crash or the device damaged: of what was made, here.

use std::fs;
use std::path::Path;

use everstream_log::{Create, ErrorKind, Log, StreamKey};
use everstream_log_disk::{DiskConfig, DiskLog, Recovery};
use tempfile::TempDir;

use crate::copy::{copy, flip, store_journal, truncate, written};
use crate::sample::{NOW, entry, name, open, stream, texts};

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

/// As if the process had been killed.
fn unsettle(directory: &Path) {
    fs::write(directory.join("LOCK"), "1").unwrap();
}

#[tokio::test]
async fn a_boot_is_left_with_what_is_in_no_table() {
    for is_killed in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let config = DiskConfig { memtable_bytes_max: 32 * 1024, ..DiskConfig::new(directory.path()) };
        let names: Vec<String> = (0..600).map(|number| format!("stream/{number}")).collect();
        let log = DiskLog::open(&config).unwrap();
        for called in &names {
            log.create(Create { records: entry(StreamKey(0), 0, called).records, ..stream(called) }).await.unwrap();
        }
        log.close().await.unwrap();
        let before = written(&store_journal(directory.path()));
        if is_killed {
            unsettle(directory.path());
        }
        for _ in 0..2 {
            let log = DiskLog::open(&config).unwrap();
            let after = written(&store_journal(directory.path()));
            assert!(after < before, "{after} of {before}");
            assert_eq!(log.stream_count(), names.len() as u64);
            for called in &names {
                let found = log.open(&name(called)).await.unwrap().unwrap();
                assert_eq!(texts(&log, found.key).await, [called.as_str()]);
            }
            log.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_journal_takes_the_place_of_several() {
    let written = streams_made(&["a", "b", "c"]).await;
    let whole = fs::read(store_journal(written.directory.path())).unwrap();
    let (older, newer) = whole.split_at(written.ends[1]);
    // The older one may be there once more after a power cut, and come before the one that took its place.
    for newest in [newer, &whole] {
        let directory = copy(written.directory.path());
        unsettle(directory.path());
        let journal = store_journal(directory.path());
        fs::write(&journal, older).unwrap();
        fs::write(journal.with_file_name("1.jnl"), newest).unwrap();
        fs::write(journal.with_file_name("journal.new"), "what a crash has left").unwrap();
        assert_eq!(check_goes_on(directory.path(), &["a", "b", "c"]).await, Recovery::default());
        assert_eq!(store_journal(directory.path()).file_name().unwrap(), "1.jnl");
    }
}

#[tokio::test]
async fn a_large_rest_becomes_tables_with_what_was_removed_and_written_twice() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let gone = log.create(stream("gone")).await.unwrap().key;
    let kept = log.create(Create { records: entry(StreamKey(0), 0, "text").records, ..stream("kept") }).await.unwrap();
    log.delete(&name("gone"), gone).await.unwrap();
    log.touch(kept.key, Some(NOW)).await.unwrap();
    log.close().await.unwrap();
    unsettle(directory.path());
    let config = DiskConfig { memtable_bytes_max: 64, ..DiskConfig::new(directory.path()) };
    for _ in 0..2 {
        let log = DiskLog::open(&config).unwrap();
        assert_eq!(written(&store_journal(directory.path())), 0);
        assert_eq!(log.recovery(), &Recovery::default());
        check_has(&log, &["kept"]).await;
        assert!(log.open(&name("gone")).await.unwrap().is_none());
        assert_eq!(log.open(&name("kept")).await.unwrap().unwrap().expires_at, Some(NOW));
        assert_eq!(texts(&log, kept.key).await, ["text"]);
        log.close().await.unwrap();
        // Nothing was written since it was opened: so a killed process leaves it, too.
        let killed = copy(directory.path());
        unsettle(killed.path());
        check_goes_on(killed.path(), &["kept"]).await;
    }
}

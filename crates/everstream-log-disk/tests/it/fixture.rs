//! Data directories of every format ever released, opened by this version.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use everstream_log::{
    Alias, ErrorKind, ForkedFrom, Log, MemoryLog, Offset, ProducerId, ProducerState, ReadLimit, Record, RecordRun,
    StreamHead, StreamKey,
};
use everstream_log_disk::{DiskConfig, DiskLog, Recovery};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::fixture_content::{DELETED, MADE_AT, PRODUCERS, TOMBSTONE, names, tell, tell_last};
use crate::sample::{entry, name, open, stream};

const UNBOUNDED: ReadLimit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };

/// A fixture as `examples/fixture.rs` packs it: `dir PATH`, or `file PATH` and lines of hexadecimal digits, where
/// `*N XX` is a run of N equal bytes.
fn unpack(fixture: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut file: Option<(&str, Vec<u8>)> = None;
    let store = |file: Option<(&str, Vec<u8>)>| {
        if let Some((path, bytes)) = file {
            fs::write(directory.path().join(path), bytes).unwrap();
        }
    };
    for line in fixture.lines() {
        if let Some(path) = line.strip_prefix("dir ") {
            store(file.take());
            fs::create_dir_all(directory.path().join(path)).unwrap();
        } else if let Some(path) = line.strip_prefix("file ") {
            store(file.replace((path, Vec::new())));
        } else if let Some((_, bytes)) = &mut file {
            bytes.extend(unpack_line(line));
        }
    }
    store(file);
    directory
}

fn unpack_line(line: &str) -> Vec<u8> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    match line.strip_prefix('*').and_then(|run| run.split_once(' ')) {
        Some((count, digits)) => vec![byte(digits); count.parse().unwrap()],
        None => (0..line.len()).step_by(2).map(|at| byte(line.get(at..at + 2).unwrap())).collect(),
    }
}

/// The fixture's content as the reference engine has it.
async fn reference(format: u32) -> MemoryLog {
    let log = MemoryLog::new(100);
    tell(&log, format).await;
    if format >= 3 {
        tell_last(&log, format).await;
    }
    log
}

/// All that the log has of a stream.
async fn stream_of(log: &dyn Log, called: &str) -> Option<(StreamHead, Vec<Record>, Vec<Option<ProducerState>>)> {
    let head = log.open(&name(called)).await.unwrap()?;
    let records = log.read(head.key, Offset::ZERO, UNBOUNDED).await.unwrap();
    let mut producers = Vec::new();
    for id in PRODUCERS {
        producers.push(log.producer(head.key, &ProducerId::parse(id).unwrap()).await.unwrap());
    }
    // The number of a stream is the engine's own.
    let source = StreamKey(0);
    let forked_from = head.forked_from.map(|from| ForkedFrom { source, ..from });
    Some((StreamHead { key: StreamKey(0), forked_from, ..head }, records, producers))
}

#[tokio::test]
async fn format_1_opens_with_all_it_holds_and_goes_on() {
    opens_with_all_it_holds_and_goes_on(1, include_str!("../fixtures/format-1.txt")).await;
}

#[tokio::test]
async fn format_2_opens_with_all_it_holds_and_goes_on() {
    opens_with_all_it_holds_and_goes_on(2, include_str!("../fixtures/format-2.txt")).await;
}

#[tokio::test]
async fn format_3_opens_with_all_it_holds_and_goes_on() {
    let fixture = include_str!("../fixtures/format-3.txt");
    assert!(fixture.contains("file journal/1.journal\n45564601"), "its journal of appends is empty");
    opens_with_all_it_holds_and_goes_on(3, fixture).await;
}

#[tokio::test]
async fn format_4_opens_with_all_it_holds_and_goes_on() {
    let fixture = include_str!("../fixtures/format-4.txt");
    assert!(fixture.contains("file journal/1.journal\n45564601"), "its journal of appends is empty");
    opens_with_all_it_holds_and_goes_on(4, fixture).await;
}

#[tokio::test]
async fn rows_of_format_4_have_the_separator_of_their_own_stream() {
    let directory = unpack(include_str!("../fixtures/format-4.txt"));
    let log = open(directory.path());
    let comma = Some(b',');
    for (called, separators) in [
        ("json", vec![comma, comma]),
        ("json/fork", vec![comma, comma, comma]),
        ("json/plain", vec![comma, comma, None, None]),
        ("large", vec![None, None]),
    ] {
        assert_eq!(separators_of(&log, called).await, separators, "{called}");
    }
}

/// What stands behind the records of each run of a long read.
async fn separators_of(log: &dyn Log, called: &str) -> Vec<Option<u8>> {
    let head = log.open(&name(called)).await.unwrap().unwrap();
    let (made, taken) = oneshot::channel();
    let make = Box::new(move |runs: Vec<RecordRun>| made.send(runs).unwrap());
    log.read_with(head.key, Offset::ZERO, UNBOUNDED, make).await.unwrap();
    taken.await.unwrap().iter().map(RecordRun::separator).collect()
}

async fn entry_end(log: &dyn Log, called: &str, at: Offset) -> Offset {
    let head = log.open(&name(called)).await.unwrap().unwrap();
    log.entry_end(head.key, at).await.unwrap()
}

async fn opens_with_all_it_holds_and_goes_on(format: u32, fixture: &str) {
    let directory = unpack(fixture);
    let format_file = directory.path().join("FORMAT");
    assert_eq!(fs::read_to_string(&format_file).unwrap(), format!("everstream disk log, format {format}\n"));
    let log = open(directory.path());
    assert_eq!(fs::read_to_string(&format_file).unwrap(), format!("everstream disk log, format {}\n", DiskLog::FORMAT));
    assert_eq!(log.recovery(), &Recovery::default());
    let reference = reference(format).await;
    hold_the_same(&log, &reference, format).await;
    let again = stream(DELETED);
    for log in [&log as &dyn Log, &reference] {
        let head = log.open(&name("chat/open")).await.unwrap().unwrap();
        log.commit(vec![entry(head.key, head.tail.0, "more")]).await.unwrap();
        log.create(again.clone()).await.unwrap();
    }
    log.close().await.unwrap();
    hold_the_same(&open(directory.path()), &reference, format).await;
}

async fn hold_the_same(log: &dyn Log, reference: &dyn Log, format: u32) {
    for called in names(format) {
        let (found, due) = (stream_of(log, &called).await, stream_of(reference, &called).await);
        assert_eq!(found, due, "{called}");
        let Some((head, ..)) = found else { continue };
        // Rows of format 1 do not say that a large entry goes on in the next one.
        for at in (0..head.tail.0).map(Offset).filter(|_| format > 1) {
            assert_eq!(entry_end(log, &called, at).await, entry_end(reference, &called, at).await, "{called} at {at}");
        }
    }
    let tombstone =
        (log.tombstone(&name(TOMBSTONE)).await.unwrap(), reference.tombstone(&name(TOMBSTONE)).await.unwrap());
    assert_eq!(tombstone.0.map(|one| one.settings), tombstone.1.map(|one| one.settings));
    let alias = Alias(Bytes::from_static(b"idempotency key"));
    assert_eq!(log.find_alias(&alias).await.unwrap(), reference.find_alias(&alias).await.unwrap());
    assert_eq!(log.open_relays().await.unwrap(), reference.open_relays().await.unwrap());
    let much_later = MADE_AT.plus(std::time::Duration::from_secs(3_600));
    assert_eq!(log.expired(much_later, 100).await.unwrap(), reference.expired(much_later, 100).await.unwrap());
    assert_eq!(log.stream_count(), reference.stream_count());
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_as_it_is() {
    let directory = unpack(include_str!("../fixtures/format-1.txt"));
    let newer = format!("everstream disk log, format {}\n", DiskLog::FORMAT + 1);
    fs::write(directory.path().join("FORMAT"), newer).unwrap();
    let error = DiskLog::open(&DiskConfig::new(directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains("newer Everstream"), "{error}");
    fs::write(directory.path().join("FORMAT"), format!("everstream disk log, format {}\n", DiskLog::FORMAT)).unwrap();
    assert!(has_open_chat(directory.path()).await);
}

async fn has_open_chat(directory: &Path) -> bool {
    open(directory).open(&name("chat/open")).await.unwrap().is_some()
}

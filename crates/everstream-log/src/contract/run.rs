//! Many records at once, with what stands between them.

use std::sync::mpsc;

use bytes::Bytes;

use super::Place;
use super::reopen::reopened;
use super::sample::*;
use crate::{Create, Entry, ErrorKind, Log, NewRecord, Offset, ReadLimit, Record, RecordRun, StreamKey};

/// Short or not; and nothing is made of a read that fails.
pub async fn what_is_made_of_a_read_is_made_of_its_records(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![entry(key, 0, &["0", "1", "2"])]).await);
    for bytes_max in [2, ReadLimit::SHORT_BYTES_MAX + 1] {
        let limit = ReadLimit { bytes_max, ..UNBOUNDED };
        let expected = ok(log.read(key, Offset(1), limit).await);
        assert_eq!(records_of(&runs(&*log, key, Offset(1), limit).await), offsets_and_data(&expected));
        let (made, taken) = mpsc::sync_channel(1);
        let make = Box::new(move |_: Vec<RecordRun>| assert!(made.send(()).is_ok(), "nobody waits for it"));
        let failed = log.read_with(key, Offset(4), limit, make).await;
        assert_eq!(failed.err().map(|error| error.kind()), Some(ErrorKind::OffsetBeyondTail));
        assert_eq!(taken.recv().ok(), None, "something was made of a failed read");
    }
}

/// Wherever a read starts and ends; in no record, count or limit; of forks, too, and after a reopen.
pub async fn a_separator_stands_behind_each_record_of_a_run_or_nowhere<P: Place>(place: P) {
    let mut log = place.open().await;
    let first = Create { records: records(&["{}", ","]), ..separated("s") };
    let source = ok(log.create(first).await).key;
    ok(log.commit(vec![entry(source, 2, &["", "[1,2]"]), entry(source, 4, &["3"])]).await);
    let large = NewRecord { time: NOW, data: Bytes::from(vec![b','; 100_000]) };
    let large = Entry { stream: source, first: Offset(5), records: vec![large], closure: None, sequencing: None };
    ok(log.commit(vec![large, entry(source, 6, &["4", "5"])]).await);
    let fork = ok(log.create(forked(separated("fork"), source, 4)).await).key;
    ok(log.commit(vec![entry(fork, 4, &["own", ""])]).await);
    for round in 0..=u32::from(P::KEEPS) {
        for (key, called, tail, bytes) in [(source, "s", 8, 100_011), (fork, "fork", 6, 11)] {
            let head = head(&*log, called).await;
            assert_eq!((head.settings.separator, head.tail, head.bytes), (Some(b','), Offset(tail), bytes));
            for from in (0..=tail).map(Offset) {
                for bytes_max in [1, 3, 7, 50_000, 100_011, usize::MAX] {
                    let limit = ReadLimit { bytes_max, ..UNBOUNDED };
                    let read = ok(log.read(key, from, limit).await);
                    let runs = runs(&*log, key, from, limit).await;
                    assert_eq!(records_of(&runs), offsets_and_data(&read), "{called} from {from}, round {round}");
                    assert!(runs.iter().all(|run| run.separator().is_none_or(|byte| byte == b',')));
                }
            }
        }
        if P::KEEPS && round == 0 {
            log = reopened(&place, log).await;
        }
    }
}

fn separated(called: &str) -> Create {
    let mut create = stream(called);
    create.settings.separator = Some(b',');
    create
}

/// A read as runs that keep their word: what stands behind their records, and how many bytes these have.
pub(super) async fn runs(log: &dyn Log, stream: StreamKey, from: Offset, limit: ReadLimit) -> Vec<RecordRun> {
    let (made, taken) = mpsc::sync_channel(1);
    let make = Box::new(move |read: Vec<RecordRun>| assert!(made.send(read).is_ok(), "nobody waits for it"));
    ok(log.read_with(stream, from, limit, make).await);
    let runs = taken.recv().unwrap_or_default();
    for run in &runs {
        let whole: Vec<u8> = run.records().flat_map(|record| record.iter().copied().chain(run.separator())).collect();
        assert!(*run.data() == whole, "a run is not its records, each with {:?} behind it", run.separator());
        assert_eq!(run.bytes(), run.records().map(<[u8]>::len).sum::<usize>());
        assert_eq!(run.count(), run.records().count());
    }
    runs
}

/// The records of runs, with their offsets.
pub(super) fn records_of(runs: &[RecordRun]) -> Vec<(Offset, &[u8])> {
    runs.iter().flat_map(|run| (run.first().0..).map(Offset).zip(run.records())).collect()
}

/// The same of records.
pub(super) fn offsets_and_data(records: &[Record]) -> Vec<(Offset, &[u8])> {
    records.iter().map(|record| (record.offset, &*record.data)).collect()
}

use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, Durability, Entry, NewRecord, Offset, ProducerId, ProducerMark, ReadLimit, Record, RecordRun,
    Sequencing, Timestamp,
};
use fjall::AbstractTree;
use tempfile::TempDir;

use super::*;
use crate::change::Change;
use crate::failure::Refusal;
use crate::keyspace::record::{self, Mark};
use crate::read;
use crate::sample::{create, delete, fork, relayed, separated, writer};
use crate::writer::Writer;

/// A fold of this much gets a table of its own, in the store of these tests.
const LARGE: usize = 4_096;

struct Rig {
    store: Arc<Store>,
    writer: Writer,
    place: TempDir,
}

impl Rig {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(place.path(), 1 << 20, 8 * LARGE as u64).unwrap());
        let (writer, _) = writer(&store, &Arc::new(Refusal::default()), Durability::Memory, place.path());
        Self { store, writer, place }
    }

    fn change(&mut self, change: Change) {
        let mut group = self.writer.group();
        self.writer.stage(&mut group, change).unwrap();
        self.writer.commit(group).unwrap();
    }

    /// Appends one record whose bytes are all its offset.
    fn append(&mut self, stream: u64, first: u64, len: usize, change: impl FnOnce(&mut Entry)) {
        let record = NewRecord { time: Timestamp(first), data: Bytes::from(vec![first as u8; len]) };
        let (stream, first) = (StreamKey(stream), Offset(first));
        let mut entry = Entry { stream, first, records: vec![record], closure: None, sequencing: None };
        change(&mut entry);
        self.change(Change::Commit(vec![entry]));
    }

    fn lens(&self, stream: u64) -> Vec<usize> {
        let limit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };
        let records: Vec<Record> = read::read(&self.store, StreamKey(stream), Offset::ZERO, limit).unwrap();
        assert!(records.iter().all(|record| record.data.iter().all(|byte| u64::from(*byte) == record.offset.0)));
        records.iter().map(|record| record.data.len()).collect()
    }

    /// What a long read hands out: the data of each run, and the bytes of its records.
    fn runs(&self, stream: u64) -> Vec<(Vec<u8>, usize)> {
        let limit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };
        let runs: Vec<RecordRun> = read::read(&self.store, StreamKey(stream), Offset::ZERO, limit).unwrap();
        runs.iter().map(|run| (run.data().to_vec(), run.bytes())).collect()
    }

    /// The tables of records, and the bytes of records that the store has in memory.
    fn tables(&self) -> (usize, u64) {
        (self.store.records.tree.table_count(), self.store.records.tree.active_memtable().size())
    }
}

fn close(entry: &mut Entry) {
    let detail = Bytes::from_static(b"so");
    entry.closure = Some(Closure { reason: CloseReason::Completed, at: Timestamp(7), detail });
}

#[test]
fn a_large_fold_is_a_table_and_leaves_nothing_in_memory() {
    let mut rig = Rig::new();
    rig.change(create("a"));
    rig.change(create("b"));
    rig.append(2, 0, LARGE, |_| {});
    rig.append(1, 0, 1, |_| {});
    rig.append(1, 1, 2, close);
    fold_all(&rig.store, None).unwrap();
    assert_eq!(rig.tables(), (1, 0));
    assert!(!rig.store.pending.has(StreamKey(1)));
    assert_eq!((rig.lens(1), rig.lens(2)), (vec![1, 2], vec![LARGE]));
    let run = rig.store.last_run(StreamKey(1)).unwrap().unwrap();
    assert_eq!((run.next(), run.closure.unwrap().reason), (Offset(2), CloseReason::Completed));
}

#[test]
fn a_small_fold_waits_in_memory_for_more() {
    let mut rig = Rig::new();
    rig.change(create("a"));
    rig.append(1, 0, LARGE - 1, |_| {});
    fold_all(&rig.store, None).unwrap();
    let (tables, bytes) = rig.tables();
    assert!(tables == 0 && bytes > 0, "{tables} tables, {bytes} bytes");
    assert_eq!(rig.lens(1), [LARGE - 1]);
}

#[test]
fn rows_have_the_separator_of_their_stream_whichever_way_they_are_folded() {
    for len in [1, LARGE] {
        let mut rig = Rig::new();
        rig.change(separated("a"));
        rig.append(1, 0, len, |_| {});
        rig.append(1, 1, 0, |_| {});
        fold_all(&rig.store, None).unwrap();
        rig.append(1, 2, 1, close);
        assert_eq!(rig.tables().0, usize::from(len == LARGE));
        let folded = [&*vec![0; len], b",,"].concat();
        assert_eq!(rig.runs(1), [(folded, len), (b"\x02,".to_vec(), 1)]);
        assert_eq!(rig.lens(1), [len, 0, 1]);
        fold_all(&rig.store, None).unwrap();
        let run = rig.store.last_run(StreamKey(1)).unwrap().unwrap();
        assert_eq!((run.bytes_before, run.bytes_after()), (len as u64, len as u64 + 1));
        assert!(run.closure.is_some());
    }
}

#[test]
fn rows_without_the_separator_are_read_beside_those_that_have_it() {
    let mut rig = Rig::new();
    rig.change(separated("a"));
    let marks = [Mark::new(Timestamp(0), 1, true), Mark::new(Timestamp(1), 2, true)];
    let mut row = Vec::new();
    record::ser(&mut row, 0, &marks, b"\0\x01\x01", None, None);
    rig.store.records.insert(record::key(StreamKey(1), Offset::ZERO), row).unwrap();
    // Another one, which does not know where the stream ended.
    let refusal = Arc::new(Refusal::default());
    (rig.writer, _) = writer(&rig.store, &refusal, Durability::Memory, rig.place.path());
    rig.append(1, 2, 3, |_| {});
    fold_all(&rig.store, None).unwrap();
    rig.append(1, 3, 1, |_| {});
    // Made of one that has some rows of either kind, at offsets within both; its own rows have none.
    rig.change(fork("b", StreamKey(1), 1));
    rig.change(fork("c", StreamKey(1), 3));
    rig.append(3, 3, 2, |_| {});
    let (old, new) = ((b"\0\x01\x01".to_vec(), 3), (b"\x02\x02\x02,".to_vec(), 3));
    assert_eq!(rig.runs(1), [old.clone(), new.clone(), (b"\x03,".to_vec(), 1)]);
    assert_eq!(rig.runs(2), [(b"\0".to_vec(), 1)]);
    assert_eq!(rig.runs(3), [old, new, (b"\x03\x03".to_vec(), 2)]);
    assert_eq!((rig.lens(1), rig.lens(3)), (vec![1, 2, 3, 1], vec![1, 2, 3, 2]));
    let bytes_before = |stream| rig.store.stream(StreamKey(stream)).unwrap().unwrap().own_start().1;
    assert_eq!((bytes_before(2), bytes_before(3)), (1, 6));
}

#[test]
fn a_producers_state_comes_in_one_batch_with_its_records_beside_a_table_of_others() {
    let mut rig = Rig::new();
    rig.change(create("a"));
    rig.change(create("b"));
    let id = ProducerId::parse(b"p").unwrap();
    let producer = ProducerMark { id: id.clone(), epoch: 0, seq: 0 };
    let sequencing = Box::new(Sequencing { producer: Some(producer), stream_seq: None });
    rig.append(1, 0, 3, |entry| entry.sequencing = Some(sequencing));
    rig.append(2, 0, LARGE, |_| {});
    fold_all(&rig.store, None).unwrap();
    // The batch went before, and the store puts what it has in memory before a table that comes from outside.
    assert_eq!(rig.tables(), (2, 0));
    assert_eq!((rig.lens(1), rig.lens(2)), (vec![3], vec![LARGE]));
    assert_eq!(rig.store.producer(StreamKey(1), &id).unwrap().unwrap().next, Offset(1));
}

#[test]
fn a_stream_deleted_before_its_fold_gets_no_rows() {
    let mut rig = Rig::new();
    rig.change(create("a"));
    rig.change(create("b"));
    rig.append(1, 0, LARGE, |_| {});
    rig.append(2, 0, LARGE, |_| {});
    rig.store.pending.set_aside();
    rig.change(delete("a", StreamKey(1)));
    fold_aside(&rig.store, None, &mut Pace::at_once()).unwrap();
    assert_eq!(rig.store.last_run(StreamKey(1)).unwrap(), None);
    assert_eq!(rig.lens(2), [LARGE]);
}

#[test]
fn a_relay_whose_close_came_in_a_table_is_no_longer_listed_as_open() {
    let mut rig = Rig::new();
    rig.change(relayed("a"));
    rig.change(relayed("b"));
    rig.append(1, 0, LARGE, close);
    assert_eq!(rig.store.relays.iter().count(), 2);
    fold_all(&rig.store, None).unwrap();
    assert_eq!(rig.tables().0, 1);
    assert_eq!(rig.store.relays.iter().count(), 1);
    assert_eq!(read::open_relays(&rig.store).unwrap().len(), 1);
}

#[test]
fn a_relay_that_is_listed_as_open_and_has_its_close_is_passed_over() {
    let mut rig = Rig::new();
    rig.change(relayed("a"));
    rig.append(1, 0, LARGE, close);
    fold_all(&rig.store, None).unwrap();
    // As a power cut leaves it between the table and the list.
    rig.store.relays.insert(crate::keyspace::stream_key(StreamKey(1)), []).unwrap();
    assert_eq!(read::open_relays(&rig.store).unwrap(), []);
}

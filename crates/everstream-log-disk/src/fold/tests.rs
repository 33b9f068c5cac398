use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, Durability, Entry, NewRecord, Offset, ProducerId, ProducerMark, ReadLimit, Record,
    Sequencing, Timestamp,
};
use fjall::AbstractTree;
use tempfile::TempDir;

use super::*;
use crate::change::Change;
use crate::failure::Refusal;
use crate::read;
use crate::sample::{create, delete, relayed, writer};
use crate::writer::Writer;

/// A fold of this much gets a table of its own, in the store of these tests.
const LARGE: usize = 4_096;

struct Rig {
    store: Arc<Store>,
    writer: Writer,
    _place: TempDir,
}

impl Rig {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(place.path(), 1 << 20, 8 * LARGE as u64).unwrap());
        let (writer, _) = writer(&store, &Arc::new(Refusal::default()), Durability::Memory, place.path());
        Self { store, writer, _place: place }
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
    fold_aside(&rig.store, None).unwrap();
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

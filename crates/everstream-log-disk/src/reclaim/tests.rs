use bytes::Bytes;
use everstream_log::{Durability, Entry, NewRecord, ProducerId, ProducerMark, Sequencing, StreamKey, Timestamp};

use super::*;
use crate::change::Change;
use crate::fold::fold_all;
use crate::sample::{create, delete, fork, writer};

const RECORD: NewRecord = NewRecord { time: Timestamp(0), data: Bytes::from_static(b"x") };

fn entry(stream: StreamKey, at: u64) -> Entry {
    let producer = ProducerMark { id: ProducerId::parse(&at.to_be_bytes()).unwrap(), epoch: 0, seq: 0 };
    let sequencing = Sequencing { producer: Some(producer), stream_seq: None };
    Entry { stream, first: Offset(at), records: vec![RECORD], closure: None, sequencing: Some(Box::new(sequencing)) }
}

#[test]
fn a_deleted_stream_leaves_no_row_and_its_neighbour_all() {
    const APPENDS: u64 = 3 * SLICE_ROWS as u64 + 1;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path(), 1 << 20, 8 << 20).unwrap());
    let refusal = Arc::new(Refusal::default());
    let mut writer = writer(&store, &refusal, Durability::Memory, directory.path()).0;
    let mut change = |change| {
        let mut group = writer.group();
        writer.stage(&mut group, change).unwrap();
        writer.commit(group).unwrap();
        fold_all(&store, None).unwrap();
    };
    for (name, stream) in [("a", StreamKey(1)), ("b", StreamKey(2))] {
        change(create(name));
        // One by one, or they would share rows.
        (0..APPENDS).for_each(|at| change(Change::Commit(vec![entry(stream, at)])));
    }
    change(delete("a", StreamKey(1)));
    assert_eq!(store.records.iter().count() as u64, 2 * APPENDS);

    let (_waker, woken) = sync_channel(1);
    reclaim_all(&store, &refusal, &woken).unwrap();
    assert_eq!(store.garbage.iter().count(), 0);
    assert_eq!(store.records.iter().count() as u64, APPENDS);
    // One row each and the number of them.
    assert_eq!(store.producers.iter().count() as u64, APPENDS + 1);
    assert_eq!(store.producer_count(StreamKey(2)).unwrap(), APPENDS);
}

/// The rows of one stream, by the offsets of their first records.
fn rows(store: &Store, stream: StreamKey) -> Vec<u64> {
    let range = record::key(stream, Offset::ZERO)..=record::key(stream, Offset(u64::MAX));
    let keys = store.records.range(range).map(|guard| wire::share(guard.key().unwrap()));
    keys.map(|key| record::deser_key(key).unwrap().1.0).collect()
}

#[test]
fn a_tombstone_keeps_the_rows_that_forks_read_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path(), 1 << 20, 8 << 20).unwrap());
    let refusal = Arc::new(Refusal::default());
    let mut writer = writer(&store, &refusal, Durability::Memory, directory.path()).0;
    let (_waker, woken) = sync_channel(1);
    let mut change = |change| {
        let mut group = writer.group();
        writer.stage(&mut group, change).unwrap();
        writer.commit(group).unwrap();
        fold_all(&store, None).unwrap();
        reclaim_all(&store, &refusal, &woken).unwrap();
        assert_eq!(store.garbage.iter().count(), 0);
    };
    let source = StreamKey(1);
    change(create("source"));
    (0..3).for_each(|at| change(Change::Commit(vec![Entry { records: vec![RECORD; 3], ..entry(source, 3 * at) }])));
    for (name, base) in [("four", 4), ("two", 2), ("seven", 7)] {
        change(fork(name, source, base));
    }
    change(Change::Commit(vec![entry(StreamKey(2), 4)]));

    change(delete("source", source));
    assert_eq!(rows(&store, source), [0, 3, 6], "the last row has the record before offset 7");
    change(delete("seven", StreamKey(4)));
    assert_eq!(rows(&store, source), [0, 3]);
    change(delete("two", StreamKey(3)));
    assert_eq!(rows(&store, source), [0, 3]);
    assert_eq!(store.producers.iter().count(), 2, "of the fork alone");
    change(delete("four", StreamKey(2)));
    for keyspace in [&store.records, &store.streams, &store.names, &store.forks, &store.producers] {
        assert_eq!(keyspace.iter().count(), 0, "{}", keyspace.name());
    }
}

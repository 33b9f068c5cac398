use std::sync::Arc;

use bytes::Bytes;
use everstream_log::{Durability, Entry, NewRecord, Offset, Timestamp};

use super::*;
use crate::change::Change;
use crate::failure::Refusal;
use crate::fold::fold_all;
use crate::sample::{create, writer};

#[test]
fn memory_stays_bounded_while_appends_go_on_and_the_store_comes_to_rest() {
    let place = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(place.path(), 1 << 20, 8 << 20).unwrap());
    let (mut writer, _) = writer(&store, &Arc::new(Refusal::default()), Durability::Memory, place.path());
    let mut make = |change| {
        let mut group = writer.group();
        let changed = writer.stage(&mut group, change).unwrap();
        writer.commit(group).unwrap();
        fold_all(&store, None).unwrap();
        if writer.is_weighing_due() {
            writer.weigh();
        }
        changed
    };
    let stream = make(create("s")).into_head().unwrap().key;
    let record = NewRecord { time: Timestamp(0), data: vec![7; 60_000].into() };
    for first in 0..600 {
        let entry =
            Entry { stream, first: Offset(first), records: vec![record.clone()], closure: None, sequencing: None };
        make(Change::Commit(vec![entry]));
        let waiting = store.records.tree.active_memtable().size();
        assert!(waiting < (8 << 20) + 2 * 256 * 1024, "{waiting}");
        assert!(store.records.sealed_memtable_count() <= 4);
    }
    while store.is_busy() {
        std::thread::yield_now();
    }
    assert_eq!(store.records.sealed_memtable_count(), 0);
    assert_eq!(store.last_run(stream).unwrap().unwrap().next(), Offset(600));
    assert_eq!(store.run_at(stream, Offset(0)).unwrap().unwrap().data(0..usize::MAX), Bytes::from(vec![7; 60_000]));
}

use bytes::Bytes;
use everstream_log::{Durability, Entry, NewRecord, ProducerId, ProducerMark, Sequencing, StreamName, Timestamp};

use super::*;
use crate::change::Change;
use crate::sample::create;
use crate::writer::Writer;

fn entry(stream: StreamKey, at: u64) -> Entry {
    let producer = ProducerMark { id: ProducerId::parse(&at.to_be_bytes()).unwrap(), epoch: 0, seq: 0 };
    let record = NewRecord { time: Timestamp(0), data: Bytes::from_static(b"x") };
    let sequencing = Sequencing { producer: Some(producer), stream_seq: None };
    Entry { stream, first: Offset(at), records: vec![record], closure: None, sequencing: Some(Box::new(sequencing)) }
}

#[test]
fn a_deleted_stream_leaves_no_row_and_its_neighbour_all() {
    const APPENDS: u64 = 3 * SLICE_ROWS as u64 + 1;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path(), 1 << 20).unwrap());
    let refusal = Arc::new(Refusal::default());
    let mut writer = Writer::new(Arc::clone(&store), Arc::clone(&refusal), Durability::Memory, 10).unwrap();
    let mut change = |change| {
        let mut group = writer.group();
        writer.stage(&mut group, change).unwrap();
        writer.commit(group).unwrap();
    };
    for (name, stream) in [("a", StreamKey(1)), ("b", StreamKey(2))] {
        change(create(name));
        change(Change::Commit((0..APPENDS).map(|at| entry(stream, at)).collect()));
    }
    change(Change::Delete(StreamName::parse("a").unwrap(), StreamKey(1)));
    assert_eq!(store.records.iter().count() as u64, 2 * APPENDS);

    let (_waker, woken) = sync_channel(1);
    reclaim_all(&store, &refusal, &woken).unwrap();
    assert_eq!(store.garbage.iter().count(), 0);
    assert_eq!(store.records.iter().count() as u64, APPENDS);
    // One row each and the number of them.
    assert_eq!(store.producers.iter().count() as u64, APPENDS + 1);
    assert_eq!(store.producer_count(StreamKey(2)).unwrap(), APPENDS);
}

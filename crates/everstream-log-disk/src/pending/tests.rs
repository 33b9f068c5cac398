use bytes::Bytes;
use everstream_log::{CloseReason, NewRecord, ProducerMark, ReadLimit, Record, RecordRun, Sequencing, Timestamp};

use super::*;
use crate::keyspace::record::RUN_BYTES_MAX;

const STREAM: StreamKey = StreamKey(3);

/// Where the stream of these tests ends before anything is pending.
const START: Tail =
    Tail { next: Offset(10), bytes: 100, is_closed: false, is_relay: true, producers: 0, separator: None };

struct Rig {
    pending: Pending,
    tail: Tail,
}

impl Rig {
    fn new() -> Self {
        Self { pending: Pending::default(), tail: START }
    }

    /// Appends one entry of records with these lengths; each record has its own offset as its bytes.
    fn append(&mut self, lens: &[usize], change: impl FnOnce(&mut Entry)) {
        let record = |(offset, len): (u64, &usize)| NewRecord {
            time: Timestamp(offset),
            data: Bytes::from(vec![offset as u8; *len]),
        };
        let records = (self.tail.next.0..).zip(lens).map(record).collect();
        let mut entry = Entry { stream: STREAM, first: self.tail.next, records, closure: None, sequencing: None };
        change(&mut entry);
        self.tail = self.tail.behind(&entry);
        self.pending.apply(&[entry], &[self.tail]);
    }

    /// The offsets and lengths that a page from `from` on gets.
    fn read(&self, from: u64, records_max: usize, bytes_max: usize) -> (Served, Vec<(u64, usize)>) {
        let limit = ReadLimit { records_max, bytes_max };
        let mut page = Page::<Vec<Record>>::new(Offset(from), limit);
        let served = self.pending.read_into(STREAM, &mut page);
        for record in &page.taken {
            assert_eq!(record.time.0, record.offset.0);
            assert!(record.data.iter().all(|byte| u64::from(*byte) == record.offset.0));
        }
        (served, page.taken.iter().map(|record| (record.offset.0, record.data.len())).collect())
    }
}

/// The offsets and lengths of what [`in_both_sets`] has.
const IN_BOTH_SETS: [(u64, usize); 5] = [(10, 1), (11, 0), (12, 3), (13, 4), (14, 5)];

/// A stream with such a separator, some of which is set aside; each page of it has what it is to have.
fn in_both_sets(separator: Option<u8>) -> Rig {
    let mut rig = Rig::new();
    rig.tail.separator = separator;
    rig.append(&[1, 0, 3], |_| {});
    rig.pending.set_aside();
    rig.append(&[4, 5], |_| {});
    for from in 10..=15 {
        assert_eq!(rig.read(from, 100, 1_000), (Served::Yes, IN_BOTH_SETS[from as usize - 10..].to_vec()));
    }
    rig
}

#[test]
fn a_page_is_what_lies_behind_its_offset_across_both_sets() {
    let (rig, all) = (in_both_sets(None), IN_BOTH_SETS);
    assert_eq!(rig.read(9, 100, 1_000).0, Served::Store);
    assert_eq!(rig.read(16, 100, 1_000).0, Served::Beyond);
    assert_eq!(rig.read(10, 2, 1_000).1, all[..2]);
    assert_eq!(rig.read(10, 100, 2).1, all[..3], "one more as long as the bytes are not reached");
    assert_eq!(rig.read(12, 0, 0).1, all[2..3], "at least one");
    rig.pending.forget_aside();
    assert_eq!((rig.pending.first(STREAM), rig.read(12, 9, 9).0), (Some(Offset(13)), Served::Store));
    rig.pending.forget(STREAM);
    assert_eq!((rig.pending.first(STREAM), rig.read(13, 9, 9).0), (None, Served::Store));
}

#[test]
fn a_page_of_a_stream_with_a_separator_has_the_same_records_and_limits() {
    let (rig, all) = (in_both_sets(Some(b',')), IN_BOTH_SETS);
    assert_eq!(rig.read(10, 100, 4).1, all[..3], "the limit counts no separators");
    assert_eq!(rig.read(10, 100, 5).1, all[..4]);
    assert_eq!(rig.pending.tail(STREAM).map(|tail| tail.bytes), Some(113));
    let mut page = Page::<Vec<RecordRun>>::new(Offset(11), ReadLimit { records_max: 9, bytes_max: 9 });
    rig.pending.read_into(STREAM, &mut page);
    let data = page.taken.iter().map(|run| (run.data().to_vec(), run.separator(), run.bytes()));
    let (older, newer) = (b",\x0c\x0c\x0c,".to_vec(), b"\x0d\x0d\x0d\x0d,\x0e\x0e\x0e\x0e\x0e,".to_vec());
    assert_eq!(data.collect::<Vec<_>>(), [(older, Some(b','), 3), (newer, Some(b','), 9)]);
}

#[test]
fn a_row_takes_nothing_more_once_it_is_full_and_the_next_goes_on() {
    let mut rig = Rig::new();
    (0..5).for_each(|_| rig.append(&[RUN_BYTES_MAX / 2], |_| {}));
    let mut rows = Vec::new();
    rig.pending.show(STREAM, |part| rows.extend(part.rows().map(|row| (row.first.0, row.bytes_before))));
    let half = RUN_BYTES_MAX as u64 / 2;
    assert_eq!(rows, [(10, 100), (12, 100 + 2 * half), (14, 100 + 4 * half)]);
    assert_eq!(rig.read(11, 100, usize::MAX).1.len(), 4);
}

#[test]
fn an_entry_ends_where_it_was_appended_also_in_a_later_row() {
    let mut rig = Rig::new();
    rig.append(&[1], |_| {});
    rig.append(&[1, RUN_BYTES_MAX, RUN_BYTES_MAX, 1], |_| {});
    rig.append(&[1, 1], |_| {});
    let ends = [10, 11, 12, 13, 14, 15, 16, 17].map(|at| rig.pending.entry_end(STREAM, Offset(at)).map(|end| end.0));
    assert_eq!(ends, [Some(11), Some(15), Some(15), Some(15), Some(15), Some(17), Some(17), None]);
    assert_eq!(rig.pending.entry_end(STREAM, Offset(9)), None);
}

#[test]
fn the_head_is_the_newest_of_both_sets() {
    let id = ProducerId::parse(b"p").unwrap();
    let sequencing = |seq| {
        let producer = Some(ProducerMark { id: id.clone(), epoch: 0, seq });
        let stream_seq = StreamSeq::parse(&[seq as u8]).ok();
        Some(Box::new(Sequencing { producer, stream_seq }))
    };
    let mut rig = Rig::new();
    rig.append(&[1], |entry| entry.sequencing = sequencing(0));
    rig.append(&[1], |entry| entry.sequencing = sequencing(1));
    rig.pending.set_aside();
    let state = |rig: &Rig| rig.pending.producer(STREAM, &id).map(|state| (state.seq, state.next.0));
    assert_eq!(state(&rig), Some((1, 12)));
    assert!(rig.pending.closed_relays().is_empty());
    let closure = Closure { reason: CloseReason::Completed, at: Timestamp(9), detail: Bytes::new() };
    rig.append(&[], |entry| (entry.closure, entry.sequencing) = (Some(closure.clone()), sequencing(2)));
    let head = rig.pending.head(STREAM).unwrap();
    assert_eq!((head.tail.next, head.tail.is_closed, head.closure), (Offset(12), true, Some(closure)));
    assert_eq!(head.stream_seq, StreamSeq::parse(&[2]).ok());
    assert_eq!(state(&rig), Some((2, 12)));
    assert_eq!(rig.pending.closed_relays(), HashSet::from([STREAM]));
}

#[test]
fn what_is_open_is_weighed_and_what_is_set_aside_is_not() {
    let mut rig = Rig::new();
    (0..100).for_each(|_| rig.append(&[1_000], |_| {}));
    let bytes = rig.pending.open_bytes();
    assert!((100_000..110_000).contains(&bytes), "{bytes}");
    rig.pending.set_aside();
    assert_eq!(rig.pending.open_bytes(), 0);
}

/// With thousands of streams what each of them takes beside its records says how much a fold brings at once.
#[test]
fn a_stream_takes_little_beside_its_records() {
    let mut rig = Rig::new();
    rig.append(&[256], |_| {});
    let alone = rig.pending.open_bytes();
    rig.append(&[256], |_| {});
    assert!((256..=256 + 176).contains(&alone), "{alone}");
    assert_eq!(rig.pending.open_bytes() - alone, 256 + 16);
}

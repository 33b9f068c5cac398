use everstream_log::{ReadLimit, Record};

use super::*;
use crate::read::Page;

fn closure(reason: CloseReason) -> Closure {
    Closure { reason, at: Timestamp(u64::MAX), detail: Bytes::from_static(b"{}") }
}

fn mark(time: u64, len: usize, ends_entry: bool) -> Mark {
    Mark::new(Timestamp(time), len, ends_entry)
}

/// A row, made where another one was.
fn ser(bytes_before: u64, marks: &[Mark], data: &[u8], separator: Option<u8>, closure: Option<&Closure>) -> Vec<u8> {
    let mut row = vec![0xff; 3];
    super::ser(&mut row, bytes_before, marks, data, separator, closure);
    row
}

/// A row of version 1, as it was written: times and data of its records, its flags.
fn flagged(flags: u8, records: &[(u64, &[u8])]) -> Bytes {
    let mut row = vec![1, flags];
    put_varint(&mut row, 7);
    put_varint(&mut row, records.len() as u64);
    let mut before = 0_u64;
    for (time, data) in records {
        put_zigzag(&mut row, time.wrapping_sub(before) as i64);
        put_varint(&mut row, data.len() as u64);
        before = *time;
    }
    if flags & CLOSES != 0 {
        put_closure(&mut row, &closure(CloseReason::Stopped));
    }
    records.iter().for_each(|(_, data)| row.extend_from_slice(data));
    row.into()
}

fn content(run: &Run, from: u64) -> Vec<(u64, u64, Bytes)> {
    let mut page = Page::<Vec<Record>>::new(Offset(from), ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX });
    page.take(&run.stretch(), run.next(), |range| run.data(range));
    page.taken.into_iter().map(|record| (record.offset.0, record.time.0, record.data)).collect()
}

#[test]
fn rows_come_back_with_and_without_a_separator() {
    let records = [(5, "abc", true), (3, "", false), (u64::MAX, "\0x", false), (0, "d", true)];
    let marks = records.map(|(time, data, ends)| mark(time, data.len(), ends));
    let end = closure(CloseReason::Stopped);
    for (count, separator) in
        (0..=records.len()).flat_map(|count| [(count, None), (count, Some(b',').filter(|_| count > 0))])
    {
        let data: Vec<u8> = records[..count].iter().flat_map(|record| record.1.bytes().chain(separator)).collect();
        let bytes = records[..count].iter().map(|record| record.1.len() as u64).sum::<u64>();
        for closure in [None, Some(&end)] {
            let run = deser(Offset(40), ser(7, &marks[..count], &data, separator, closure).into()).unwrap();
            assert_eq!((run.first, run.next(), run.separator), (Offset(40), Offset(40 + count as u64), separator));
            assert_eq!((run.bytes_before, run.bytes_after(), run.bytes_at(run.next())), (7, 7 + bytes, 7 + bytes));
            assert_eq!(run.closure.as_ref(), closure);
            for from in 40..=40 + count as u64 {
                let expected = (40..).zip(&records[..count]).filter(|(offset, _)| *offset >= from);
                let expected = expected.map(|(offset, record)| (offset, record.0, Bytes::from(record.1)));
                assert_eq!(content(&run, from), expected.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_separated_row_without_records_or_without_a_separator_behind_each_is_malformed() {
    let separated = |marks: &[Mark], data: &[u8]| deser(Offset(0), ser(0, marks, data, Some(b','), None).into());
    assert_eq!(separated(&[], b""), Err(Malformed));
    assert_eq!(separated(&[], b","), Err(Malformed));
    let marks = [mark(0, 1, true), mark(0, 1, true)];
    assert_eq!(separated(&marks, b"a,b"), Err(Malformed));
    assert!(separated(&marks, b"a,b,").is_ok());
    // Rows of the first version have none.
    assert_eq!(deser(Offset(0), flagged(SEPARATED, &[(0, b"a,")])), Err(Malformed));
}

#[test]
fn little_of_a_row_does_not_keep_the_row() {
    let data = [b'x'; 1_000];
    let run = deser(Offset(0), ser(0, &[mark(0, 500, true), mark(0, 500, true)], &data, None, None).into()).unwrap();
    let row = run.data(0..1_000);
    let is_in_the_row = |part: Bytes| row.as_ptr_range().contains(&part.as_ptr());
    assert!(is_in_the_row(run.data(500..1_000)));
    assert!(!is_in_the_row(run.data(501..1_000)));
    assert_eq!(run.data(501..1_000), row.slice(501..));
}

#[test]
fn an_entry_ends_where_its_mark_says_or_in_a_later_row() {
    let marks = [mark(0, 1, true), mark(0, 1, false), mark(0, 1, true), mark(0, 1, false)];
    let run = deser(Offset(10), ser(0, &marks, b"abcd", None, None).into()).unwrap();
    assert_eq!(
        [10, 11, 12, 13, 14].map(|at| run.entry_end(Offset(at)).map(|end| end.0)),
        [Some(11), Some(13), Some(13), None, None]
    );
}

#[test]
fn rows_of_the_first_version_are_read_as_they_were_meant() {
    let records: [(u64, &[u8]); 3] = [(5, b"abc"), (3, b""), (u64::MAX, b"\0\xff")];
    for (flags, ends) in [(0, [3, 3, 3]), (CLOSES, [3, 3, 3]), (SHARED, [1, 2, 3]), (CONTINUES, [0, 0, 0])] {
        let run = deser(Offset(0), flagged(flags, &records)).unwrap();
        assert_eq!(content(&run, 0).len(), 3);
        assert_eq!(content(&run, 2), [(2, u64::MAX, Bytes::from_static(b"\0\xff"))]);
        assert_eq!([0, 1, 2].map(|at| run.entry_end(Offset(at)).map_or(0, |end| end.0)), ends, "{flags}");
        assert_eq!(run.closure.is_some(), flags == CLOSES);
        assert_eq!((run.bytes_before, run.bytes_after()), (7, 12));
    }
    assert_eq!(deser(Offset(0), flagged(8, &records)), Err(Malformed));
}

#[test]
fn every_close_reason_comes_back() {
    for reason in CloseReason::ALL {
        let run = deser(Offset(1), ser(0, &[], &[], None, Some(&closure(reason))).into()).unwrap();
        assert_eq!(run.closure, Some(closure(reason)));
        assert_eq!(run.next(), Offset(1));
    }
}

#[test]
fn bytes_are_counted_up_to_the_end_of_the_run() {
    let run = deser(Offset(5), ser(10, &[mark(0, 3, true), mark(0, 1, true)], b"abcd", None, None).into()).unwrap();
    assert_eq!((run.bytes_before, run.bytes_after()), (10, 14));
    assert_eq!([5, 6, 7].map(|offset| run.bytes_at(Offset(offset))), [10, 13, 14]);
}

#[test]
fn a_row_cut_anywhere_or_with_strange_flags_is_malformed() {
    let row = ser(1_000, &[mark(9, 3, true), mark(8, 2, true)], b"abcde", None, Some(&closure(CloseReason::Failed)));
    for len in 0..row.len() {
        assert_eq!(deser(Offset(0), Bytes::copy_from_slice(&row[..len])), Err(Malformed), "{len}");
    }
    for (place, byte) in [(0, 3), (0, 0), (1, 2)] {
        let mut strange = row.clone();
        strange[place] = byte;
        assert_eq!(deser(Offset(0), strange.into()), Err(Malformed));
    }
}

#[test]
fn keys_are_ordered_by_stream_and_offset() {
    let keys = [(1, 0), (1, 255), (1, 256), (2, 0), (256, 3)];
    assert!(keys.is_sorted_by_key(|(stream, first)| key(StreamKey(*stream), Offset(*first))));
    for (stream, first) in keys {
        let key = Bytes::copy_from_slice(&key(StreamKey(stream), Offset(first)));
        assert_eq!(deser_key(key), Ok((StreamKey(stream), Offset(first))));
    }
}

use super::*;

fn record(time: u64, data: &'static [u8]) -> NewRecord {
    NewRecord { time: Timestamp(time), data: Bytes::from_static(data) }
}

fn closure(reason: CloseReason) -> Closure {
    Closure { reason, at: Timestamp(u64::MAX), detail: Bytes::from_static(b"{}") }
}

#[test]
fn rows_come_back() {
    let records = [record(5, b"abc"), record(3, b""), record(u64::MAX, b"\0\xff"), record(0, b"d")];
    for count in 0..=records.len() {
        let end = closure(CloseReason::Stopped);
        for behind in [Behind::Open, Behind::OpenShared, Behind::Entry, Behind::Close(&end)] {
            let row = ser(7, records[..count].iter(), behind);
            let run = deser(Offset(40), row.into()).unwrap();
            assert_eq!((run.first, run.next(), run.bytes_before), (Offset(40), Offset(40 + count as u64), 7));
            assert_eq!(run.closure.as_ref(), if let Behind::Close(end) = behind { Some(end) } else { None });
            assert_eq!(run.continues, matches!(behind, Behind::Entry));
            assert_eq!(run.is_shared, matches!(behind, Behind::OpenShared));
            let expected = (40..).zip(&records[..count]);
            let expected = expected.map(|(offset, new)| (Offset(offset), new.time, new.data.clone()));
            assert!(run.records().map(|record| (record.offset, record.time, record.data)).eq(expected));
        }
    }
}

#[test]
fn every_close_reason_comes_back() {
    for reason in CloseReason::ALL {
        let run = deser(Offset(1), ser(0, [].iter(), Behind::Close(&closure(reason))).into()).unwrap();
        assert_eq!(run.closure, Some(closure(reason)));
        assert_eq!(run.next(), Offset(1));
    }
}

#[test]
fn bytes_are_counted_up_to_the_end_of_the_run() {
    let run = deser(Offset(5), ser(10, [record(0, b"abc"), record(0, b"d")].iter(), Behind::Open).into()).unwrap();
    assert_eq!((run.bytes_before, run.bytes_after()), (10, 14));
    assert_eq!([5, 6, 7].map(|offset| run.bytes_at(Offset(offset))), [10, 13, 14]);
}

#[test]
fn a_row_cut_anywhere_or_with_strange_marks_is_malformed() {
    let row = ser(1_000, [record(9, b"abc"), record(8, b"de")].iter(), Behind::Close(&closure(CloseReason::Failed)));
    for len in 0..row.len() {
        assert_eq!(deser(Offset(0), Bytes::copy_from_slice(&row[..len])), Err(Malformed), "{len}");
    }
    for (place, byte) in [(0, 2), (1, 8)] {
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

#[test]
fn a_run_is_bounded_but_takes_one_record_of_any_size() {
    let large = NewRecord { time: Timestamp(0), data: vec![0; RUN_BYTES_MAX + 1].into() };
    assert_eq!(run_len(&[large.clone(), large]), 1);
    let half = NewRecord { time: Timestamp(0), data: vec![0; RUN_BYTES_MAX / 2].into() };
    assert_eq!(run_len(&vec![half; 5]), 2);
    assert_eq!(run_len(&vec![record(0, b""); 5]), 5);
    assert_eq!(run_len(&[]), 0);
}

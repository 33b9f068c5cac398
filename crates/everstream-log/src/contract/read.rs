//! Reading.

use std::time::Duration;

use bytes::Bytes;

use super::Place;
use super::sample::*;
use crate::{Entry, ErrorKind, NewRecord, Offset, ReadLimit, Record};

/// From every offset, in entries of several records too.
pub async fn a_read_starts_anywhere_and_is_empty_at_the_tail(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    assert_eq!(all(&*log, key).await, []);
    ok(log.commit(vec![entry(key, 0, &["0", "1", "2"]), entry(key, 3, &["3"])]).await);
    ok(log.commit(vec![entry(key, 4, &["4", "5"])]).await);
    for from in 0..=6 {
        let read = ok(log.read(key, Offset(from), UNBOUNDED).await);
        let expected: Vec<String> = (from..6).map(|offset| offset.to_string()).collect();
        assert_eq!(texts(&read), expected);
        assert!(read.iter().zip(from..).all(|(record, offset)| record.offset == Offset(offset)));
    }
}

/// The record that reaches the byte limit is the last.
pub async fn a_read_stops_at_its_limits_but_returns_one_record(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    ok(log.commit(vec![entry(key, 0, &["aaaa", "bbbb"]), entry(key, 2, &["cccc", "dddd"])]).await);
    for (records_max, bytes_max, expected) in [
        (0, 0, 1),
        (1, usize::MAX, 1),
        (3, usize::MAX, 3),
        (9, usize::MAX, 4),
        (usize::MAX, 0, 1),
        (usize::MAX, 4, 1),
        (usize::MAX, 5, 2),
        (usize::MAX, 12, 3),
        (usize::MAX, 13, 4),
    ] {
        let limit = ReadLimit { records_max, bytes_max };
        let read = ok(log.read(key, Offset::ZERO, limit).await);
        assert_eq!(read.len(), expected, "{limit:?}");
        assert!(read.iter().zip(0..).all(|(record, offset)| record.offset == Offset(offset)), "{limit:?}");
    }
}

/// One past the tail and far past it.
pub async fn a_read_beyond_the_tail_is_refused(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    refused(log.read(key, Offset(1), UNBOUNDED).await, ErrorKind::OffsetBeyondTail);
    ok(log.commit(vec![entry(key, 0, &["a", "b"])]).await);
    for beyond in [3, u64::MAX] {
        refused(log.read(key, Offset(beyond), UNBOUNDED).await, ErrorKind::OffsetBeyondTail);
    }
}

/// Empty records, every byte value and times that repeat or go back.
pub async fn records_keep_their_bytes_and_times(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    let every_byte: Vec<u8> = (0..=255).collect();
    let records = vec![
        NewRecord { time: NOW, data: Bytes::new() },
        NewRecord { time: NOW.plus(Duration::from_secs(9)), data: Bytes::from(every_byte) },
        NewRecord { time: NOW, data: Bytes::from_static(b"data: a\n\n\0") },
        NewRecord { time: NOW, data: Bytes::new() },
    ];
    let entry = Entry { stream: key, first: Offset::ZERO, records: records.clone(), closure: None, sequencing: None };
    ok(log.commit(vec![entry]).await);
    let expected: Vec<Record> = records
        .into_iter()
        .zip(0..)
        .map(|(new, offset)| Record { offset: Offset(offset), time: new.time, data: new.data })
        .collect();
    assert_eq!(all(&*log, key).await, expected);
}

/// Larger than any limit and any block.
pub async fn a_large_record_is_one_record(place: impl Place) {
    let log = place.open().await;
    let key = ok(log.create(stream("s")).await).key;
    let large: Bytes = (0..5_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let record = NewRecord { time: NOW, data: large.clone() };
    let entry = Entry { stream: key, first: Offset::ZERO, records: vec![record], closure: None, sequencing: None };
    ok(log.commit(vec![entry]).await);
    let read = ok(log.read(key, Offset::ZERO, ReadLimit { records_max: 10, bytes_max: 1 }).await);
    assert!(read.iter().map(|record| &record.data).eq([&large]));
}

/// Over all appends, the first one of the making included.
pub async fn bytes_count_the_data(place: impl Place) {
    let log = place.open().await;
    let mut create = stream("s");
    create.records = records(&["abc"]);
    let key = ok(log.create(create).await).key;
    ok(log.commit(vec![entry(key, 1, &["de", "", "f"])]).await);
    ok(log.commit(vec![entry(key, 4, &["g"])]).await);
    assert_eq!(head(&*log, "s").await.bytes, 7);
}

//! `producers`: stream, then what it is → version 1 and what the stream's publishers said of their order.
//!
//! | key after the stream | row |
//! |---|---|
//! | 0 | the last position a publisher gave |
//! | 1 | how many producers have appended |
//! | 2, the producer's id | the life, number and end of its last append |
//!
//! All are written in the batch of the append they came with.

use bytes::Bytes;
use everstream_log::{Offset, ProducerId, ProducerState, StreamKey, StreamSeq};

use super::stream_key;
use crate::wire::{Malformed, Row, put_bytes, put_varint};

pub(crate) const KEYSPACE: &str = "producers";
const VERSION: u8 = 1;

const STREAM_SEQ: u8 = 0;
const COUNT: u8 = 1;
const PRODUCER: u8 = 2;

pub(crate) fn stream_seq_key(stream: StreamKey) -> Vec<u8> {
    key(stream, STREAM_SEQ, &[])
}

pub(crate) fn count_key(stream: StreamKey) -> Vec<u8> {
    key(stream, COUNT, &[])
}

pub(crate) fn producer_key(stream: StreamKey, id: &ProducerId) -> Vec<u8> {
    key(stream, PRODUCER, id.as_bytes())
}

/// Keys at or after the first and before the second are the stream's.
pub(crate) fn keys_of(stream: StreamKey) -> ([u8; 8], [u8; 8]) {
    (stream_key(stream), stream_key(StreamKey(stream.0.saturating_add(1))))
}

fn key(stream: StreamKey, kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + rest.len());
    key.extend_from_slice(&stream_key(stream));
    key.push(kind);
    key.extend_from_slice(rest);
    key
}

pub(crate) fn ser_stream_seq(seq: &StreamSeq) -> Vec<u8> {
    let mut row = vec![VERSION];
    put_bytes(&mut row, seq.as_bytes());
    row
}

pub(crate) fn deser_stream_seq(row: Bytes) -> Result<StreamSeq, Malformed> {
    let mut row = versioned(row)?;
    let seq = StreamSeq::parse(&row.bytes()?).map_err(|_| Malformed)?;
    row.end()?;
    Ok(seq)
}

pub(crate) fn ser_count(count: u64) -> Vec<u8> {
    let mut row = vec![VERSION];
    put_varint(&mut row, count);
    row
}

pub(crate) fn deser_count(row: Bytes) -> Result<u64, Malformed> {
    let mut row = versioned(row)?;
    let count = row.varint()?;
    row.end()?;
    Ok(count)
}

pub(crate) fn ser_state(state: ProducerState) -> Vec<u8> {
    let mut row = vec![VERSION];
    put_varint(&mut row, state.epoch);
    put_varint(&mut row, state.seq);
    put_varint(&mut row, state.next.0);
    row
}

pub(crate) fn deser_state(row: Bytes) -> Result<ProducerState, Malformed> {
    let mut row = versioned(row)?;
    let state = ProducerState { epoch: row.varint()?, seq: row.varint()?, next: Offset(row.varint()?) };
    row.end()?;
    Ok(state)
}

fn versioned(row: Bytes) -> Result<Row, Malformed> {
    let mut row = Row::new(row);
    if row.byte()? == VERSION { Ok(row) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ProducerId {
        ProducerId::parse(text.as_bytes()).unwrap()
    }

    fn check<T: PartialEq + std::fmt::Debug>(row: Vec<u8>, deser: fn(Bytes) -> Result<T, Malformed>, value: &T) {
        assert_eq!(deser(row.clone().into()).as_ref(), Ok(value));
        for len in 0..row.len() {
            assert!(deser(Bytes::copy_from_slice(&row[..len])).is_err(), "{len}");
        }
        let mut longer = row.clone();
        longer.push(0);
        assert_eq!(deser(longer.into()), Err(Malformed));
        let mut newer = row;
        newer[0] = 2;
        assert_eq!(deser(newer.into()), Err(Malformed));
    }

    #[test]
    fn rows_come_back_and_cut_or_strange_ones_are_malformed() {
        for number in [0, 127, 1 << 53, u64::MAX] {
            let state = ProducerState { epoch: number, seq: number, next: Offset(number) };
            check(ser_state(state), deser_state, &state);
            check(ser_count(number), deser_count, &number);
        }
        let seq = StreamSeq::parse(&[0, 255]).unwrap();
        check(ser_stream_seq(&seq), deser_stream_seq, &seq);
    }

    #[test]
    fn keys_lie_within_their_stream() {
        let (stream, next) = (StreamKey(255), StreamKey(256));
        let (from, to) = keys_of(stream);
        for key in [stream_seq_key(stream), count_key(stream), producer_key(stream, &id(&"\u{ff}".repeat(100)))] {
            assert!(key.as_slice() > from.as_slice() && key.as_slice() < to.as_slice());
        }
        assert!(stream_seq_key(next).as_slice() > to.as_slice());
    }

    #[test]
    fn keys_of_different_ids_differ() {
        let ids = ["p", "pp", "q", "\0"];
        for (one, two) in ids.iter().flat_map(|one| ids.iter().map(move |two| (one, two))) {
            let same = producer_key(StreamKey(1), &id(one)) == producer_key(StreamKey(1), &id(two));
            assert_eq!(same, one == two);
        }
    }
}

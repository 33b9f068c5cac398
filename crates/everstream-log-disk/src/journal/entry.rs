//! An entry as it stands in a frame.
//!
//! ```text
//! stream var | first offset var | flags | records var | (time step zig | length var) each
//! [close] [producer's id str | epoch var | seq var] [stream seq str] | the data of all records
//! ```
//!
//! Flags: 1 closes, 2 has a producer, 4 has a stream seq; other bits are refused. A close as in `records`.

use everstream_log::{Entry, NewRecord, Offset, ProducerId, ProducerMark, Sequencing, StreamKey, StreamSeq, Timestamp};

use crate::keyspace::record::{put_closure, take_closure};
use crate::wire::{Malformed, Row, put_bytes, put_varint, put_zigzag};

const CLOSES: u8 = 1;
const HAS_PRODUCER: u8 = 1 << 1;
const HAS_STREAM_SEQ: u8 = 1 << 2;

pub(super) fn put(frame: &mut Vec<u8>, entry: &Entry) {
    let producer = entry.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref());
    let stream_seq = entry.sequencing.as_ref().and_then(|sequencing| sequencing.stream_seq.as_ref());
    let flag = |bit, is_set| if is_set { bit } else { 0 };
    put_varint(frame, entry.stream.0);
    put_varint(frame, entry.first.0);
    frame.push(
        flag(CLOSES, entry.closure.is_some())
            | flag(HAS_PRODUCER, producer.is_some())
            | flag(HAS_STREAM_SEQ, stream_seq.is_some()),
    );
    put_varint(frame, entry.records.len() as u64);
    let mut time_before = 0_u64;
    for record in &entry.records {
        put_zigzag(frame, record.time.0.wrapping_sub(time_before) as i64);
        put_varint(frame, record.data.len() as u64);
        time_before = record.time.0;
    }
    if let Some(closure) = &entry.closure {
        put_closure(frame, closure);
    }
    if let Some(mark) = producer {
        put_bytes(frame, mark.id.as_bytes());
        put_varint(frame, mark.epoch);
        put_varint(frame, mark.seq);
    }
    if let Some(seq) = stream_seq {
        put_bytes(frame, seq.as_bytes());
    }
    for record in &entry.records {
        frame.extend_from_slice(&record.data);
    }
}

/// The next entry; its data shares the frame's memory.
pub(super) fn take(frame: &mut Row) -> Result<Entry, Malformed> {
    let (stream, first) = (StreamKey(frame.varint()?), Offset(frame.varint()?));
    let flags = frame.byte()?;
    if flags & !(CLOSES | HAS_PRODUCER | HAS_STREAM_SEQ) != 0 {
        return Err(Malformed);
    }
    let count = frame.varint()?;
    // No capacity ahead of the bytes that are there.
    let mut marks: Vec<(Timestamp, usize)> = Vec::new();
    let mut time = 0_u64;
    for _ in 0..count {
        time = time.wrapping_add(frame.zigzag()? as u64);
        marks.push((Timestamp(time), usize::try_from(frame.varint()?).map_err(|_| Malformed)?));
    }
    let closure = if flags & CLOSES == 0 { None } else { Some(take_closure(frame)?) };
    let producer = if flags & HAS_PRODUCER == 0 { None } else { Some(take_mark(frame)?) };
    let stream_seq = match flags & HAS_STREAM_SEQ {
        0 => None,
        _ => Some(StreamSeq::parse(&frame.bytes()?).map_err(|_| Malformed)?),
    };
    let mut records = Vec::with_capacity(marks.len());
    for (time, len) in marks {
        records.push(NewRecord { time, data: frame.take(len)? });
    }
    let is_sequenced = producer.is_some() || stream_seq.is_some();
    let sequencing = is_sequenced.then(|| Box::new(Sequencing { producer, stream_seq }));
    Ok(Entry { stream, first, records, closure, sequencing })
}

fn take_mark(frame: &mut Row) -> Result<ProducerMark, Malformed> {
    let id = ProducerId::parse(&frame.bytes()?).map_err(|_| Malformed)?;
    Ok(ProducerMark { id, epoch: frame.varint()?, seq: frame.varint()? })
}

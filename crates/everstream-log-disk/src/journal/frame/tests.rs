use bytes::Bytes;
use everstream_log::{
    CloseReason, Closure, NewRecord, Offset, ProducerId, ProducerMark, Sequencing, StreamKey, StreamSeq, Timestamp,
};

use super::*;

fn entry(stream: u64, first: u64, texts: &[&'static str]) -> Entry {
    let record = |(time, text): (u64, &&'static str)| NewRecord { time: Timestamp(time), data: Bytes::from(*text) };
    let records = (90..).zip(texts).map(record).collect();
    Entry { stream: StreamKey(stream), first: Offset(first), records, closure: None, sequencing: None }
}

/// An entry with all that one can have.
fn full() -> Entry {
    let producer = Some(ProducerMark { id: ProducerId::parse(b"p").unwrap(), epoch: 3, seq: u64::MAX });
    let stream_seq = Some(StreamSeq::parse(&[0, 255]).unwrap());
    let closure = Closure { reason: CloseReason::Failed, at: Timestamp(7), detail: Bytes::from_static(b"{}") };
    Entry {
        closure: Some(closure),
        sequencing: Some(Box::new(Sequencing { producer, stream_seq })),
        ..entry(u64::MAX, 1 << 40, &["", "EVF\x01", "long enough"])
    }
}

fn frame(journal: u64, position: usize, entries: &[Entry]) -> Vec<u8> {
    let mut buffer = b"left over from the last frame".to_vec();
    ser(&mut buffer, Place { journal, position: position as u64 }, true, entries);
    buffer
}

/// A journal of one frame for each of `commits`, and where each of them ends.
fn journal(number: u64, commits: &[&[Entry]]) -> (Vec<u8>, Vec<usize>) {
    let (mut journal, mut ends) = (Vec::new(), Vec::new());
    for entries in commits {
        journal.extend(frame(number, journal.len(), entries));
        ends.push(journal.len());
    }
    (journal, ends)
}

fn found(number: u64, journal: &[u8]) -> Scan {
    scan(number, &Bytes::copy_from_slice(journal))
}

fn said(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

#[test]
fn entries_come_back_with_all_they_have() {
    let (one, two) = ([full(), entry(1, 0, &[])], [entry(2, 5, &["a"])]);
    let (journal, ends) = journal(9, &[&one, &[], &two]);
    let scan = found(9, &journal);
    assert_eq!(said(&scan.entries), said(&[&one[..], &two].concat()));
    assert!(scan.is_synced && scan.torn.is_empty());
    assert_eq!((scan.whole_bytes, scan.frames_behind), (ends[2] as u64, 0));
    assert!(found(9, &[]).entries.is_empty() && !found(9, &[]).is_synced);
    let prepared = found(9, &[&journal[..], &[0; 5_000]].concat());
    assert_eq!((prepared.whole_bytes, prepared.torn.len()), (ends[2] as u64, 0), "zeros it was made with");
}

#[test]
fn a_journal_cut_at_any_byte_ends_behind_its_last_whole_frame() {
    let (one, two) = ([entry(1, 0, &["first"])], [full()]);
    let (journal, ends) = journal(1, &[&one, &two]);
    for cut in 0..journal.len() {
        let scan = found(1, &journal[..cut]);
        let whole = ends.iter().rfind(|end| **end <= cut).copied().unwrap_or(0);
        let torn = journal[whole..cut].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        assert_eq!((scan.whole_bytes, scan.torn.len()), (whole as u64, torn), "{cut}");
        assert_eq!(scan.entries.len(), usize::from(whole > 0), "{cut}");
        assert_eq!(scan.frames_behind, 0, "{cut}");
    }
}

#[test]
fn any_flipped_bit_is_found_and_so_are_the_frames_behind_it() {
    let (journal, ends) = journal(1, &[&[entry(1, 0, &["a"])], &[full()], &[entry(1, 1, &["b"])]]);
    for bit in ends[0] * 8..ends[1] * 8 {
        let mut damaged = journal.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let scan = found(1, &damaged);
        assert_eq!((scan.whole_bytes, scan.frames_behind), (ends[0] as u64, 1), "{bit}");
        assert_eq!(scan.torn, damaged[ends[0]..], "{bit}");
    }
}

#[test]
fn a_frame_of_another_journal_or_another_place_does_not_pass() {
    let (journal, ends) = journal(7, &[&[entry(1, 0, &["a"])], &[entry(1, 0, &["a"])]]);
    assert_eq!(found(8, &journal).whole_bytes, 0);
    let (first, second) = journal.split_at(ends[0]);
    for moved in [[second, first].concat(), [first, first].concat(), [&[0], first].concat()] {
        assert!(found(7, &moved).whole_bytes <= ends[0] as u64);
        assert_eq!(found(7, &moved).frames_behind, 0);
    }
    assert_eq!(found(7, second).whole_bytes, 0);
}

#[test]
fn lengths_and_counts_beyond_the_journal_are_damage_not_memory() {
    let mut endless = frame(1, 0, &[]);
    endless[4..8].fill(0xff);
    assert_eq!(found(1, &endless).whole_bytes, 0);
    // Content that is no entries, with a checksum that is right.
    for content in
        [&b"\x01\xff\xff\xff\xff\x0f"[..], b"\x02\x00", b"\x00\x00more", b"\x01\x01\x01\x00\x00\xff\xff\x7f", b""]
    {
        let place = Place { journal: 1, position: 0 };
        let head = head_of(place, content.len() as u32, content);
        assert_eq!(found(1, &[&head[..], content].concat()).whole_bytes, 0, "{content:?}");
    }
}

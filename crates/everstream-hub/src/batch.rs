//! A second look of a stream's records, for a protocol whose events are not one to a record: batches.
//!
//! A batch is what one append brought. While somebody follows the stream in batches, the writer encodes each of them once,
//! and all who are at the tail share it; a stream that nobody follows so pays nothing. Whoever is behind reads the log and
//! has its own batch encoded. What a batch looks like is the caller's affair: the hub is given a function.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use everstream_log::{Epoch, Offset, Timestamp};

use crate::ContentKind;
use crate::ring::RingBounds;

/// Consecutive records that are encoded together; at least one.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The kind of the stream.
    pub content: ContentKind,
    /// The incarnation of the stream.
    pub epoch: Epoch,
    /// The records.
    pub records: &'a [Bytes],
    /// The offset after the last of them.
    pub next: Offset,
    /// The wall time.
    pub now: Timestamp,
}

/// An encoded batch. Its bytes are shares of one buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFrame {
    /// The records.
    pub data: Bytes,
    /// The same, and behind it what is to be said as long as nothing comes after it: one piece, so that the common case
    /// costs one write.
    pub whole: Bytes,
    /// When it was encoded.
    pub at: Timestamp,
}

/// How a batch is encoded. Whoever follows streams in batches passes the same function: a stream keeps the batches of the
/// one that came first.
pub type EncodeBatch = fn(&Batch<'_>) -> BatchFrame;

/// A batch that is due to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueBatch {
    /// The batch.
    pub frame: BatchFrame,
    /// The offset after it.
    pub next: Offset,
    /// What comes after it.
    pub place: BatchPlace,
}

/// Where a batch stood when it was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchPlace {
    /// More records are there.
    Amid,
    /// Nothing is there yet.
    Newest,
    /// Nothing will ever be there: the end is delivered next.
    Last,
}

impl BatchPlace {
    /// The place of a batch that leads to `next` in a stream with this tail.
    pub(crate) fn of(next: Offset, tail: Offset, has_ended: bool) -> Self {
        match has_ended {
            _ if next != tail => Self::Amid,
            true => Self::Last,
            false => Self::Newest,
        }
    }
}

/// The most recent batches of a live stream, bounded like the ring of frames.
pub(crate) struct BatchRing {
    /// Batches and the offset of each one's first record.
    batches: VecDeque<(Offset, BatchFrame)>,
    /// The stream's tail.
    next: Offset,
    bytes: usize,
    bounds: RingBounds,
    encode: EncodeBatch,
    /// How many follow; the ring is dropped with the last of them.
    followers: usize,
}

impl BatchRing {
    pub(crate) const fn new(tail: Offset, bounds: RingBounds, encode: EncodeBatch) -> Self {
        Self { batches: VecDeque::new(), next: tail, bytes: 0, bounds, encode, followers: 0 }
    }

    /// How to encode an append of so many bytes of records; `None` for one that would not fit, which is left to the log.
    pub(crate) fn encode(&self, record_bytes: usize) -> Option<EncodeBatch> {
        (record_bytes <= self.bounds.bytes_max).then_some(self.encode)
    }

    pub(crate) const fn enter(&mut self) {
        self.followers += 1;
    }

    pub(crate) const fn followers(&self) -> usize {
        self.followers
    }

    /// Says whether somebody is left.
    pub(crate) const fn leave(&mut self) -> bool {
        self.followers = self.followers.saturating_sub(1);
        self.followers > 0
    }

    /// Takes the batch of the records from the old tail to `next`. An append that was planned before the first follower
    /// came, or is too large, has none: followers find it in the log. The newest batch always stays.
    pub(crate) fn push(&mut self, batch: Option<BatchFrame>, next: Offset) {
        match batch {
            Some(frame) => {
                self.bytes += frame.whole.len();
                self.batches.push_back((self.next, frame));
            }
            None => {
                self.batches.clear();
                self.bytes = 0;
            }
        }
        self.next = next;
        while self.batches.len() > 1
            && (self.bytes > self.bounds.bytes_max || self.batches.len() > self.bounds.frames_max)
        {
            if let Some((_, oldest)) = self.batches.pop_front() {
                self.bytes -= oldest.whole.len();
            }
        }
    }

    /// Gives up batches before `taken` while there are more than `kept_bytes` in all.
    pub(crate) fn give_up(&mut self, taken: Offset, kept_bytes: usize) {
        let end_of_first = |batches: &VecDeque<(Offset, _)>, tail| batches.get(1).map_or(tail, |(first, _)| *first);
        while self.bytes > kept_bytes && end_of_first(&self.batches, self.next) <= taken {
            let Some((_, oldest)) = self.batches.pop_front() else { return };
            self.bytes -= oldest.whole.len();
        }
    }

    /// Shares the batches from `from` on and says how many records they have; `None` if no batch held begins there.
    pub(crate) fn share(&self, from: Offset, has_ended: bool, take: &mut dyn FnMut(DueBatch)) -> Option<u64> {
        if from == self.next {
            return Some(0);
        }
        let at = self.batches.binary_search_by_key(&from, |(first, _)| *first).ok()?;
        let nexts = self.batches.range(at + 1..).map(|(first, _)| *first).chain([self.next]);
        for ((_, frame), next) in self.batches.range(at..).zip(nexts) {
            let place = BatchPlace::of(next, self.next, has_ended);
            take(DueBatch { frame: frame.clone(), next, place });
        }
        Some(self.next.since(from))
    }
}

impl fmt::Debug for BatchRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRing")
            .field("batches", &self.batches.len())
            .field("next", &self.next)
            .field("followers", &self.followers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: RingBounds = RingBounds { bytes_max: 10, frames_max: 3 };

    fn encode(_: &Batch<'_>) -> BatchFrame {
        frame("x")
    }

    fn frame(text: &'static str) -> BatchFrame {
        let whole = Bytes::from_static(text.as_bytes());
        BatchFrame { data: whole.clone(), whole, at: Timestamp::default() }
    }

    /// A ring behind offset 5 whose batches have two records each.
    fn ring(batches: &[&'static str]) -> BatchRing {
        let mut ring = BatchRing::new(Offset(5), BOUNDS, encode);
        for (at, text) in batches.iter().enumerate() {
            ring.push(Some(frame(text)), Offset(7 + 2 * at as u64));
        }
        ring
    }

    /// What is shared from `from` on, each with its next offset, the newest with `!`.
    fn shared(ring: &BatchRing, from: u64) -> Option<(u64, String)> {
        let mut due = Vec::new();
        let records = ring.share(Offset(from), false, &mut |batch| due.push(batch))?;
        let texts = due.iter().map(|due| {
            let text = std::str::from_utf8(&due.frame.whole).unwrap();
            format!("{text}{}{}", due.next, if due.place == BatchPlace::Newest { "!" } else { " " })
        });
        Some((records, texts.collect()))
    }

    #[test]
    fn batches_are_shared_from_where_one_begins() {
        let ring = ring(&["a", "b"]);
        assert_eq!(shared(&ring, 5), Some((4, "a7 b9!".into())));
        assert_eq!(shared(&ring, 7), Some((2, "b9!".into())));
        assert_eq!(shared(&ring, 9), Some((0, String::new())));
        for elsewhere in [4, 6, 8, 10] {
            assert_eq!(shared(&ring, elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn number_and_bytes_are_bounded_but_the_newest_stays() {
        assert_eq!(shared(&ring(&["a", "b", "c", "d"]), 7), Some((6, "b9 c11 d13!".into())));
        assert_eq!(shared(&ring(&["a", "b", "c", "d"]), 5), None);
        assert_eq!(shared(&ring(&["aaaaaa", "bbbbbb"]), 7), Some((2, "bbbbbb9!".into())));
        assert_eq!(shared(&ring(&["a", "a long one of 21 bytes"]), 5), None);
    }

    #[test]
    fn records_without_a_batch_are_left_to_the_log() {
        let mut ring = ring(&["a"]);
        ring.push(None, Offset(8));
        ring.push(Some(frame("b")), Offset(9));
        assert_eq!(shared(&ring, 5), None);
        assert_eq!(shared(&ring, 7), None);
        assert_eq!(shared(&ring, 8), Some((1, "b9!".into())));
    }

    #[test]
    fn the_newest_batch_of_a_stream_that_has_ended_is_the_last() {
        let mut due = Vec::new();
        ring(&["a"]).share(Offset(5), true, &mut |batch| due.push(batch));
        assert_eq!(due[0].place, BatchPlace::Last);
    }
}

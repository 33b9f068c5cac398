//! The most recent frames of a live stream.

use std::collections::VecDeque;

use bytes::Bytes;
use everstream_log::Offset;

/// Frames of the records just before the tail, bounded in number and bytes. A subscriber whose offset is in here is
/// live; one that is behind reads the log. While nobody subscribes it stays empty and knows the tail alone.
///
/// The bounds are for what somebody has still to take. What everybody has is given up but for a little: so a stream with
/// few subscribers takes next to no memory, and the same that was just read is written again.
#[derive(Debug)]
pub(crate) struct Ring {
    frames: VecDeque<Bytes>,
    /// The offset of the record after the last frame: the stream's tail.
    next: Offset,
    bytes: usize,
}

/// How much of the newest a ring keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingBounds {
    pub(crate) bytes_max: usize,
    pub(crate) frames_max: usize,
}

impl Ring {
    pub(crate) const fn new(tail: Offset) -> Self {
        Self { frames: VecDeque::new(), next: tail, bytes: 0 }
    }

    /// The stream's tail.
    pub(crate) const fn tail(&self) -> Offset {
        self.next
    }

    /// The oldest offset still held.
    pub(crate) fn first(&self) -> Offset {
        Offset(self.next.0 - self.frames.len() as u64)
    }

    /// Takes the frame of the record at the tail. The newest frame always stays, however large.
    pub(crate) fn push(&mut self, frame: Bytes, bounds: RingBounds) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.next = self.next.plus(1);
        while self.frames.len() > 1 && (self.bytes > bounds.bytes_max || self.frames.len() > bounds.frames_max) {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes -= oldest.len();
            }
        }
    }

    /// Gives up frames before `taken` while there are more than `kept_bytes` in all.
    pub(crate) fn give_up(&mut self, taken: Offset, kept_bytes: usize) {
        if kept_bytes == 0 && taken >= self.next {
            // The next frame has the place of the last one, and not one further on.
            self.frames.clear();
            self.bytes = 0;
            return;
        }
        while self.bytes > kept_bytes && self.first() < taken {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.len();
        }
    }

    /// Takes back frames that were read from the log, the first of the record at `first`, if they lead up to those held.
    /// All of them that are not held yet or, where there is no room for that, none: they may be shares of one buffer.
    pub(crate) fn restock(&mut self, first: Offset, frames: &[Bytes], bounds: RingBounds) {
        let Some(missing) = self.first().0.checked_sub(first.0).and_then(|count| usize::try_from(count).ok()) else {
            return;
        };
        let Some(missing) = frames.get(..missing) else { return };
        let bytes = self.bytes + missing.iter().map(Bytes::len).sum::<usize>();
        if bytes > bounds.bytes_max || self.frames.len() + missing.len() > bounds.frames_max {
            return;
        }
        self.bytes = bytes;
        missing.iter().rev().for_each(|frame| self.frames.push_front(frame.clone()));
    }

    /// Moves the tail to `next` over records that have no frames: whoever is before it is behind.
    pub(crate) fn skip_to(&mut self, next: Offset) {
        self.clear();
        self.next = next;
    }

    /// Gives every frame back.
    pub(crate) fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    /// Shares the frames from `from` on with a subscriber and says how many there were; `None` if the ring has lost that
    /// offset.
    pub(crate) fn share(&self, from: Offset, frames: &mut impl Extend<Bytes>) -> Option<u64> {
        let skip = usize::try_from(from.0.checked_sub(self.first().0)?).ok()?;
        let due = self.frames.len().checked_sub(skip)?;
        frames.extend(self.frames.range(skip..).cloned());
        Some(due as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(ring: &Ring, from: u64) -> Option<Vec<Bytes>> {
        let mut frames = VecDeque::new();
        let due = ring.share(Offset(from), &mut frames)?;
        assert_eq!(due, frames.len() as u64);
        Some(frames.into())
    }

    #[test]
    fn exactly_the_frames_from_the_asked_offset_are_shared() {
        let (mut ring, bounds) = (Ring::new(Offset(5)), RingBounds { bytes_max: 1000, frames_max: 3 });
        assert_eq!(shared(&ring, 5), Some(vec![]));
        for text in ["a", "b", "c", "d"] {
            ring.push(Bytes::from_static(text.as_bytes()), bounds);
        }
        assert_eq!((ring.first(), ring.tail()), (Offset(6), Offset(9)));
        assert_eq!(shared(&ring, 5), None);
        assert_eq!(shared(&ring, 6), Some(vec!["b".into(), "c".into(), "d".into()]));
        assert_eq!(shared(&ring, 8), Some(vec!["d".into()]));
        assert_eq!(shared(&ring, 9), Some(vec![]));
        assert_eq!(shared(&ring, 10), None);
    }

    #[test]
    fn whoever_is_before_records_without_frames_is_behind() {
        let (mut ring, bounds) = (Ring::new(Offset(5)), RingBounds { bytes_max: 10, frames_max: 3 });
        ring.push("aaaaaa".into(), bounds);
        ring.skip_to(Offset(9));
        assert_eq!(shared(&ring, 6), None);
        assert_eq!(shared(&ring, 9), Some(vec![]));
        ring.push("bbbbbb".into(), bounds);
        assert_eq!(shared(&ring, 8), None);
        assert_eq!(shared(&ring, 9), Some(vec!["bbbbbb".into()]));
    }

    #[test]
    fn what_everybody_has_taken_is_given_up_but_for_the_newest_few() {
        let (mut ring, bounds) = (Ring::new(Offset(0)), RingBounds { bytes_max: 1000, frames_max: 100 });
        for text in ["aaa", "bbb", "ccc", "ddd"] {
            ring.push(Bytes::from_static(text.as_bytes()), bounds);
        }
        ring.give_up(Offset(0), 0);
        assert_eq!(ring.first(), Offset(0));
        ring.give_up(Offset(3), 6);
        assert_eq!(ring.first(), Offset(2));
        ring.give_up(Offset(3), 0);
        assert_eq!((ring.first(), ring.tail()), (Offset(3), Offset(4)));
        ring.give_up(Offset(4), 0);
        assert_eq!((ring.first(), ring.tail()), (Offset(4), Offset(4)));
    }

    #[test]
    fn frames_that_lead_up_to_those_held_are_taken_back() {
        let (mut ring, bounds) = (Ring::new(Offset(5)), RingBounds { bytes_max: 6, frames_max: 4 });
        ring.push("x".into(), bounds);
        ring.restock(Offset(3), &["d".into(), "e".into(), "x".into()], bounds);
        assert_eq!(shared(&ring, 3), Some(vec!["d".into(), "e".into(), "x".into()]));
        ring.restock(Offset(2), &["c".into()], bounds);
        assert_eq!((ring.first(), ring.tail()), (Offset(2), Offset(6)));
        ring.restock(Offset(1), &["b".into()], bounds);
        assert_eq!(ring.first(), Offset(2), "as many frames as there may be");
    }

    #[test]
    fn frames_that_do_not_fit_or_leave_a_gap_are_not_taken_back() {
        let (mut ring, bounds) = (Ring::new(Offset(5)), RingBounds { bytes_max: 6, frames_max: 4 });
        ring.push("x".into(), bounds);
        for (first, frames) in [(1, &["b", "c"][..]), (4, &["e12345"]), (5, &["x"]), (6, &["y"]), (4, &[])] {
            let frames: Vec<Bytes> = frames.iter().map(|frame| Bytes::from_static(frame.as_bytes())).collect();
            ring.restock(Offset(first), &frames, bounds);
            assert_eq!((ring.first(), ring.tail()), (Offset(5), Offset(6)), "{first}");
        }
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_frame_stays() {
        let (mut ring, bounds) = (Ring::new(Offset(0)), RingBounds { bytes_max: 10, frames_max: 100 });
        ring.push(Bytes::from(vec![0; 6]), bounds);
        ring.push(Bytes::from(vec![0; 6]), bounds);
        assert_eq!(ring.first(), Offset(1));
        ring.push(Bytes::from(vec![0; 60]), bounds);
        assert_eq!((ring.first(), ring.tail()), (Offset(2), Offset(3)));
    }
}

//! What a group writes to each of its members in one go: the same bytes, made once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Write as _};
use std::net::TcpStream;

use bytes::{Buf, Bytes};
use everstream_log::Offset;

use super::chunk;
use crate::send::send;
use crate::sse_body::Due;

/// Frames up to this size are copied behind each other; larger ones are shared.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// So much is gathered for one round; a single frame may be larger.
const GATHERED_BYTES_MAX: usize = 16 << 10;

thread_local! {
    /// The buffer of a worker's last round, for the next one. A group at rest owns none.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Due frames as chunks of a body (RFC 9112, 7.1).
#[derive(Debug)]
pub(super) struct Round {
    copied: Vec<u8>,
    /// Frames that were not copied, and how many copied bytes come before each.
    shared: Vec<(usize, Bytes)>,
    bytes: usize,
    /// The offset before its first record.
    pub(super) first: Offset,
    /// The offset behind its last record.
    pub(super) next: Offset,
}

impl Round {
    /// Takes frames from the front of `due`, which begin at `first`: as many as make a good write, and none behind
    /// `until`.
    pub(super) fn gather(due: &mut VecDeque<Due>, first: Offset, until: Option<Offset>) -> Self {
        let copied = SPARE.take();
        let mut round = Self { copied, shared: Vec::new(), bytes: 0, first, next: first };
        while let Some(frame) = due.pop_front() {
            round.next = frame.next;
            round.push(frame.bytes);
            // What leads to the same offset is one batch, and is not torn apart.
            let is_boundary = due.front().is_none_or(|following| following.next != round.next);
            if is_boundary && (round.bytes >= GATHERED_BYTES_MAX || until.is_some_and(|until| round.next >= until)) {
                break;
            }
        }
        round
    }

    fn push(&mut self, frame: Bytes) {
        // An empty chunk would end the body.
        if frame.is_empty() {
            return;
        }
        let before = self.copied.len();
        chunk::begin(&mut self.copied, frame.len());
        if frame.len() > COPIED_BYTES_MAX {
            self.bytes += frame.len();
            self.shared.push((self.copied.len(), frame));
        } else {
            self.copied.extend_from_slice(&frame);
        }
        self.copied.extend_from_slice(chunk::END);
        self.bytes += self.copied.len() - before;
    }

    /// How many bytes it has.
    pub(super) const fn len(&self) -> usize {
        self.bytes
    }

    /// Writes what `socket` takes at once, and says how much that was.
    ///
    /// # Errors
    /// As the socket; one that takes nothing now is none.
    pub(super) fn write(&self, mut socket: &TcpStream) -> io::Result<usize> {
        loop {
            let written = if self.shared.is_empty() {
                send(socket, &self.copied)
            } else {
                let slices: Vec<IoSlice<'_>> = self.slices().map(IoSlice::new).collect();
                socket.write_vectored(&slices)
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    /// What comes behind the first `written` bytes.
    pub(super) fn rest(&self, mut written: usize) -> VecDeque<Bytes> {
        let mut rest = VecDeque::new();
        let mut at = 0;
        for (end, shared) in
            self.shared.iter().map(|(end, frame)| (*end, Some(frame))).chain([(self.copied.len(), None)])
        {
            let mut copied = self.copied.get(at..end).unwrap_or_default();
            let skipped = written.min(copied.len());
            copied.advance(skipped);
            written -= skipped;
            at = end;
            let mut shared = shared.cloned().unwrap_or_default();
            let skipped = written.min(shared.len());
            shared.advance(skipped);
            written -= skipped;
            rest.extend([Bytes::copy_from_slice(copied), shared].into_iter().filter(|piece| !piece.is_empty()));
        }
        rest
    }

    /// Its bytes, in order.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.shared.iter().map(|(end, _)| *end));
        let ends = self.shared.iter().map(|(end, frame)| (*end, frame.as_ref())).chain([(self.copied.len(), &[][..])]);
        starts.zip(ends).flat_map(|(start, (end, shared))| [self.copied.get(start..end).unwrap_or_default(), shared])
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut copied = std::mem::take(&mut self.copied);
        if copied.capacity() <= 4 * GATHERED_BYTES_MAX {
            copied.clear();
            // At the end of a thread there is no next round.
            let _ = SPARE.try_with(|spare| spare.replace(copied));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(frames: &[(&'static [u8], u64)]) -> VecDeque<Due> {
        frames.iter().map(|(bytes, next)| Due { bytes: Bytes::from_static(bytes), next: Offset(*next) }).collect()
    }

    fn text(pieces: impl IntoIterator<Item = Bytes>) -> Vec<u8> {
        pieces.into_iter().collect::<Vec<_>>().concat()
    }

    #[test]
    fn frames_are_chunks_behind_each_other() {
        let round = Round::gather(&mut due(&[(b"data: a\n\n", 1), (b"", 2), (b"data: bc\n\n", 3)]), Offset(0), None);
        assert_eq!(text(round.rest(0)), b"9\r\ndata: a\n\n\r\na\r\ndata: bc\n\n\r\n");
        assert_eq!((round.first, round.next, round.len()), (Offset(0), Offset(3), 29));
    }

    #[test]
    fn what_is_left_behind_any_byte_is_the_rest_of_the_whole() {
        static LARGE: [u8; COPIED_BYTES_MAX + 1] = [b'x'; COPIED_BYTES_MAX + 1];
        let round = Round::gather(&mut due(&[(b"a", 1), (&LARGE, 2), (b"b", 3), (&LARGE, 4)]), Offset(0), None);
        assert_eq!(round.shared.len(), 2);
        let whole = text(round.rest(0));
        assert_eq!(whole.len(), round.len());
        assert_eq!(whole, round.slices().flatten().copied().collect::<Vec<u8>>());
        for written in 0..=whole.len() {
            assert_eq!(text(round.rest(written)), whole[written..], "{written}");
        }
    }

    #[test]
    fn a_round_stops_where_somebody_waits_to_join_and_never_within_a_batch() {
        let mut frames = due(&[(b"a", 1), (b"b", 3), (b"c", 3), (b"d", 4)]);
        let round = Round::gather(&mut frames, Offset(0), Some(Offset(3)));
        assert_eq!((round.next, frames.len()), (Offset(3), 1));
        let round = Round::gather(&mut frames, round.next, None);
        assert_eq!((round.first, round.next, frames.len()), (Offset(3), Offset(4), 0));
    }

    #[test]
    fn a_round_is_one_good_write() {
        static FRAME: [u8; COPIED_BYTES_MAX] = [b'x'; COPIED_BYTES_MAX];
        let mut frames = due(&[(&FRAME, 1), (&FRAME, 2), (&FRAME, 3), (&FRAME, 4), (&FRAME, 5)]);
        let round = Round::gather(&mut frames, Offset(0), None);
        assert_eq!((round.next, frames.len()), (Offset(4), 1));
    }
}

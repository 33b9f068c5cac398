//! One direction of a connection through memory.

use std::io::IoSlice;

use hyper::rt::ReadBufCursor;

/// So many bytes may be written and not read yet.
const BYTES_MAX: usize = 64 << 10;

/// A buffer larger than this is given back once it is empty.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// Bytes in the order in which they were put, and whether that were all.
#[derive(Debug, Default)]
pub(super) struct Direction {
    bytes: Vec<u8>,
    /// How many of `bytes` were taken.
    taken: usize,
    has_ended: bool,
}

impl Direction {
    /// Whether a reader has to wait.
    pub(super) const fn is_silent(&self) -> bool {
        self.is_empty() && !self.has_ended
    }

    const fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// How many bytes can be put.
    pub(super) const fn room(&self) -> usize {
        BYTES_MAX.saturating_sub(self.bytes.len())
    }

    /// Nothing more will be put.
    pub(super) const fn end(&mut self) {
        self.has_ended = true;
    }

    /// Puts as much of `slices` as there is room for, and says how much that was.
    pub(super) fn put(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let mut room = self.room();
        let before = self.bytes.len();
        for slice in slices {
            let part = slice.get(..room).unwrap_or(slice);
            self.bytes.extend_from_slice(part);
            room -= part.len();
        }
        self.bytes.len() - before
    }

    /// Moves what fits to `buf`.
    pub(super) fn take(&mut self, buf: &mut ReadBufCursor<'_>) {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let part = rest.get(..buf.remaining()).unwrap_or(rest);
        buf.put_slice(part);
        self.taken += part.len();
        if self.is_empty() {
            self.taken = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES_MAX {
                self.bytes = Vec::new();
            }
        }
    }
}

//! Memory of pages that were sent, for the pages that are made next.
//!
//! A page's memory given back to the system and asked for again is cleared by it and mapped anew, which costs as much as
//! copying records there.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The size of a buffer: a page is fewer of them than one call of the system writes.
pub(super) const BUFFER_BYTES: usize = 80 * 1024;

/// Buffers that are kept: more than a page's.
const BUFFERS_MAX: usize = 64;

/// Buffers that nobody uses. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Spares(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    /// Those that come back are kept.
    is_wanted: bool,
}

/// A full buffer on loan.
struct Lent {
    buffer: Vec<u8>,
    spares: Spares,
}

impl Spares {
    /// Keeps those that come back, until they are let go.
    pub(super) fn want(&self) {
        self.lock().is_wanted = true;
    }

    /// An empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        let kept = self.lock().buffers.pop();
        kept.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    /// A buffer's content; the buffer comes back once nobody has that any more.
    pub(super) fn lend(&self, buffer: Vec<u8>) -> Bytes {
        if buffer.capacity() == BUFFER_BYTES {
            Bytes::from_owner(Lent { buffer, spares: self.clone() })
        } else {
            buffer.into()
        }
    }

    /// Lets go of all that are here, and keeps none until they are wanted again.
    pub(super) fn let_go(&self) {
        let kept = std::mem::take(&mut *self.lock());
        drop(kept);
    }

    fn put(&self, mut buffer: Vec<u8>) {
        let mut kept = self.lock();
        if kept.is_wanted && kept.buffers.len() < BUFFERS_MAX {
            buffer.clear();
            kept.buffers.push(buffer);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().buffers.len()
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.spares.put(std::mem::take(&mut self.buffer));
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Spares {
        let spares = Spares::default();
        spares.want();
        spares
    }

    fn lent(spares: &Spares, content: &[u8]) -> Bytes {
        let mut buffer = spares.take();
        buffer.extend_from_slice(content);
        spares.lend(buffer)
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_its_content() {
        let spares = wanted();
        let first = lent(&spares, b"first");
        let (place, shared) = (first.as_ptr(), first.clone());
        drop(first);
        let second = lent(&spares, b"second");
        assert_eq!((&*shared, &*second), (b"first".as_slice(), b"second".as_slice()));
        drop(shared);
        let third = lent(&spares, b"3");
        assert_eq!((third.as_ptr(), &*third, &*second), (place, b"3".as_slice(), b"second".as_slice()));
    }

    #[test]
    fn those_that_come_back_when_nobody_wants_any_are_let_go() {
        let spares = wanted();
        let content = lent(&spares, b"x");
        spares.let_go();
        drop((content, lent(&spares, b"y")));
        assert_eq!(spares.len(), 0);
    }

    #[test]
    fn so_many_are_kept_and_none_of_another_size() {
        let spares = wanted();
        let other = spares.lend(vec![0; BUFFER_BYTES - 1]);
        let many: Vec<Bytes> = (0..=BUFFERS_MAX).map(|_| lent(&spares, b"x")).collect();
        drop((other, many));
        let kept = spares.lock();
        assert_eq!(kept.buffers.len(), BUFFERS_MAX);
        assert!(kept.buffers.iter().all(|buffer| buffer.is_empty() && buffer.capacity() == BUFFER_BYTES));
    }
}

//! Bytes to lines, however they are cut.

use memchr::memchr2;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Buffers larger than this are given back once they are empty, so that one large event does not cost its memory for
/// the rest of the connection.
pub(crate) const KEPT_BYTES_MAX: usize = 64 << 10;

/// Finds lines that end in LF, CR or CRLF, and owns only an unfinished one.
///
/// Each byte is searched once: what is held of an unfinished line is known to have no line end. A CR ends its line at
/// once, without a look at the next byte; an LF that turns out to follow belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// The unfinished line, or (with `given`) the line that was handed out last.
    held: Vec<u8>,
    given: bool,
    after_cr: bool,
    /// Nothing is held, no LF is to be dropped and no byte order mark may come: a line is what stands before the next
    /// line end.
    is_plain: bool,
    start: Start,
    #[cfg(test)]
    pub(crate) visited: usize,
}

/// A line without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found<'held, 'chunk> {
    /// It lies whole in the chunk.
    Lent(&'chunk [u8]),
    /// It began in an earlier chunk, so it was put together. Never empty.
    Held(&'held [u8]),
}

impl<'line> Found<'line, 'line> {
    pub(crate) const fn bytes(self) -> &'line [u8] {
        match self {
            Self::Lent(line) | Self::Held(line) => line,
        }
    }
}

/// How much of a leading byte order mark was seen. It is dropped only at the very start of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Bom { seen: usize },
    Past,
}

impl Default for Start {
    fn default() -> Self {
        Self::Bom { seen: 0 }
    }
}

impl Scanner {
    /// Takes the next line off `rest`, or all of `rest` when no line ends in it.
    #[inline]
    pub(crate) fn next_line<'held, 'chunk>(&'held mut self, rest: &mut &'chunk [u8]) -> Option<Found<'held, 'chunk>> {
        if !self.is_plain {
            self.skip(rest);
        }
        if rest.is_empty() {
            return None;
        }
        let found = self.find_end(rest).and_then(|end| rest.split_at_checked(end));
        match found {
            Some((line, [b'\n', after @ ..])) if self.is_plain => {
                *rest = after;
                Some(Found::Lent(line))
            }
            _ => self.next_odd_line(rest, found),
        }
    }

    /// A line that began in an earlier chunk or ends in CR or not at all.
    fn next_odd_line<'held, 'chunk>(
        &'held mut self,
        rest: &mut &'chunk [u8],
        found: Option<(&'chunk [u8], &'chunk [u8])>,
    ) -> Option<Found<'held, 'chunk>> {
        let Some((line, [ending, after @ ..])) = found else {
            self.hold(rest);
            *rest = &[];
            self.is_plain = false;
            return None;
        };
        *rest = after;
        self.after_cr = *ending == b'\r';
        self.given = !self.held.is_empty();
        self.is_plain = !self.given && !self.after_cr;
        if !self.given {
            return Some(Found::Lent(line));
        }
        self.hold(line);
        Some(Found::Held(&self.held))
    }

    /// Leaves behind what is no part of the next line: the last one, a byte order mark, the LF of a CRLF.
    fn skip(&mut self, rest: &mut &[u8]) {
        if self.given {
            self.given = false;
            empty(&mut self.held);
        }
        self.skip_bom(rest);
        self.skip_lf(rest);
        self.is_plain = self.start == Start::Past && !self.after_cr && self.held.is_empty();
    }

    #[inline]
    fn find_end(&mut self, chunk: &[u8]) -> Option<usize> {
        let end = match chunk {
            // The end of every block, for which a search would cost more than it finds.
            [b'\n' | b'\r', ..] => Some(0),
            _ => memchr2(b'\n', b'\r', chunk),
        };
        #[cfg(test)]
        {
            self.visited += end.map_or(chunk.len(), |end| end + 1);
        }
        end
    }

    /// The unfinished line.
    pub(crate) fn unfinished(&self) -> &[u8] {
        if self.given { &[] } else { &self.held }
    }

    /// A new stream: nothing of the old one is left.
    pub(crate) fn reset(&mut self) {
        empty(&mut self.held);
        self.given = false;
        self.after_cr = false;
        self.is_plain = false;
        self.start = Start::default();
    }

    fn hold(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        {
            self.visited += bytes.len();
        }
        self.held.extend_from_slice(bytes);
    }

    /// Drops the LF of a CRLF.
    fn skip_lf(&mut self, rest: &mut &[u8]) {
        if self.after_cr
            && let Some((first, after)) = rest.split_first()
        {
            self.after_cr = false;
            if *first == b'\n' {
                *rest = after;
            }
        }
    }

    fn skip_bom(&mut self, rest: &mut &[u8]) {
        while let Start::Bom { seen } = self.start {
            let Some((first, after)) = rest.split_first() else { return };
            if BOM.get(seen) == Some(first) {
                *rest = after;
                self.start = if seen + 1 == BOM.len() { Start::Past } else { Start::Bom { seen: seen + 1 } };
            } else {
                // No mark after all: what looked like one begins the first line.
                self.start = Start::Past;
                self.held.extend_from_slice(BOM.get(..seen).unwrap_or_default());
            }
        }
    }
}

/// Empties a buffer and gives back the memory of an unusually large one.
pub(crate) fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(KEPT_BYTES_MAX);
}

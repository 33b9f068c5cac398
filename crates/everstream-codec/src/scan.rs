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
    start: Start,
    #[cfg(test)]
    pub(crate) visited: usize,
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
    pub(crate) fn next_line<'a, 'chunk: 'a>(&'a mut self, rest: &mut &'chunk [u8]) -> Option<&'a [u8]> {
        if self.given {
            self.given = false;
            empty(&mut self.held);
        }
        self.skip_bom(rest);
        if self.after_cr
            && let Some((first, after)) = rest.split_first()
        {
            self.after_cr = false;
            if *first == b'\n' {
                *rest = after;
            }
        }
        let chunk = *rest;
        let end = memchr2(b'\n', b'\r', chunk);
        #[cfg(test)]
        {
            self.visited += end.map_or(chunk.len(), |end| end + 1);
        }
        let Some((line, [ending, after @ ..])) = end.and_then(|end| chunk.split_at_checked(end)) else {
            self.hold(chunk);
            *rest = &[];
            return None;
        };
        *rest = after;
        self.after_cr = *ending == b'\r';
        if self.held.is_empty() {
            return Some(line);
        }
        self.hold(line);
        self.given = true;
        Some(&self.held)
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
        self.start = Start::default();
    }

    fn hold(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        {
            self.visited += bytes.len();
        }
        self.held.extend_from_slice(bytes);
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

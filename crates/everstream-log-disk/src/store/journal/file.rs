//! The file of a journal.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Scan, Scanner};

/// So much is read at a time: what stays in a processor's cache until it is looked through.
const PIECE_BYTES: usize = 256 * 1024;

/// Gives `take` the whole batches of a journal, some at a time. Returns what was found, and the bytes behind them.
///
/// A journal is made with 64 MiB of zeros, which need no memory here.
pub(crate) fn read(journal: &Path, mut take: impl FnMut(&[u8])) -> io::Result<(Scan, Vec<u8>)> {
    let zeros = vec![0; PIECE_BYTES];
    let mut piece = zeros.clone();
    let mut file = File::open(journal)?;
    let mut scanner = Scanner::default();
    let (mut rest, mut zeros_before) = (Vec::new(), 0);
    loop {
        let len = file.read(&mut piece)?;
        let read = piece.get(..len).unwrap_or_default();
        if read.is_empty() {
            let found = scanner.end(&rest);
            rest.truncate(usize::try_from(found.torn_bytes).unwrap_or(usize::MAX));
            return Ok((found, rest));
        }
        if zeros.starts_with(read) {
            zeros_before += len;
            continue;
        }
        rest.resize(rest.len() + std::mem::take(&mut zeros_before), 0);
        rest.extend_from_slice(read);
        let whole = scanner.whole(&rest);
        take(rest.get(..whole).unwrap_or_default());
        rest.drain(..whole);
    }
}

//! Bytes of a file in pages, as a page cache and a disk hold them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a kernel writes to a device at once.
pub(super) const PAGE_BYTES: usize = 4_096;
/// What a device writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

pub(super) type Page = Box<[u8]>;

/// A file's bytes; pages that are not there are zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) len: u64,
    pub(super) pages: BTreeMap<u64, Page>,
}

impl Content {
    /// Writes and says which pages were touched.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> std::ops::Range<u64> {
        let page_bytes = PAGE_BYTES as u64;
        let first = offset / page_bytes;
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = (at % page_bytes) as usize;
            let (piece, behind) = rest.split_at(rest.len().min(PAGE_BYTES - start));
            let page = self.pages.entry(at / page_bytes).or_insert_with(zeros);
            page[start..start + piece.len()].copy_from_slice(piece);
            at += piece.len() as u64;
            rest = behind;
        }
        self.len = self.len.max(at);
        first..at.div_ceil(page_bytes).max(first)
    }

    /// Cuts or extends with zeros. Says which page was cut in its middle.
    pub(super) fn resize(&mut self, len: u64) -> Option<u64> {
        let page_bytes = PAGE_BYTES as u64;
        let is_cut = len < self.len;
        self.len = len;
        self.pages.retain(|page, _| page * page_bytes < len);
        let (last, kept) = (len / page_bytes, (len % page_bytes) as usize);
        let page = self.pages.get_mut(&last)?;
        page[kept..].fill(0);
        is_cut.then_some(last)
    }

    /// The page, which may be all zeros.
    pub(super) fn page(&self, number: u64) -> Page {
        self.pages.get(&number).cloned().unwrap_or_else(zeros)
    }

    /// Makes a file of it, with holes where there are no pages.
    pub(super) fn save(&self, path: &Path) -> io::Result<File> {
        let file = File::create(path)?;
        file.set_len(self.len)?;
        for (number, page) in &self.pages {
            let start = number * PAGE_BYTES as u64;
            let len = (PAGE_BYTES as u64).min(self.len.saturating_sub(start)) as usize;
            file.write_all_at(&page[..len], start)?;
        }
        Ok(file)
    }

    /// Whether the file at `path` has these bytes.
    pub(super) fn is_in(&self, path: &Path) -> io::Result<bool> {
        let bytes = std::fs::read(path)?;
        let page = |number: usize| self.pages.get(&(number as u64));
        let is_same = |(number, found): (usize, &[u8])| match page(number) {
            None => found.iter().all(|byte| *byte == 0),
            Some(page) => found == &page[..found.len()],
        };
        Ok(bytes.len() as u64 == self.len && bytes.chunks(PAGE_BYTES).enumerate().all(is_same))
    }
}

fn zeros() -> Page {
    vec![0; PAGE_BYTES].into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_file_would() {
        let place = tempfile::tempdir().unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut content, mut bytes) = (Content::default(), Vec::new());
        for _ in 0..200 {
            if rng.u8(0..5) == 0 {
                let len = rng.usize(0..30_000);
                content.resize(len as u64);
                bytes.resize(len, 0);
            } else {
                let (start, len) = (rng.usize(0..20_000), rng.usize(0..9_000));
                let piece: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(len).collect();
                content.write(start as u64, &piece);
                if len > 0 {
                    bytes.resize(bytes.len().max(start + len), 0);
                    bytes[start..start + len].copy_from_slice(&piece);
                }
            }
            content.save(&place.path().join("f")).unwrap();
            assert!(std::fs::read(place.path().join("f")).unwrap() == bytes);
        }
    }
}

//! One file twice: as the page cache has it and as the disk has it.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::content::{Content, PAGE_BYTES, Page, SECTOR_BYTES};
use super::power_cut::Survival;

/// A file. What was written but not synced has its versions kept, since the kernel may have written any of them.
#[derive(Debug, Clone, Default)]
pub(super) struct FileNode {
    /// What a reader sees, also after the process is gone.
    pub(super) cache: Content,
    /// What a power cut cannot take.
    durable: Content,
    /// Each page written since the last sync, in all its versions.
    dirty: BTreeMap<u64, Vec<Page>>,
    /// Each length since the last sync.
    lens: Vec<u64>,
}

impl FileNode {
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let len = self.cache.len;
        for page in self.cache.write(offset, bytes) {
            self.dirty.entry(page).or_default().push(self.cache.page(page));
        }
        if self.cache.len != len {
            self.lens.push(self.cache.len);
        }
    }

    pub(super) fn resize(&mut self, len: u64) {
        if let Some(cut) = self.cache.resize(len) {
            self.dirty.entry(cut).or_default().push(self.cache.page(cut));
        }
        self.dirty.retain(|page, _| page * (PAGE_BYTES as u64) < len);
        self.lens.push(len);
    }

    /// A sync that succeeds: what was dirty is on the disk.
    pub(super) fn sync(&mut self) {
        for page in std::mem::take(&mut self.dirty).into_keys() {
            self.durable.pages.insert(page, self.cache.page(page));
        }
        self.lens.clear();
        self.durable.resize(self.cache.len);
    }

    /// A sync that fails. As Linux does it: the pages count as clean from now on, whether they reached the disk or not,
    /// and no later sync writes them. Readers go on to see them.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        for page in std::mem::take(&mut self.dirty).into_keys() {
            if rng.bool() {
                self.durable.pages.insert(page, self.cache.page(page));
            }
        }
    }

    /// The file after a power cut.
    pub(super) fn cut(&self, survival: Survival, rng: &mut Rng) -> Self {
        let mut content = self.durable.clone();
        for (&page, versions) in &self.dirty {
            let survived = survival.draw(versions.len(), rng);
            let Some(version) = survived.checked_sub(1) else {
                if survival == Survival::Some && rng.u8(0..4) == 0 {
                    content.pages.insert(page, torn(&content.page(page), &versions[0], rng));
                }
                continue;
            };
            let whole = &versions[version];
            let next = versions.get(version + 1).filter(|_| survival == Survival::Some && rng.u8(0..4) == 0);
            content.pages.insert(page, next.map_or_else(|| whole.clone(), |next| torn(whole, next, rng)));
        }
        let len = match survival.draw(self.lens.len(), rng).checked_sub(1) {
            None => self.durable.len,
            Some(index) => self.lens[index],
        };
        content.resize(len);
        Self { cache: content.clone(), durable: content, dirty: BTreeMap::new(), lens: Vec::new() }
    }
}

/// A page of which only some sectors were written.
fn torn(before: &Page, after: &Page, rng: &mut Rng) -> Page {
    let mut page = before.clone();
    for sector in (0..PAGE_BYTES).step_by(SECTOR_BYTES).filter(|_| rng.bool()) {
        page[sector..sector + SECTOR_BYTES].copy_from_slice(&after[sector..sector + SECTOR_BYTES]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(file: &FileNode) -> Option<u8> {
        file.cache.pages.get(&0).map(|page| page[0]).filter(|_| file.cache.len > 0)
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may() {
        let mut file = FileNode::default();
        file.write(0, b"a");
        file.sync();
        file.write(0, b"b");
        file.write(0, b"c");
        let mut rng = Rng::with_seed(1);
        assert_eq!(first(&file.cut(Survival::Nothing, &mut rng)), Some(b'a'));
        assert_eq!(first(&file.cut(Survival::Everything, &mut rng)), Some(b'c'));
        let mut seen: Vec<_> = (0..100).filter_map(|_| first(&file.cut(Survival::Some, &mut rng))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, b"abc");
    }

    #[test]
    fn what_a_failed_sync_dropped_is_not_written_by_the_next_one() {
        let outcomes = (0..20).map(|seed| {
            let mut file = FileNode::default();
            file.write(0, &[1; PAGE_BYTES]);
            file.fail_sync(&mut Rng::with_seed(seed));
            file.write(PAGE_BYTES as u64, &[2; PAGE_BYTES]);
            file.sync();
            assert_eq!(first(&file), Some(1));
            first(&file.cut(Survival::Nothing, &mut Rng::with_seed(seed)))
        });
        let outcomes: Vec<_> = outcomes.collect();
        assert!(outcomes.contains(&None) && outcomes.contains(&Some(1)), "{outcomes:?}");
    }
}

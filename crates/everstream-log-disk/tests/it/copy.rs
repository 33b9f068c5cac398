//! Data directories taken apart and put together again.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A copy of a closed data directory, to be damaged.
pub(crate) fn copy(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(directory, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The only journal of the store in a small data directory.
pub(crate) fn store_journal(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory.join("store")).unwrap().map(|entry| entry.unwrap().path());
    let mut journals = files.filter(|path| path.extension().is_some_and(|extension| extension == "jnl"));
    let journal = journals.next().unwrap();
    assert_eq!(journals.next(), None);
    journal
}

/// A journal of appends, by its number.
pub(crate) fn journal(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal/{number}.journal"))
}

/// How much of a journal of the store was written: it is made with zeros behind, and every batch ends in something else.
pub(crate) fn written(journal: &Path) -> usize {
    // Compared in pieces, since there are 64 MiB of them.
    const ZEROS: [u8; 4_096] = [0; 4_096];
    let mut bytes = fs::read(journal).unwrap();
    while bytes.ends_with(&ZEROS) {
        bytes.truncate(bytes.len() - ZEROS.len());
    }
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

pub(crate) fn truncate(journal: &Path, len: usize) {
    fs::OpenOptions::new().write(true).open(journal).unwrap().set_len(len as u64).unwrap();
}

pub(crate) fn flip(journal: &Path, place: usize) {
    let mut bytes = fs::read(journal).unwrap();
    *bytes.get_mut(place).unwrap() ^= 0x80;
    fs::write(journal, bytes).unwrap();
}

//! The store's journals: what an opening finds at their ends, and what it cuts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use everstream_log::Error;

use super::{Recovery, damaged_before_its_end, failed, keep};
use crate::directory::Directory;
use crate::store::journal::{Scan, scan};

/// Cuts the newest journal behind its last whole commit.
///
/// # Errors
/// `Unusable` when an older journal is damaged: it was on the device in full before the next one was begun, and cutting
/// it would leave a hole before the later ones. `Storage` when a journal cannot be read or cut.
pub(crate) fn recover_store(directory: &Directory) -> Result<Recovery, Error> {
    if !directory.is_settled() {
        directory.sync_names().map_err(|error| failed(&directory.store(), error))?;
    }
    let mut journals = journals(&directory.store()).map_err(|error| failed(&directory.store(), error))?;
    let Some((_, newest)) = journals.pop() else { return Ok(Recovery::default()) };
    for (_, older) in &journals {
        if scan(&read_written(older).map_err(|error| failed(older, error))?).torn_bytes > 0 {
            return Err(damaged_before_its_end(older));
        }
    }
    let written = read_written(&newest).map_err(|error| failed(&newest, error))?;
    let found = scan(&written);
    let mut recovery = Recovery::default();
    if found.torn_bytes > 0 {
        recovery = cut(&newest, &written, found, &directory.damaged()).map_err(|error| failed(&newest, error))?;
    }
    if !directory.is_settled() {
        write_once_more(&newest, &written, found).map_err(|error| failed(&newest, error))?;
    }
    Ok(recovery)
}

/// Puts on the device what can be read from the journal.
///
/// After a sync that failed, the kernel goes on to show bytes that it will never write: they count as written. What is
/// then appended behind them would be lost with them at the next power cut, acknowledged or not. Writing the same bytes
/// again has them written; so does anybody who cannot know how the last process ended.
fn write_once_more(journal: &Path, written: &[u8], found: Scan) -> io::Result<()> {
    let whole = usize::try_from(found.whole_bytes).ok().and_then(|len| written.get(..len)).unwrap_or(written);
    let mut file = OpenOptions::new().write(true).open(journal)?;
    file.write_all(whole)?;
    file.sync_all()
}

fn cut(journal: &Path, written: &[u8], found: Scan, damaged: &Path) -> io::Result<Recovery> {
    let start = usize::try_from(found.whole_bytes).unwrap_or(usize::MAX);
    let len = usize::try_from(found.torn_bytes).unwrap_or(usize::MAX);
    let torn = written.get(start..).and_then(|rest| rest.get(..len)).unwrap_or_default();
    let stem = journal.file_stem().unwrap_or_default().to_string_lossy();
    let kept_in = keep(damaged, &format!("journal-{stem}-at-{start}.bin"), torn)?;
    let file = OpenOptions::new().write(true).open(journal)?;
    file.set_len(found.whole_bytes)?;
    file.sync_all()?;
    let mut recovery = Recovery::default();
    recovery.note_cut(journal, found.torn_bytes, found.batches_behind, kept_in);
    Ok(recovery)
}

/// The journals, oldest first.
fn journals(store: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals)
}

/// A journal without the zeros at its end: it is made with 64 MiB of them, which need no memory here.
fn read_written(journal: &Path) -> io::Result<Vec<u8>> {
    const PIECE_BYTES: usize = 256 * 1024;
    let zeros = vec![0; PIECE_BYTES];
    let mut piece = zeros.clone();
    let mut file = File::open(journal)?;
    let (mut written, mut zeros_before) = (Vec::new(), 0);
    loop {
        let len = file.read(&mut piece)?;
        let read = piece.get(..len).unwrap_or_default();
        if read.is_empty() {
            return Ok(written);
        }
        if zeros.starts_with(read) {
            zeros_before += len;
            continue;
        }
        written.resize(written.len() + zeros_before, 0);
        written.extend_from_slice(read);
        zeros_before = 0;
    }
}

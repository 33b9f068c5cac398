//! The store's journals: what an opening finds at their ends, and what it cuts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use everstream_log::Error;

use super::{Recovery, damaged_before_its_end, failed, keep};
use crate::directory::Directory;
use crate::journal::sync_names;
use crate::store::journal::{Remnant, Scan, read};
use crate::store::tables::Tables;

/// The file under which a journal is made that takes the place of others.
const NEW_JOURNAL: &str = "journal.new";

/// Cuts the newest journal behind its last whole commit, and leaves of all journals only what is in no table: from
/// `table_bytes_min` on nothing, since that becomes tables.
///
/// # Errors
/// `Unusable` when an older journal is damaged: it was on the device in full before the next one was begun, and cutting
/// it would leave a hole before the later ones. `Storage` when a journal cannot be read, cut or written.
pub(crate) fn recover_store(directory: &Directory, table_bytes_min: u64) -> Result<Recovery, Error> {
    let store = directory.store();
    if !directory.is_settled() {
        directory.sync_names().map_err(|error| failed(&store, error))?;
    }
    let mut older = journals(&store).map_err(|error| failed(&store, error))?;
    let Some(newest) = older.pop() else { return Ok(Recovery::default()) };
    let tables = Tables::open(&directory.keyspaces());
    let mut remnant = Remnant::new(tables.persisted());
    for journal in &older {
        let (found, _) = read(journal, |batches| remnant.add(batches)).map_err(|error| failed(journal, error))?;
        if found.torn_bytes > 0 {
            return Err(damaged_before_its_end(journal));
        }
    }
    let (found, torn) = read(&newest, |batches| remnant.add(batches)).map_err(|error| failed(&newest, error))?;
    let mut recovery = Recovery::default();
    if found.torn_bytes > 0 {
        recovery = cut(&newest, &torn, found, &directory.damaged()).map_err(|error| failed(&newest, error))?;
    }
    let is_large = remnant.journal().len() as u64 >= table_bytes_min;
    if !directory.is_settled() || remnant.is_shorter() || is_large {
        replace(&store, &older, &newest, remnant.journal()).map_err(|error| failed(&newest, error))?;
    }
    // Behind the journal, of which not all may have been on the device: a batch must not be there in part.
    if is_large {
        if tables.add(&remnant) {
            replace(&store, &[], &newest, &[]).map_err(|error| failed(&newest, error))?;
        } else {
            // A table counts as soon as its name can be read, and the journal goes in time.
            directory.sync_names().map_err(|error| failed(&store, error))?;
        }
    }
    Ok(recovery)
}

/// Has one new journal take the place of all.
///
/// It is written even if it holds no less than they do: after a sync that failed, the kernel goes on to show bytes that
/// it will never write: they count as written. What is then appended behind them would be lost with them at the next
/// power cut, acknowledged or not. Writing the same bytes again has them written; so does anybody who cannot know how
/// the last process ended.
fn replace(store: &Path, older: &[PathBuf], newest: &Path, remnant: &[u8]) -> io::Result<()> {
    let new = store.join(NEW_JOURNAL);
    let mut file = File::create(&new)?;
    file.write_all(remnant)?;
    file.sync_all()?;
    // At any moment all that is in no table is in a journal; what is in two of them is replayed twice, in order.
    fs::rename(&new, newest)?;
    sync_names(store)?;
    for journal in older {
        fs::remove_file(journal)?;
    }
    if older.is_empty() { Ok(()) } else { sync_names(store) }
}

fn cut(journal: &Path, torn: &[u8], found: Scan, damaged: &Path) -> io::Result<Recovery> {
    let start = found.whole_bytes;
    let stem = journal.file_stem().unwrap_or_default().to_string_lossy();
    let kept_in = keep(damaged, &format!("journal-{stem}-at-{start}.bin"), torn)?;
    let file = OpenOptions::new().write(true).open(journal)?;
    file.set_len(start)?;
    file.sync_all()?;
    let mut recovery = Recovery::default();
    recovery.note_cut(journal, found.torn_bytes, found.batches_behind, kept_in);
    Ok(recovery)
}

/// The journals, oldest first.
fn journals(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

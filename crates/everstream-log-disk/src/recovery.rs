//! What an opening finds of the last process, and what it makes of it.

mod append;
mod store;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use everstream_log::{Error, ErrorKind};

pub(crate) use append::recover_appends;
pub(crate) use store::recover_store;

/// What an opening had to repair.
///
/// A process that was killed leaves at most one torn commit, which nobody was told had succeeded. Anything more is the
/// device's doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Bytes cut behind the last whole commit; 0 after an orderly end.
    pub truncated_bytes: u64,
    /// Whole commits among them: they lay behind damage and are lost with it. Not 0 means that acknowledged records
    /// may be missing.
    pub commits_lost: u64,
    /// Appends that were whole, but of whose stream the records before them are missing: a power cut took those, at a
    /// durability that does not promise to survive one.
    pub appends_dropped: u64,
    /// Where the cut bytes are kept.
    pub kept_in: Vec<PathBuf>,
}

impl Recovery {
    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.truncated_bytes += other.truncated_bytes;
        self.commits_lost += other.commits_lost;
        self.appends_dropped += other.appends_dropped;
        self.kept_in.extend(other.kept_in);
        self
    }

    /// Notes a cut, and says so.
    fn note_cut(&mut self, journal: &Path, bytes: u64, commits: u64, kept_in: PathBuf) {
        tracing::warn!(
            journal = %journal.display(),
            truncated_bytes = bytes,
            commits_lost = commits,
            kept_in = %kept_in.display(),
            "the journal was truncated to its last whole commit"
        );
        self.truncated_bytes += bytes;
        self.commits_lost += commits;
        self.kept_in.push(kept_in);
    }
}

/// Keeps bytes before they are cut; the same cut, begun twice, is kept once.
fn keep(damaged: &Path, name: &str, torn: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(damaged)?;
    let kept_in = damaged.join(name);
    let mut file = File::create(&kept_in)?;
    file.write_all(torn)?;
    file.sync_all()?;
    Ok(kept_in)
}

/// Damage that is not at the end of the log.
fn damaged_before_its_end(journal: &Path) -> Error {
    let said = format!(
        "the journal {} is damaged before its end: restore the data directory from a backup",
        journal.display()
    );
    Error::new(ErrorKind::Unusable, said)
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, format!("{} could not be recovered", path.display())).caused_by(error)
}

//! The data directory: whose it is, which format it has, and that nobody else is in it.
//!
//! ```text
//! LOCK         held by the process that has the directory open; its process id, or `closed` after an orderly end
//! FORMAT       one line of text with the format's number; there once the directory is complete
//! FORMAT.new   the same while the directory is being made or brought to a newer format
//! store/       the embedded store
//! journal/     the appends that are not in the store yet
//! damaged/     what was cut from the ends of journals, kept for people
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use everstream_log::{Error, ErrorKind};

/// The format this version writes, and the newest it reads: an opening makes an older one this one, since a version that
/// knows no newer one would misread it. Format 1 had no producers, whose retries would be taken for new appends. Format 2
/// had no journal of appends, which would be missed, and rows of one entry each. Format 3 had no separators in rows, which
/// would be taken for damaged.
pub(crate) const FORMAT: u32 = 4;

const LOCK_FILE: &str = "LOCK";
/// The content of `LOCK` after an orderly end.
const CLOSED: &str = "closed";
const FORMAT_FILE: &str = "FORMAT";
const NEW_FORMAT_FILE: &str = "FORMAT.new";
const STORE_DIRECTORY: &str = "store";
/// The embedded store's own folder of folders, one for each keyspace.
const KEYSPACES_DIRECTORY: &str = "keyspaces";
const JOURNAL_DIRECTORY: &str = "journal";
const DAMAGED_DIRECTORY: &str = "damaged";
const FORMAT_WORDS: &str = "everstream disk log, format ";
/// A file system's own directory at the root of a mounted volume.
const FOREIGN_BUT_HARMLESS: &str = "lost+found";

/// A data directory that is this process's alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The format it has on the device; nothing while it is being made.
    format: Option<u32>,
    lock: File,
    /// Whether the last process ended in order: what its files show is on the device.
    is_settled: bool,
}

impl Directory {
    /// Makes the directory when it is not there, locks it and checks its format.
    pub(crate) fn claim(path: &Path) -> Result<Self, Error> {
        let unwritable = |error: io::Error| {
            let advice = "give this user the right to write there, or choose another directory";
            unusable(path, &format!("cannot be written ({error}): {advice}"))
        };
        fs::create_dir_all(path).map_err(unwritable)?;
        check_ours(path)?;
        let (lock, is_settled) = lock(path)?;
        let is_complete = path.join(FORMAT_FILE).try_exists().map_err(unwritable)?;
        let mut directory = Self { path: path.to_owned(), format: None, lock, is_settled };
        if is_complete {
            directory.format = Some(directory.read_format()?);
        } else {
            directory.begin().map_err(unwritable)?;
        }
        Ok(directory)
    }

    /// Where the embedded store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE_DIRECTORY)
    }

    /// Where the embedded store keeps the tables of its keyspaces.
    pub(crate) fn keyspaces(&self) -> PathBuf {
        self.store().join(KEYSPACES_DIRECTORY)
    }

    /// Where the journals of appends are.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL_DIRECTORY)
    }

    /// Where what was cut from journals is kept.
    pub(crate) fn damaged(&self) -> PathBuf {
        self.path.join(DAMAGED_DIRECTORY)
    }

    /// Whether everything that can be read from the files is on the device, too.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Puts on the device every name that can be read. A process that was killed may have made or renamed a file and not
    /// synced the name, and what is acknowledged from now on may be in that file.
    pub(crate) fn sync_names(&self) -> io::Result<()> {
        sync_all(&self.path)
    }

    /// Says that this process ends in order, everything being on the device.
    pub(crate) fn settle(&mut self) {
        let noted =
            self.lock.rewind().and_then(|()| self.lock.set_len(0)).and_then(|()| writeln!(self.lock, "{CLOSED}"));
        if let Err(error) = noted {
            tracing::info!(%error, "the orderly end could not be noted; the next start writes the journal once more");
        }
    }

    /// Whether an earlier opening made it.
    pub(crate) fn is_complete(&self) -> bool {
        self.format.is_some()
    }

    /// Marks the directory as complete and of this version's format, once the store in it has been made or brought there.
    pub(crate) fn complete(&mut self) -> Result<(), Error> {
        self.try_complete().map_err(|error| {
            unusable(
                &self.path,
                &format!("cannot be written ({error}): repair the device, or choose another directory"),
            )
        })
    }

    fn try_complete(&mut self) -> io::Result<()> {
        // The store syncs what is in the folder of a new keyspace, and leaves it to the file system that the folder
        // itself has a name after a power cut.
        sync(&self.keyspaces())?;
        if !self.journal().try_exists()? {
            fs::create_dir(self.journal())?;
            sync(&self.path)?;
        }
        if self.format == Some(FORMAT) {
            return Ok(());
        }
        if self.is_complete() {
            self.announce()?;
        }
        fs::rename(self.path.join(NEW_FORMAT_FILE), self.path.join(FORMAT_FILE))?;
        sync(&self.path)?;
        self.format = Some(FORMAT);
        Ok(())
    }

    /// Starts from nothing. A store beside `FORMAT.new` was left by a making that a crash interrupted; nothing in it was
    /// ever acknowledged.
    fn begin(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.store()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.announce()?;
        // So that a power cut does not take the directory itself; what cannot be opened was there before.
        for above in fs::canonicalize(&self.path)?.ancestors().skip(1) {
            let _ = sync(above);
        }
        Ok(())
    }

    /// Puts what shall become the `FORMAT` file on the device.
    fn announce(&self) -> io::Result<()> {
        let mut file = File::create(self.path.join(NEW_FORMAT_FILE))?;
        writeln!(file, "{FORMAT_WORDS}{FORMAT}")?;
        file.sync_all()?;
        sync(&self.path)
    }

    fn read_format(&self) -> Result<u32, Error> {
        let strange = || unusable(&self.path, "has a FORMAT file that is not Everstream's: choose another directory");
        let mut text = String::new();
        let file = File::open(self.path.join(FORMAT_FILE)).map_err(|_| strange())?;
        file.take(256).read_to_string(&mut text).map_err(|_| strange())?;
        let number = text.trim_end().strip_prefix(FORMAT_WORDS).ok_or_else(strange)?;
        let format: u32 = number.parse().map_err(|_| strange())?;
        if format > FORMAT {
            let said = format!(
                "is of format {format}, written by a newer Everstream; this one reads up to format {FORMAT}: \
                 run the newer version, or choose another directory"
            );
            return Err(unusable(&self.path, &said));
        }
        Ok(format)
    }
}

/// A directory is ours when it is empty or has our marks; anything else is somebody's data.
fn check_ours(path: &Path) -> Result<(), Error> {
    let unreadable = |error: io::Error| unusable(path, &format!("cannot be read ({error}): choose another directory"));
    let mut stranger = None;
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        match name.to_str() {
            Some(FORMAT_FILE | NEW_FORMAT_FILE) => return Ok(()),
            Some(LOCK_FILE | FOREIGN_BUT_HARMLESS) => {}
            _ => stranger = Some(name),
        }
    }
    match stranger {
        None => Ok(()),
        Some(name) => {
            let said = format!("is not Everstream's (it has {name:?} and no FORMAT file): choose an empty directory");
            Err(unusable(path, &said))
        }
    }
}

/// The lock, and whether its last owner ended in order.
fn lock(path: &Path) -> Result<(File, bool), Error> {
    let file = path.join(LOCK_FILE);
    let unwritable = |error: io::Error| {
        let advice = "give this user the right to write there, or choose another directory";
        unusable(path, &format!("cannot be locked ({error}): {advice}"))
    };
    let mut lock =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(file).map_err(unwritable)?;
    let locked = lock.try_lock();
    let mut owner = String::new();
    // What cannot be read says nothing.
    let _ = Read::by_ref(&mut lock).take(20).read_to_string(&mut owner);
    let owner = owner.trim();
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = if owner.is_empty() { "unknown" } else { owner };
            let said = format!("is in use by another process (id {owner}): stop that one, or choose another directory");
            return Err(unusable(path, &said));
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    let noted = lock.rewind().and_then(|()| lock.set_len(0)).and_then(|()| writeln!(lock, "{}", std::process::id()));
    noted.map_err(unwritable)?;
    Ok((lock, owner == CLOSED))
}

/// Puts on the device the names in a directory and in all below it.
fn sync_all(directory: &Path) -> io::Result<()> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            open.extend(entry.file_type()?.is_dir().then(|| entry.path()));
        }
        sync(&directory)?;
    }
    Ok(())
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn unusable(path: &Path, said: &str) -> Error {
    Error::new(ErrorKind::Unusable, format!("the data directory {} {said}", path.display()))
}

#[cfg(test)]
mod tests;

//! The data directory: whose it is, which format it has, and that nobody else is in it.
//!
//! ```text
//! LOCK         held by the process that has the directory open; its process id, for people
//! FORMAT       one line of text with the format's number; there once the directory is complete
//! FORMAT.new   the same while the directory is being made or brought to a newer format
//! store/       the embedded store
//! damaged/     what was cut from the ends of journals, kept for people
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use everstream_log::{Error, ErrorKind};

/// The format this version writes, and the newest it reads. Format 1 had no producers: an opening by this version makes
/// it format 2, since an older one would take a producer's retry for a new append.
pub(crate) const FORMAT: u32 = 2;

const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";
const NEW_FORMAT_FILE: &str = "FORMAT.new";
const STORE_DIRECTORY: &str = "store";
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
    _lock: File,
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
        let lock = lock(path)?;
        let is_complete = path.join(FORMAT_FILE).try_exists().map_err(unwritable)?;
        let mut directory = Self { path: path.to_owned(), format: None, _lock: lock };
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

    /// Where what was cut from journals is kept.
    pub(crate) fn damaged(&self) -> PathBuf {
        self.path.join(DAMAGED_DIRECTORY)
    }

    /// Whether an earlier opening made it.
    pub(crate) fn is_complete(&self) -> bool {
        self.format.is_some()
    }

    /// Marks the directory as complete and of this version's format, once the store in it has been made or brought there.
    pub(crate) fn complete(&mut self) -> Result<(), Error> {
        if self.format == Some(FORMAT) {
            return Ok(());
        }
        let begun = if self.is_complete() { self.announce() } else { Ok(()) };
        let renamed = begun.and_then(|()| fs::rename(self.path.join(NEW_FORMAT_FILE), self.path.join(FORMAT_FILE)));
        renamed.and_then(|()| sync(&self.path)).map_err(|error| {
            unusable(
                &self.path,
                &format!("cannot be written ({error}): repair the device, or choose another directory"),
            )
        })?;
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

fn lock(path: &Path) -> Result<File, Error> {
    let file = path.join(LOCK_FILE);
    let unwritable = |error: io::Error| {
        let advice = "give this user the right to write there, or choose another directory";
        unusable(path, &format!("cannot be locked ({error}): {advice}"))
    };
    let mut lock =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(file).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let read = lock.take(20).read_to_string(&mut owner);
            let owner = if read.is_ok() && !owner.is_empty() { owner.trim() } else { "unknown" };
            let said = format!("is in use by another process (id {owner}): stop that one, or choose another directory");
            return Err(unusable(path, &said));
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unwritable)?;
    Ok(lock)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn unusable(path: &Path, said: &str) -> Error {
    Error::new(ErrorKind::Unusable, format!("the data directory {} {said}", path.display()))
}

#[cfg(test)]
mod tests;

//! A journal's file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use everstream_log::Entry;

use super::frame::{Place, ser};

const SUFFIX: &str = ".journal";
/// So many zeros are written at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A journal that is being written.
#[derive(Debug)]
pub(crate) struct Journal {
    number: u64,
    path: PathBuf,
    file: File,
    position: u64,
    is_synced: bool,
}

impl Journal {
    /// Begins journal `number` in `directory`, whose appends are left to the kernel.
    pub(crate) fn create(directory: &Path, number: u64) -> io::Result<Self> {
        let path = directory.join(format!("{number}{SUFFIX}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { number, path, file, position: 0, is_synced: false })
    }

    /// The same of one whose appends are put on the device. Its first `prepared_bytes` are there as zeros, and on the
    /// device: a flush of what is written over them has no new block or length to note, which costs more than the bytes.
    pub(crate) fn create_synced(directory: &Path, number: u64, prepared_bytes: usize) -> io::Result<Self> {
        let journal = Self { is_synced: true, ..Self::create(directory, number)? };
        let zeros = vec![0; prepared_bytes.min(PIECE_BYTES)];
        for start in (0..prepared_bytes).step_by(PIECE_BYTES) {
            let piece = zeros.get(..prepared_bytes - start).unwrap_or(&zeros);
            journal.file.write_all_at(piece, start as u64)?;
        }
        journal.file.sync_all()?;
        sync_names(directory)?;
        Ok(journal)
    }

    /// Writes the entries of one commit, in one write; `buffer` is where the frame is made. After an error the end of
    /// the file is unknown, and nothing must be written behind it.
    pub(crate) fn append(&mut self, buffer: &mut Vec<u8>, entries: &[Entry]) -> io::Result<()> {
        let place = Place { journal: self.number, position: self.position };
        ser(buffer, place, self.is_synced, entries);
        if u32::try_from(buffer.len()).is_err() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a commit of 4 GiB"));
        }
        self.file.write_all_at(buffer, self.position)?;
        self.position += buffer.len() as u64;
        if self.is_synced {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Removes the file: all that is in it is in the store.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The journals in `directory`, oldest first.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals)
}

/// The bytes of a journal: as many as may be pending, twice, at most.
pub(crate) fn read(path: &Path) -> io::Result<Bytes> {
    fs::read(path).map(Bytes::from)
}

/// Puts all journals on the device as they are.
pub(crate) fn sync_files(directory: &Path) -> io::Result<()> {
    for (_, path) in list(directory)? {
        File::open(path)?.sync_all()?;
    }
    sync_names(directory)
}

/// Puts on the device which files there are.
pub(crate) fn sync_names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

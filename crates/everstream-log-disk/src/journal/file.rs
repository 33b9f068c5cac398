//! A journal's file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use everstream_log::Entry;

use super::frame::{Place, ser};
use crate::fold::Pace;

const SUFFIX: &str = ".journal";
/// Written one behind the other to make a journal ready: so few that they stay in a core's caches.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

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
    /// Begins journal `number` in `directory`, whose appends are left to the kernel. Its first `prepared_bytes` are there as
    /// zeros: an append that is written over them has no new page, block or length to note, which costs more than the bytes.
    pub(crate) fn create(
        directory: &Path,
        number: u64,
        prepared_bytes: usize,
        pace: &mut Pace<'_>,
    ) -> io::Result<Self> {
        let path = directory.join(format!("{number}{SUFFIX}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        for start in (0..prepared_bytes).step_by(ZEROS.len()) {
            let piece = ZEROS.get(..prepared_bytes - start).unwrap_or(&ZEROS);
            file.write_all_at(piece, start as u64)?;
            pace.step(piece.len());
        }
        Ok(Self { number, path, file, position: 0, is_synced: false })
    }

    /// Puts a journal that was just made in `directory` on the device, zeros and name; so are its appends from then on.
    pub(crate) fn synced(self, directory: &Path) -> io::Result<Self> {
        self.file.sync_all()?;
        sync_names(directory)?;
        Ok(Self { is_synced: true, ..self })
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

#[cfg(test)]
mod tests {
    use everstream_log::{NewRecord, Offset, StreamKey, Timestamp};

    use super::*;
    use crate::journal::scan;

    fn entry(first: u64) -> Entry {
        let records = vec![NewRecord { time: Timestamp(1), data: Bytes::from_static(&[7; 40_000]) }];
        Entry { stream: StreamKey(1), first: Offset(first), records, closure: None, sequencing: None }
    }

    #[test]
    fn appends_over_the_zeros_and_behind_them_are_all_that_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let prepared_bytes = ZEROS.len() + 1;
        let mut journal = Journal::create(directory.path(), 7, prepared_bytes, &mut Pace::at_once()).unwrap();
        let path = journal.path.clone();
        assert!(read(&path).unwrap() == vec![0; prepared_bytes]);
        for appends in 1..4 {
            journal.append(&mut Vec::new(), &[entry(appends)]).unwrap();
            let found = scan(7, &read(&path).unwrap());
            assert_eq!((found.entries.len() as u64, found.whole_bytes), (appends, journal.position));
            assert!(found.torn.is_empty());
        }
    }
}

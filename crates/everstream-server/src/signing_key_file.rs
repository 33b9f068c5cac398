//! The proxy's signing key where none is configured: made once, kept beside the log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::signing::{Secret, SigningKey, SigningKeys};

const FILE: &str = "proxy-signing-key";
const NEW_FILE: &str = "proxy-signing-key.new";
const ID: &str = "file";
const KEY_BYTES: usize = 32;

/// A key that dies with the process.
///
/// # Errors
/// When the machine has no randomness to give.
pub(crate) fn fresh() -> io::Result<SigningKeys> {
    Ok(of(&random()?))
}

/// The key of the data directory `directory`, made when it is not there. Only this user may read it.
///
/// # Errors
/// When the file cannot be read or written, or holds no key.
pub(crate) fn load_or_make(directory: &Path) -> io::Result<SigningKeys> {
    match File::open(directory.join(FILE)) {
        Ok(file) => read(file).map(|key| of(&key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = random()?;
            write(directory, &key)?;
            Ok(of(&key))
        }
        Err(error) => Err(error),
    }
}

fn of(key: &[u8]) -> SigningKeys {
    SigningKeys::new(vec![SigningKey::new(ID, Secret::new(key))])
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut key = Vec::new();
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
    if key.len() == KEY_BYTES {
        Ok(key)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} does not hold {KEY_BYTES} bytes")))
    }
}

/// Under its name only once it is whole and on the device: a URL signed by it must hold after a power cut.
fn write(directory: &Path, key: &[u8]) -> io::Result<()> {
    let new = directory.join(NEW_FILE);
    // What a crash has left would keep its own mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&new, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let made = load_or_make(directory.path()).unwrap();
        assert_eq!(load_or_make(directory.path()).unwrap(), made);
        assert_ne!(fresh().unwrap(), made);
        let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_a_crash_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(NEW_FILE), "half").unwrap();
        let made = load_or_make(directory.path()).unwrap();
        assert_eq!(load_or_make(directory.path()).unwrap(), made);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        for content in ["", "short", &"long".repeat(20)] {
            fs::write(directory.path().join(FILE), content).unwrap();
            let error = load_or_make(directory.path()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), content);
        }
    }
}

//! How a failure of the store becomes an error of the log, and how the first failed write stops all others.

use std::sync::OnceLock;

use everstream_log::{Error, ErrorKind, Health};

use crate::wire::Malformed;

/// A read that the store could not serve.
pub(crate) fn unreadable(error: fjall::Error) -> Error {
    Error::new(ErrorKind::Storage, "the data directory could not be read").caused_by(error)
}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::new(ErrorKind::Storage, "a row in the data directory is not what was written")
    }
}

/// Remembers why writes are refused. Set once and for this opening: what a failed write or flush left behind is known
/// only after a reopen.
#[derive(Debug, Default)]
pub(crate) struct Refusal(OnceLock<String>);

impl Refusal {
    /// Refuses all writes from now on, and is the error of this one.
    pub(crate) fn begin(&self, cause: &fjall::Error) -> Error {
        let cause = describe(cause);
        let sentence = self.0.get_or_init(|| {
            let sentence = format!(
                "writes are refused since one failed ({cause}); reads go on. Free space or repair the device, then restart"
            );
            tracing::error!(%cause, "a write failed; the log is read-only until it is reopened");
            sentence
        });
        Error::new(ErrorKind::ReadOnly, sentence.clone())
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.get() {
            None => Ok(()),
            Some(sentence) => Err(Error::new(ErrorKind::ReadOnly, sentence.clone())),
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.0.get().map_or(Health::Ready, |sentence| Health::ReadOnly(sentence.clone()))
    }
}

/// The store's own words are a debug print; the cause below it reads better.
pub(crate) fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(io) => io.to_string(),
        fjall::Error::Storage(fjall::LsmError::Io(io)) => io.to_string(),
        fjall::Error::Poisoned => "a background write failed".to_owned(),
        other => format!("{other:?}"),
    }
}

//! What can go wrong in a log.

use std::error::Error as StdError;
use std::fmt;

/// A failed call to a log: a kind to branch on, a sentence and a chain of sources to read.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No stream of this name, or it has expired.
    StreamNotFound,
    /// A stream of this name is there already.
    StreamExists,
    /// Another stream holds this alias already.
    AliasTaken,
    /// The stream is closed: nothing can be appended.
    StreamClosed,
    /// The position is before the first record held.
    OffsetTrimmed,
    /// The position is after the tail.
    OffsetBeyondTail,
    /// The fork would read through more than [`FORK_DEPTH_MAX`](crate::FORK_DEPTH_MAX) streams.
    ForkTooDeep,
    /// The engine takes no more streams; a configured bound was reached.
    Full,
    /// The engine refuses writes since one failed (full disk, failed fsync); reads go on until it is reopened.
    ReadOnly,
    /// The data directory is of a newer format, in use, or not ours.
    Unusable,
    /// The medium failed or its content is not what was written.
    Storage,
}

impl Error {
    /// An error of `kind`; `context` is a sentence without a full stop, for people.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, to branch on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The cause, for an error that wraps this one.
    #[must_use]
    pub fn into_source(self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.source
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

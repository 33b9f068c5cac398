//! What can go wrong in the hub.

use std::error::Error as StdError;
use std::fmt;

/// A failed call to the hub: a kind to branch on, a sentence and a chain of sources to read.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can act on. Not `non_exhaustive`: a new kind must break every adapter's `match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No stream of this name; it may have been deleted or have expired.
    StreamNotFound,
    /// The stream was deleted; its name is not free, since forks still read its records.
    StreamDeleted,
    /// A stream of this name is there with other settings, or was deleted and its forks hold the name.
    StreamExists,
    /// Another stream holds this alias.
    AliasTaken,
    /// The stream is closed: nothing can be appended.
    StreamClosed,
    /// A later epoch of the same producer has appended.
    ProducerFenced {
        /// That epoch.
        epoch: u64,
    },
    /// Appends of the producer before this one are missing.
    ProducerGap {
        /// The number that comes next.
        expected: u64,
    },
    /// A producer's new epoch begins with another number than 0.
    ProducerLateStart,
    /// As many producers have appended to the stream as may.
    ProducersFull,
    /// The publisher's own position is not after the stream's last one.
    StreamSeqRegressed,
    /// The position is before the first record held.
    OffsetTrimmed,
    /// The position is after the tail.
    OffsetBeyondTail,
    /// A fork's sub-offset leads beyond the append at its offset, or into the middle of an event.
    SubOffsetInvalid,
    /// The fork would read through too many streams.
    ForkTooDeep,
    /// A record is larger than the configured bound.
    RecordTooLarge,
    /// The stream holds as many bytes as it may.
    StreamFull,
    /// A configured number (of streams, of subscribers) is reached.
    Overloaded,
    /// The process is about to end.
    Draining,
    /// The log refuses writes since one failed; reads go on.
    ReadOnly,
    /// The log failed.
    Storage,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The kind, to branch on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Overloaded | ErrorKind::Draining | ErrorKind::ReadOnly)
    }

    /// Whether it says that there is no such stream, or none any more.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(self.kind, ErrorKind::StreamNotFound | ErrorKind::StreamDeleted)
    }

    /// The same failure for another caller of the same commit: kind and sentence, without the chain.
    pub(crate) fn share(&self) -> Self {
        let context = match &self.source {
            Some(source) => format!("{}: {source}", self.context),
            None => self.context.clone(),
        };
        Self { kind: self.kind, context, source: None }
    }

    pub(crate) fn not_found(name: &everstream_log::StreamName) -> Self {
        Self::new(ErrorKind::StreamNotFound, format!("no stream {name}"))
    }

    pub(crate) fn deleted(name: &everstream_log::StreamName) -> Self {
        Self::new(ErrorKind::StreamDeleted, format!("stream {name} was deleted; only its forks still read its records"))
    }

    /// The writer answered an append as something that it was not asked to be.
    pub(crate) fn unsettled() -> Self {
        Self::new(ErrorKind::Storage, "an append was settled without its producer's state")
    }

    pub(crate) fn draining() -> Self {
        Self::new(ErrorKind::Draining, "the server is shutting down")
    }
}

impl From<everstream_log::Error> for Error {
    fn from(error: everstream_log::Error) -> Self {
        use everstream_log::ErrorKind as Log;
        let kind = match error.kind() {
            Log::StreamNotFound => ErrorKind::StreamNotFound,
            Log::StreamExists => ErrorKind::StreamExists,
            Log::AliasTaken => ErrorKind::AliasTaken,
            Log::StreamClosed => ErrorKind::StreamClosed,
            Log::ForkTooDeep => ErrorKind::ForkTooDeep,
            Log::OffsetTrimmed => ErrorKind::OffsetTrimmed,
            Log::OffsetBeyondTail => ErrorKind::OffsetBeyondTail,
            Log::Full => ErrorKind::Overloaded,
            Log::ReadOnly => ErrorKind::ReadOnly,
            Log::Unusable | Log::Storage => ErrorKind::Storage,
        };
        Self { kind, context: error.to_string(), source: error.into_source() }
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

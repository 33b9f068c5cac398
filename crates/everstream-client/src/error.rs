//! What can go wrong for a client.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A failed call or subscription: a kind to branch on, a sentence and a chain of sources to read.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL is none, or not one of `http` and `https`.
    InvalidUrl,
    /// The server cannot be reached, or no connection to it lasts.
    Unreachable,
    /// The server answered with this status, and trying again would not help.
    Refused(u16),
    /// The stream is closed: nothing can be appended.
    StreamClosed,
    /// The producer's id or epoch cannot be sent.
    InvalidProducer,
    /// A later epoch of the producer has appended.
    ProducerFenced,
    /// Somebody else appends under the producer's id and epoch.
    ProducerTaken,
    /// The server's answer is not what the protocol says.
    UnexpectedAnswer,
    /// What was to be appended could not be read.
    Source,
    /// An event is larger than the limit.
    EventTooLarge,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The same error under another kind.
    pub(crate) const fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The kind, to branch on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence and the innermost cause: what is between them only repeats the URL.
    #[must_use]
    pub fn report(&self) -> String {
        let mut cause = self.source();
        while let Some(inner) = cause.and_then(StdError::source) {
            cause = Some(inner);
        }
        cause.map_or_else(|| self.context.clone(), |cause| format!("{}: {cause}", self.context))
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

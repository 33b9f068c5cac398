//! What can go wrong with an ask.

use std::error::Error as StdError;
use std::fmt;

use http::{HeaderName, StatusCode};

/// A refused ask: a kind to branch on, a sentence and a chain of sources to read.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    subject: Option<Subject>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No mount has this path, or it would leave the mount.
    PathNotFound,
    /// A request header has no lawful value, or one that the mount does not allow.
    InvalidHeader,
    /// The `Idempotency-Key` was used with another request.
    IdempotencyKeyReused,
    /// The ask was stopped by its key before it began.
    Stopped,
    /// The presented `Last-Event-ID` is not of this answer, so that going on after it would be wrong.
    ResumeMismatch,
    /// The request body is larger than it may be.
    BodyTooLarge,
    /// The request body broke off.
    IncompleteBody,
    /// As many asks are in flight as the mount allows, or answers as the proxy does.
    TooManyAsks,
    /// The proxy must not call this upstream.
    UpstreamNotAllowed,
    /// The upstream of the proxy answers with a redirect.
    UpstreamRedirects,
    /// The upstream could not be reached, or broke the connection before it answered.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream answered with this status, or with something that cannot be carried on (then there is none).
    UpstreamFailed(Option<StatusCode>),
    /// The hub refused.
    Hub(everstream_hub::ErrorKind),
    /// A fault of the gateway's own.
    Internal,
}

/// The value that was wrong, and one that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where it stood.
    pub field: String,
    /// What stood there.
    pub value: String,
    /// What may stand there.
    pub example: &'static str,
}

impl Error {
    /// An error of `kind`; `context` is a sentence without a full stop, for people.
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), subject: None, source: None }
    }

    /// The header `name` had `value`, which is not lawful.
    pub(crate) fn header(name: &HeaderName, value: &[u8], context: &str, example: &'static str) -> Self {
        let value = String::from_utf8_lossy(value).into_owned();
        let subject = Subject { field: name.to_string(), value, example };
        Self { subject: Some(subject), ..Self::new(ErrorKind::InvalidHeader, format!("{name} {context}")) }
    }

    /// The same error about a value.
    pub(crate) fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The same error with its cause.
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, to branch on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The value that was wrong, where one was.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }
}

impl From<everstream_hub::Error> for Error {
    fn from(error: everstream_hub::Error) -> Self {
        Self::new(ErrorKind::Hub(error.kind()), error.to_string()).caused_by(error)
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

/// An error and its sources in one line, for a log.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

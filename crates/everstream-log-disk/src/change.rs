//! What writers ask for.

use everstream_log::{Create, Entry, Error, ErrorKind, StreamHead, StreamKey, StreamName, Timestamp};

/// One call that writes.
#[derive(Debug)]
pub(crate) enum Change {
    Create(Box<Create>),
    Commit(Vec<Entry>),
    Touch(StreamKey, Option<Timestamp>),
    Delete(StreamName, StreamKey),
}

/// What a call that writes has to say.
#[derive(Debug)]
pub(crate) enum Changed {
    Created(Box<StreamHead>),
    Done,
}

impl Changed {
    /// The stream a [`Change::Create`] made.
    pub(crate) fn into_head(self) -> Result<StreamHead, Error> {
        match self {
            Self::Created(head) => Ok(*head),
            Self::Done => Err(Error::new(ErrorKind::Storage, "a creation was answered without its stream")),
        }
    }
}

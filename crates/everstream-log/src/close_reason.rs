//! Why a stream ended.

use bytes::Bytes;

use crate::Timestamp;

/// The durable reason of a stream's end. `expired` and `deleted` are not here: such streams are gone, not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The producer said that everything is there.
    Completed,
    /// Somebody asked for the end.
    Stopped,
    /// The producer failed; what is there is a prefix.
    Failed,
    /// The process that relayed the stream died; what is there is a prefix.
    Interrupted,
}

impl CloseReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Stopped, Self::Failed, Self::Interrupted];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The reason that `word` names, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// The end of a stream as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Why it ended.
    pub reason: CloseReason,
    /// When it ended.
    pub at: Timestamp,
    /// What the closer had to add, opaque to the log (the gateway writes a JSON object); may be empty.
    pub detail: Bytes,
}

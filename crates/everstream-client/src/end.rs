//! How a subscription ends for good.

use everstream_codec::Event;
use serde_json::Value;

use crate::error::Error;

/// Why a subscriber has stopped.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum End {
    /// The stream is closed: its last event said so.
    Closed(Close),
    /// 204: the stream is closed and everything was read before.
    NoContent,
    /// It could not go on.
    Failed(Error),
}

/// The last event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// Why the stream was closed.
    pub reason: CloseReason,
    /// What the server says about it, for people; empty when it says nothing.
    pub detail: String,
    /// The event itself.
    pub event: Event<'static>,
}

/// Why a stream was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It is complete.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// Its source failed.
    Failed,
    /// The server died while it was written.
    Interrupted,
    /// Its time was over.
    Expired,
    /// It was deleted.
    Deleted,
    /// A reason this version does not know.
    Other(String),
}

impl Close {
    /// Reads an event as a close: `event: close` with the id of an end or, as simple streams have it, with the data
    /// `close`. An event that a publisher merely named `close` is neither.
    pub(crate) fn of(event: &Event<'static>) -> Option<Self> {
        if event.event_type != "close" {
            return None;
        }
        let (reason, detail) = if event.id.ends_with("-end") {
            let close: Value = serde_json::from_str(&event.data).ok()?;
            (CloseReason::parse(close.get("reason")?.as_str()?), close.get("detail").map(detail).unwrap_or_default())
        } else if event.data == "close" {
            (CloseReason::Completed, String::new())
        } else {
            return None;
        };
        Some(Self { reason, detail, event: event.clone() })
    }
}

impl CloseReason {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "completed" => Self::Completed,
            "stopped" => Self::Stopped,
            "failed" => Self::Failed,
            "interrupted" => Self::Interrupted,
            "expired" => Self::Expired,
            "deleted" => Self::Deleted,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The reason as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
            Self::Other(other) => other,
        }
    }
}

fn detail(detail: &Value) -> String {
    match detail {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => match other.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => other.to_string(),
        },
    }
}

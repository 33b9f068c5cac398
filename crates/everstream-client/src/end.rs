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
    /// Reads an event as a close. An end that is in the log has the id of an end. One that is not, since the log is gone
    /// or simple streams have no ids, has no id of its own: an event that a publisher merely named `close` has one.
    pub(crate) fn of(event: &Event<'static>, has_own_id: bool) -> Option<Self> {
        let is_end = event.id.ends_with("-end");
        if event.event_type != "close" || (has_own_id && !is_end) {
            return None;
        }
        let (reason, detail) = match event.data.as_ref() {
            "close" if !has_own_id => (CloseReason::Completed, String::new()),
            _ => {
                let close: Value = serde_json::from_str(&event.data).ok()?;
                let reason = CloseReason::parse(close.get("reason")?.as_str()?);
                if !is_end && !matches!(reason, CloseReason::Deleted | CloseReason::Expired) {
                    return None;
                }
                (reason, close.get("detail").map(detail).unwrap_or_default())
            }
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

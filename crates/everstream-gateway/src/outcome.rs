//! How an ask ended, as it stands in its stream's close.

use bytes::Bytes;
use everstream_hub::Close;
use everstream_log::{CloseReason, Closure};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal;)+) => {
        /// Why an answer did not come to its own end: stable, to branch on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "&'static str")]
        pub enum OutcomeCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl OutcomeCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the close's detail.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

codes! {
    /// The upstream could not be reached, or broke the connection before it answered.
    UpstreamUnreachable = "upstream_unreachable";
    /// The upstream did not answer, or not wholly, in time.
    UpstreamTimeout = "upstream_timeout";
    /// The upstream answered with an error status; `upstream_status` has it.
    UpstreamStatus = "upstream_status";
    /// The upstream's answer was no event stream; it went to the caller as it was.
    UpstreamNotEventStream = "upstream_not_event_stream";
    /// The answer broke off, or ended without the dialect's sign that it is whole.
    UpstreamCut = "upstream_cut";
    /// The upstream sent nothing for longer than it may.
    UpstreamStalled = "upstream_stalled";
    /// The upstream said within the answer that it failed; its words are the last record.
    UpstreamError = "upstream_error";
    /// An event was larger than it may be.
    EventTooLarge = "event_too_large";
    /// The stream holds as many bytes as it may.
    StreamFull = "stream_full";
    /// Somebody stopped it. Only within a dialect: the close says so by its reason.
    Stopped = "stopped";
    /// Everybody disconnected, and the ask was to be cancelled then.
    Disconnected = "disconnected";
    /// The answer was stopped by its key before it was asked for.
    StoppedBefore = "stopped_before";
    /// The stream was deleted. Only within a dialect: a deleted stream has no close.
    StreamDeleted = "stream_deleted";
    /// The stream's time was up. Only within a dialect: an expired stream has no close.
    StreamExpired = "stream_expired";
    /// The server shut down.
    Draining = "draining";
    /// The server died while the answer came.
    ServerDied = "server_died";
    /// A fault of the server's own, or an end that this version cannot read.
    Internal = "internal";
}

impl From<String> for OutcomeCode {
    fn from(word: String) -> Self {
        Self::ALL.iter().copied().find(|code| code.as_str() == word).unwrap_or(Self::Internal)
    }
}

impl From<OutcomeCode> for &'static str {
    fn from(code: OutcomeCode) -> Self {
        code.as_str()
    }
}

/// The detail of an ask's close: what viewers are told beside the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseDetail {
    /// Why.
    pub code: OutcomeCode,
    /// The upstream's status, if it answered.
    pub upstream_status: Option<u16>,
    /// A sentence for people; the upstream's own words where it had some.
    pub message: String,
}

/// The longest message kept, in bytes: enough for a sentence, too little for a page of HTML.
const MESSAGE_BYTES_MAX: usize = 1024;

impl CloseDetail {
    /// A detail without a status.
    #[must_use]
    pub fn new(code: OutcomeCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { code, upstream_status: None, message }
    }

    /// The same, with the upstream's status.
    #[must_use]
    pub fn with_status(mut self, status: http::StatusCode) -> Self {
        self.upstream_status = Some(status.as_u16());
        self
    }

    /// What a boot closes the answers with that a dead process left open.
    #[must_use]
    pub fn server_died() -> Self {
        Self::new(OutcomeCode::ServerDied, "the server died while the answer came; what is there is a part of it")
    }

    /// Reads a close's detail; whatever it is, there is something to tell.
    #[must_use]
    pub fn of(closure: &Closure) -> Self {
        serde_json::from_slice(&closure.detail).unwrap_or_else(|_| match closure.reason {
            CloseReason::Stopped => {
                Self::new(OutcomeCode::Stopped, "the answer was stopped; what is there is a part of it")
            }
            reason => Self::new(OutcomeCode::Internal, format!("the answer ended as {}", reason.as_str())),
        })
    }

    /// The detail as it stands in the log: a JSON object.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        // A word, a number and a string always serialise.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn close(&self, reason: CloseReason) -> Close {
        Close { reason, detail: self.to_bytes() }
    }

    /// The refusal for a caller whose answer ended so before its first event.
    pub(crate) fn into_error(self) -> Error {
        let status = self.upstream_status.and_then(|status| http::StatusCode::from_u16(status).ok());
        let kind = match self.code {
            OutcomeCode::UpstreamUnreachable => ErrorKind::UpstreamUnreachable,
            OutcomeCode::UpstreamTimeout | OutcomeCode::UpstreamStalled => ErrorKind::UpstreamTimeout,
            OutcomeCode::UpstreamStatus => ErrorKind::UpstreamFailed(status),
            _ => ErrorKind::UpstreamFailed(None),
        };
        Error::new(kind, self.message)
    }
}

#[cfg(test)]
mod tests {
    use everstream_log::Timestamp;

    use super::*;

    fn closure(detail: &'static str) -> Closure {
        Closure { reason: CloseReason::Failed, at: Timestamp(0), detail: Bytes::from_static(detail.as_bytes()) }
    }

    #[test]
    fn a_detail_is_a_json_object_with_three_members() {
        let detail =
            CloseDetail::new(OutcomeCode::UpstreamStatus, "slow down").with_status(http::StatusCode::TOO_MANY_REQUESTS);
        let text = r#"{"code":"upstream_status","upstream_status":429,"message":"slow down"}"#;
        assert_eq!(detail.to_bytes(), text);
        assert_eq!(CloseDetail::of(&closure(text)), detail);
    }

    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../../docs/protocols/asks.md");
        for code in OutcomeCode::ALL {
            assert!(page.contains(&format!("`{}`", code.as_str())), "{}", code.as_str());
        }
    }

    #[test]
    fn a_detail_of_another_version_still_says_something() {
        assert_eq!(CloseDetail::of(&closure("")).message, "the answer ended as failed");
        let newer = CloseDetail::of(&closure(r#"{"code":"new_word","upstream_status":null,"message":"m"}"#));
        assert_eq!((newer.code, newer.message.as_str()), (OutcomeCode::Internal, "m"));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let detail = CloseDetail::new(OutcomeCode::UpstreamError, "ä".repeat(2000));
        assert_eq!(detail.message.len(), 1024);
    }
}

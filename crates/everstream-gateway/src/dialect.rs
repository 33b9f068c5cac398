//! How upstreams use `text/event-stream`: when an answer is whole, and how an error is said within it.
//!
//! A dialect never changes an event. A new one is a variant, a name, and an arm in each function below.

mod openai_chat;

use bytes::Bytes;
use everstream_codec::{Split, Splitter};
use everstream_hub::End;
use everstream_log::{CloseReason, Closure};
use serde::{Deserialize, Serialize};

use crate::outcome::{CloseDetail, OutcomeCode};

/// An upstream's way of using `text/event-stream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// OpenAI Chat Completions: chunks without names, `data: [DONE]` at the end, errors as `data: {"error":…}`.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// Any other event stream: whole when the response ends cleanly behind a whole event, without an error event of its own.
    #[serde(rename = "sse")]
    Sse,
}

/// How a mount's dialect is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DialectChoice {
    /// By the request's path.
    #[default]
    Auto,
    /// It is known.
    Fixed(Dialect),
}

impl Dialect {
    /// Every dialect, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::OpenAiChat, Self::Sse];

    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::Sse => "sse",
        }
    }

    /// The frame, without an id, that tells a reader in the dialect that the answer did not come to its end; `None` where
    /// the dialect has no such event, the answer did end, or the upstream has said it itself.
    #[must_use]
    pub fn error_event(self, end: &End) -> Option<Bytes> {
        let detail = match end {
            End::Closed(Closure { reason: CloseReason::Completed, .. }) => return None,
            End::Closed(closure) => CloseDetail::of(closure),
            End::Deleted => CloseDetail::new(OutcomeCode::StreamDeleted, "the answer was deleted"),
            End::Expired => CloseDetail::new(OutcomeCode::StreamExpired, "the answer has expired"),
        };
        match self {
            Self::OpenAiChat => openai_chat::error_event(&detail),
            Self::Sse => None,
        }
    }

    /// The member that an error response has besides our own, so that SDKs of the dialect find its message; `None` where
    /// the dialect knows no such thing.
    #[must_use]
    pub fn error_member(self, message: &str, code: &str) -> Option<serde_json::Value> {
        match self {
            Self::OpenAiChat => Some(openai_chat::error(message, code)),
            Self::Sse => None,
        }
    }

    /// Whether a request with this JSON body asks for an answer in events.
    pub(crate) fn wants_events(self, body: &[u8]) -> bool {
        /// All else in the body is skipped.
        #[derive(Deserialize)]
        struct Probe {
            #[serde(default)]
            stream: serde_json::Value,
        }
        match self {
            Self::OpenAiChat | Self::Sse => {
                body.trim_ascii_start().starts_with(b"{")
                    && serde_json::from_slice::<Probe>(body)
                        .is_ok_and(|probe| probe.stream == serde_json::Value::Bool(true))
            }
        }
    }
}

impl DialectChoice {
    /// Reads `auto` or a dialect's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            _ => Dialect::ALL.into_iter().find(|dialect| dialect.as_str() == text).map(Self::Fixed),
        }
    }

    /// The dialect of answers to requests to `path`.
    pub(crate) fn of_path(self, path: &str) -> Dialect {
        match self {
            Self::Fixed(dialect) => dialect,
            Self::Auto if path.trim_end_matches('/').ends_with("/chat/completions") => Dialect::OpenAiChat,
            Self::Auto => Dialect::Sse,
        }
    }
}

/// Follows one answer to know whether it is whole.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    dialect: Dialect,
    openai_chat: openai_chat::Reader,
}

/// What one event means for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More has to come.
    GoesOn,
    /// This was the last event of a whole answer.
    Whole,
    /// The upstream says that it failed.
    Failed {
        /// What it says.
        message: String,
    },
}

impl AnswerReader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, openai_chat: openai_chat::Reader::default() }
    }

    /// Takes the next event. A byte search decides; only a suspected error is parsed.
    pub(crate) fn read(&mut self, event: &Split) -> Verdict {
        match self.dialect {
            Dialect::OpenAiChat => self.openai_chat.read(event),
            Dialect::Sse => Verdict::GoesOn,
        }
    }

    /// Whether the answer is whole, now that the response has ended cleanly behind what `splitter` took. Where nothing else
    /// says so, half an event says that it is not, whatever the framing of the response claims.
    pub(crate) fn is_whole_at_end(&self, splitter: &Splitter) -> bool {
        match self.dialect {
            Dialect::OpenAiChat => self.openai_chat.has_finish_reason(),
            Dialect::Sse => !splitter.is_within_event(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_auto_or_a_name() {
        assert_eq!(DialectChoice::parse("auto"), Some(DialectChoice::Auto));
        assert_eq!(DialectChoice::parse("openai-chat"), Some(DialectChoice::Fixed(Dialect::OpenAiChat)));
        assert_eq!(DialectChoice::parse("openai"), None);
    }

    #[test]
    fn auto_tells_by_the_path() {
        let of = |path| DialectChoice::Auto.of_path(path);
        assert_eq!(of("/openai/v1/chat/completions"), Dialect::OpenAiChat);
        assert_eq!(of("/v1/chat/completions/"), Dialect::OpenAiChat);
        assert_eq!(of("/own/answer"), Dialect::Sse);
        assert_eq!(DialectChoice::Fixed(Dialect::OpenAiChat).of_path("/own"), Dialect::OpenAiChat);
    }

    #[test]
    fn only_a_true_at_the_top_asks_for_events() {
        for (body, wants) in [
            (r#"{"model":"m","stream":true,"messages":[]}"#, true),
            (r#"{"stream":false}"#, false),
            (r#"{"stream":"true"}"#, false),
            (r#"{"inner":{"stream":true}}"#, false),
            (r#"{"stream":true"#, false),
            ("", false),
            ("[true]", false),
        ] {
            assert_eq!(Dialect::OpenAiChat.wants_events(body.as_bytes()), wants, "{body}");
        }
    }
}

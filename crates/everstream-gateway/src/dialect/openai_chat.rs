//! OpenAI Chat Completions (`POST …/chat/completions`, `"stream": true`).

use std::sync::LazyLock;

use bytes::Bytes;
use everstream_codec::Split;
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Verdict;
use crate::outcome::{CloseDetail, OutcomeCode};

/// Within a JSON string each quote has a backslash before it, so that text cannot look like these members.
static FINISH_REASON: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(br#""finish_reason":"#));
static ERROR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(br#""error":"#));

/// Follows the chunks of one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    has_finish_reason: bool,
}

impl Reader {
    pub(super) const fn has_finish_reason(&self) -> bool {
        self.has_finish_reason
    }

    pub(super) fn read(&mut self, event: &Split) -> Verdict {
        let data = event.data();
        if data.starts_with(b"[DONE]") {
            return Verdict::Whole;
        }
        if has_value(&data, &ERROR)
            && let Some(message) = error_message(&data)
        {
            return Verdict::Failed { message };
        }
        self.has_finish_reason = self.has_finish_reason || has_value(&data, &FINISH_REASON);
        Verdict::GoesOn
    }
}

/// Whether `member` stands in `data` with a value other than null.
fn has_value(data: &[u8], member: &memmem::Finder<'_>) -> bool {
    let needle_len = member.needle().len();
    member.find_iter(data).any(|at| {
        let value = data.get(at + needle_len..).unwrap_or_default().trim_ascii_start();
        !value.is_empty() && !value.starts_with(b"null")
    })
}

/// What the chunk's `error` says, if it really has one at the top.
fn error_message(data: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        error: Value,
    }
    let probe: Probe = serde_json::from_slice(data).ok()?;
    match probe.error {
        Value::Null | Value::Bool(false) => None,
        Value::String(message) => Some(message),
        error => match error.get("message") {
            Some(Value::String(message)) => Some(message.clone()),
            _ => Some(error.to_string()),
        },
    }
}

/// The error chunk that official SDKs raise.
pub(super) fn error_event(detail: &CloseDetail) -> Option<Bytes> {
    if detail.code == OutcomeCode::UpstreamError {
        // The last record is the upstream's own error chunk.
        return None;
    }
    Some(format!("data: {}\n\n", json!({ "error": error(&detail.message, detail.code.as_str()) })).into())
}

/// What the API has under `error`.
pub(super) fn error(message: &str, code: &str) -> Value {
    json!({ "message": message, "type": "upstream_error", "param": null, "code": code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader, data: &str) -> Verdict {
        reader.read(&Split::new(Bytes::from(format!("data: {data}\n"))))
    }

    #[test]
    fn done_makes_it_whole() {
        let mut reader = Reader::default();
        assert_eq!(read(&mut reader, "[DONE]"), Verdict::Whole);
        assert_eq!(reader.read(&Split::new(Bytes::from_static(b"event: x\ndata:[DONE]\n"))), Verdict::Whole);
    }

    #[test]
    fn a_finish_reason_counts_only_as_a_member_with_a_value() {
        for (data, counts) in [
            (r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, true),
            (r#"{"choices":[{"delta":{}, "finish_reason": "length"}]}"#, true),
            (r#"{"choices":[{"delta":{},"finish_reason":null}]}"#, false),
            (r#"{"choices":[{"finish_reason":null},{"index":1,"finish_reason":"stop"}]}"#, true),
            (r#"{"choices":[{"delta":{"content":"\"finish_reason\":\"stop\""},"finish_reason":null}]}"#, false),
        ] {
            let mut reader = Reader::default();
            assert_eq!(read(&mut reader, data), Verdict::GoesOn);
            assert_eq!(reader.has_finish_reason(), counts, "{data}");
        }
    }

    #[test]
    fn an_error_at_the_top_fails_the_answer_wherever_it_stands() {
        for (data, message) in [
            (r#"{"error":{"message":"overloaded","type":"server_error"}}"#, "overloaded"),
            (r#"{"id":"x","choices":[{"finish_reason":"error"}],"error":{"code":502,"message":"gone"}}"#, "gone"),
            (r#"{"error": "plain"}"#, "plain"),
            (r#"{"error":{"code":1}}"#, r#"{"code":1}"#),
        ] {
            let failed = Verdict::Failed { message: message.to_owned() };
            assert_eq!(read(&mut Reader::default(), data), failed, "{data}");
        }
    }

    #[test]
    fn the_word_error_alone_is_no_error() {
        for data in [
            r#"{"error":null,"choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"{\"error\":1}"}}]}"#,
            r#"{"choices":[{"error":{"message":"inner"}}]}"#,
            r#"not json "error":1"#,
        ] {
            assert_eq!(read(&mut Reader::default(), data), Verdict::GoesOn, "{data}");
        }
    }
}

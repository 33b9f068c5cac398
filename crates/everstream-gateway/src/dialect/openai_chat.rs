//! OpenAI Chat Completions (`POST …/chat/completions`, `"stream": true`).

use std::sync::LazyLock;

use bytes::Bytes;
use everstream_codec::Split;
use memchr::arch::all::packedpair::HeuristicFrequencyRank;
use memchr::memmem::{Finder, FinderBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Verdict;
use crate::outcome::{CloseDetail, OutcomeCode};

/// Within a JSON string each quote has a backslash before it, so that text cannot look like these members.
static FINISH_REASON: LazyLock<Finder<'static>> = LazyLock::new(|| finder(br#""finish_reason":"#));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| finder(br#""error":"#));

/// How frequent bytes are in chunks. By the usual ranks the rarest two of `"error":` are its first quote and its colon,
/// which `"model":`, `"index":` and `"delta":` have at the same distance.
struct InChunks;

impl HeuristicFrequencyRank for InChunks {
    fn rank(&self, byte: u8) -> u8 {
        match byte {
            b'"' | b':' => 4,
            b'e' => 3,
            b'r' => 2,
            b'_' => 0,
            _ => 1,
        }
    }
}

fn finder(member: &'static [u8]) -> Finder<'static> {
    FinderBuilder::new().build_forward_with_ranker(InChunks, member)
}

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
        if self.is_ordinary(&event.stored) {
            return Verdict::GoesOn;
        }
        self.read_data(&event.data())
    }

    fn read_data(&mut self, data: &[u8]) -> Verdict {
        if data.starts_with(b"[DONE]") {
            return Verdict::Whole;
        }
        if has_value(data, &ERROR)
            && let Some(message) = error_message(data)
        {
            return Verdict::Failed { message };
        }
        self.has_finish_reason = self.has_finish_reason || has_value(data, &FINISH_REASON);
        Verdict::GoesOn
    }

    /// Whether an event, as it is stored, can be told to say nothing, as nearly all do, without its data being put
    /// together: what does not stand in its lines does not stand in its data.
    fn is_ordinary(&self, stored: &[u8]) -> bool {
        stored.starts_with(b"data: {")
            && is_null(stored, &ERROR)
            && (self.has_finish_reason || is_null(stored, &FINISH_REASON))
    }
}

/// Whether `member`, wherever it stands in the lines of an event, is null there at once.
fn is_null(mut lines: &[u8], member: &Finder<'_>) -> bool {
    while let Some(at) = member.find(lines) {
        lines = lines.get(at + member.needle().len()..).unwrap_or_default();
        if !lines.starts_with(b"null") && !lines.starts_with(b" null") {
            return false;
        }
    }
    true
}

/// Whether `member` stands in `data` with a value other than null.
fn has_value(data: &[u8], member: &Finder<'_>) -> bool {
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
    fn an_event_in_lines_says_what_its_data_says_wherever_that_is_cut() {
        let chunks = [
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#,
            r#"{"choices":[{"finish_reason": "stop"}], "error": null}"#,
            r#"{"error":null,"choices":[{"finish_reason":null},{"finish_reason":"length"}]}"#,
            r#"{"error":{"message":"gone"}}"#,
            "[DONE]",
        ];
        for (chunk, ends) in
            chunks.iter().flat_map(|chunk| (0..=chunk.len()).map(move |at| (chunk, chunk.split_at(at))))
        {
            for lines in [
                format!("data: {}\ndata: {}\n", ends.0, ends.1),
                format!("data: {}\nnull: \"error\":1\ndata:{}\nevent: x\n", ends.0, ends.1),
                format!("event: {{\ndata: {chunk}\n"),
            ] {
                let event = Split::new(lines.into());
                let (mut by_event, mut by_data) = (Reader::default(), Reader::default());
                assert_eq!(by_event.read(&event), by_data.read_data(&event.data()), "{event:?}");
                assert_eq!(by_event.has_finish_reason, by_data.has_finish_reason, "{event:?}");
            }
        }
    }

    #[test]
    fn a_member_and_its_value_may_stand_on_lines_of_their_own() {
        let of_lines = |lines: &'static str| Split::new(Bytes::from_static(lines.as_bytes()));
        let mut reader = Reader::default();
        let null = "data: {\"choices\":[{\"finish_reason\":\ndata: null}]}\n";
        assert_eq!(reader.read(&of_lines(null)), Verdict::GoesOn);
        assert!(!reader.has_finish_reason());
        let stop = "data: {\"choices\":[{\"finish_reason\":\nnull: no data\ndata: \"stop\"}]}\n";
        assert_eq!(reader.read(&of_lines(stop)), Verdict::GoesOn);
        assert!(reader.has_finish_reason());
        let error = "data: {\"error\":\ndata: \"gone\"}\n";
        assert_eq!(reader.read(&of_lines(error)), Verdict::Failed { message: "gone".to_owned() });
        let done = "event: {\ndata: [DONE]\n";
        assert_eq!(reader.read(&of_lines(done)), Verdict::Whole);
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

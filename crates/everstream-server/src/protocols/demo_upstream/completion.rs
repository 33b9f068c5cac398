//! One answer in OpenAI's words: chunk by chunk, or whole.

use bytes::Bytes;
use serde_json::{Value, json};

use super::MODEL;
use super::request::ChatRequest;
use super::text::{first_piece, text};

const CONTENT: &[u8] = br#"{"content":""#;
const QUOTE: &[u8] = br#""}"#;
const GOES_ON: &[u8] = b",\"finish_reason\":null}]}\n\n";
const STOPS: &[u8] = b",\"finish_reason\":\"stop\"}]}\n\n";

/// An answer that is there whole and given out in chunks.
#[derive(Debug)]
pub(super) struct Completion {
    created_s: u64,
    prompt_tokens: usize,
    with_usage: bool,
    text: String,
    /// How much of the text was given out.
    given: usize,
    /// What every chunk begins with: a chunk is made for every token of every answer, so its JSON is put together, not
    /// built.
    opening: String,
}

impl Completion {
    pub(super) fn new(request: &ChatRequest, created_s: u64) -> Self {
        let prompt = request.prompt();
        let opening = format!(
            r#"data: {{"id":"chatcmpl-demo-{created_s}","object":"chat.completion.chunk","created":{created_s},"model":"{MODEL}","choices":[{{"index":0,"delta":"#
        );
        Self {
            created_s,
            prompt_tokens: prompt.split_whitespace().count(),
            with_usage: request.wants_usage(),
            text: text(&prompt),
            given: 0,
            opening,
        }
    }

    /// The answer to a request that does not stream.
    pub(super) fn whole(&self) -> String {
        let message = json!({"role": "assistant", "content": self.text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        let mut whole = self.object("chat.completion", &json!([choice]));
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("usage".to_owned(), self.usage());
        }
        whole.to_string()
    }

    /// Whether everything was given out.
    pub(super) const fn is_over(&self) -> bool {
        self.given == self.text.len()
    }

    /// What the stream says at the next tick of the rate; nothing when it has ended. The role comes with the first token,
    /// and what follows the last token comes at once with the end.
    pub(super) fn next(&mut self) -> Bytes {
        let piece = first_piece(self.text.get(self.given..).unwrap_or_default());
        if piece.is_empty() {
            return Bytes::new();
        }
        // Room for a token, so that it becomes the frame without another copy, or for what is said but once.
        let mut out =
            Vec::with_capacity(self.opening.len() + piece.len() + CONTENT.len() + QUOTE.len() + GOES_ON.len());
        if self.given == 0 {
            self.push_chunk(&mut out, &[br#"{"role":"assistant","content":""}"#, GOES_ON]);
        }
        self.push_chunk(&mut out, &[CONTENT]);
        push_escaped(&mut out, piece);
        out.extend_from_slice(QUOTE);
        out.extend_from_slice(GOES_ON);
        self.given += piece.len();
        if self.is_over() {
            self.push_chunk(&mut out, &[b"{}", STOPS]);
            if self.with_usage {
                let mut chunk = self.object("chat.completion.chunk", &json!([]));
                if let Some(fields) = chunk.as_object_mut() {
                    fields.insert("usage".to_owned(), self.usage());
                }
                push_event(&mut out, &chunk.to_string());
            }
            push_event(&mut out, "[DONE]");
        }
        out.into()
    }

    fn push_chunk(&self, out: &mut Vec<u8>, parts: &[&[u8]]) {
        out.extend_from_slice(self.opening.as_bytes());
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }

    fn object(&self, kind: &str, choices: &Value) -> Value {
        json!({
            "id": format!("chatcmpl-demo-{}", self.created_s),
            "object": kind,
            "created": self.created_s,
            "model": MODEL,
            "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        let mut rest = self.text.as_str();
        let pieces = std::iter::from_fn(|| {
            let (piece, after) = rest.split_at(first_piece(rest).len());
            rest = after;
            (!piece.is_empty()).then_some(piece)
        });
        let completion_tokens = pieces.count();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        })
    }
}

fn push_event(out: &mut Vec<u8>, data: &str) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Pushes what stands for `text` between the quotes of a JSON string. Nearly all pieces stand for themselves.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        // A string always serialises.
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        out.extend_from_slice(inner.unwrap_or_default().as_bytes());
    }
}

//! One answer in OpenAI's words: chunk by chunk, or whole.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::MODEL;
use super::request::ChatRequest;
use super::text::pieces;

/// Room for the event of one token.
const CHUNK_LEN: usize = 256;

/// An answer that is there whole and given out in chunks.
#[derive(Debug)]
pub(super) struct Completion {
    created_s: u64,
    prompt_tokens: usize,
    pieces: Vec<String>,
    with_usage: bool,
}

impl Completion {
    pub(super) fn new(request: &ChatRequest, created_s: u64) -> Self {
        let prompt = request.prompt();
        let prompt_tokens = prompt.split_whitespace().count();
        Self { created_s, prompt_tokens, pieces: pieces(&prompt), with_usage: request.wants_usage() }
    }

    /// The answer to a request that does not stream.
    pub(super) fn whole(&self) -> String {
        let message = json!({"role": "assistant", "content": self.pieces.concat()});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        let mut whole = self.object("chat.completion", &json!([choice]));
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("usage".to_owned(), self.usage());
        }
        whole.to_string()
    }

    /// What the stream says at `step`, counted in ticks of the rate; `None` when it has ended. The role comes with the
    /// first token, and what follows the last token comes at once with the end.
    pub(super) fn at(&self, step: usize) -> Option<Bytes> {
        let piece = self.pieces.get(step)?;
        let mut out = String::with_capacity(CHUNK_LEN);
        if step == 0 {
            self.push_chunk(&mut out, r#"{"role":"assistant","content":""}"#, "null");
        }
        // A string always serialises.
        let content = serde_json::to_string(piece).unwrap_or_default();
        self.push_chunk(&mut out, &format!(r#"{{"content":{content}}}"#), "null");
        if step + 1 == self.pieces.len() {
            self.push_chunk(&mut out, "{}", r#""stop""#);
            if self.with_usage {
                let mut chunk = self.object("chat.completion.chunk", &json!([]));
                if let Some(fields) = chunk.as_object_mut() {
                    fields.insert("usage".to_owned(), self.usage());
                }
                push_event(&mut out, &chunk.to_string());
            }
            push_event(&mut out, "[DONE]");
        }
        Some(out.into())
    }

    /// A chunk is made for every token of every answer: its JSON is written, not built.
    fn push_chunk(&self, out: &mut String, delta: &str, finish_reason: &str) {
        let created_s = self.created_s;
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            r#"data: {{"id":"chatcmpl-demo-{created_s}","object":"chat.completion.chunk","created":{created_s},"model":"{MODEL}","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish_reason}}}]}}"#
        );
        out.push_str("\n\n");
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
        let completion_tokens = self.pieces.len();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        })
    }
}

fn push_event(out: &mut String, data: &str) {
    out.push_str("data: ");
    out.push_str(data);
    out.push_str("\n\n");
}

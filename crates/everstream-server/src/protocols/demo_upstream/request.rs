//! What a chat request asks for, and how a wrong one is refused: in the upstream's own shape, not in ours.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RATE_DEFAULT, RATE_MAX, json_response};

/// The part of a chat request that matters here; the rest is taken and ignored.
#[derive(Debug, Deserialize)]
pub(super) struct ChatRequest {
    messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl ChatRequest {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refused> {
        let example = r#"{"messages":[{"role":"user","content":"Hello"}],"stream":true}"#;
        let request: Self = serde_json::from_slice(body)
            .map_err(|error| Refused::because("messages", format!("{error}; a request looks like {example}")))?;
        if request.messages.is_empty() {
            return Err(Refused::because("messages", format!("there is no message; a request looks like {example}")));
        }
        Ok(request)
    }

    /// The text of the last message of a user, or of the last one at all.
    pub(super) fn prompt(&self) -> String {
        let of_user = self.messages.iter().rev().find(|message| message.role == "user");
        of_user.or(self.messages.last()).map(|message| text_of(&message.content)).unwrap_or_default()
    }

    pub(super) const fn wants_usage(&self) -> bool {
        self.stream_options.include_usage
    }
}

/// Content is a string, or parts of which some are text.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// Tokens per second.
pub(super) fn rate(given: Option<&str>) -> Result<u32, Refused> {
    let Some(given) = given else { return Ok(RATE_DEFAULT) };
    match given.parse() {
        Ok(rate @ 1..=RATE_MAX) => Ok(rate),
        _ => {
            let detail = format!("{given:?} is no rate: tokens per second, 1 to {RATE_MAX}, such as rate=30");
            Err(Refused::because("rate", detail))
        }
    }
}

/// A refusal as OpenAI words it.
#[derive(Debug)]
pub(super) struct Refused {
    param: &'static str,
    message: String,
}

impl Refused {
    const fn because(param: &'static str, message: String) -> Self {
        Self { param, message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.message, "type": "invalid_request_error", "param": self.param, "code": "invalid_value",
        });
        json_response(StatusCode::BAD_REQUEST, json!({ "error": error }).to_string())
    }
}

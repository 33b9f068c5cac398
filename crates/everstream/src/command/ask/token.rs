//! What one event of a chat completion says.

use serde_json::Value;

/// An event of the `openai-chat` dialect, for somebody who prints the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Text(String),
    /// `[DONE]`: the answer is complete.
    Done,
    /// The upstream's error, for people.
    Error(String),
    /// A role, a finish reason, usage: nothing to print.
    Nothing,
}

pub(super) fn read(data: &str) -> Token {
    if data == "[DONE]" {
        return Token::Done;
    }
    let Ok(chunk) = serde_json::from_str::<Value>(data) else { return Token::Nothing };
    if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
        let message = error.get("message").and_then(Value::as_str).or_else(|| error.as_str());
        return Token::Error(message.map_or_else(|| error.to_string(), ToOwned::to_owned));
    }
    match chunk.pointer("/choices/0/delta/content").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Token::Text(text.to_owned()),
        _ => Token::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, read};

    #[test]
    fn text_is_taken_from_the_first_choice_and_all_else_is_told_apart() {
        let text = |text: &str| Token::Text(text.to_owned());
        let error = |text: &str| Token::Error(text.to_owned());
        for (data, token) in [
            (r#"{"choices":[{"delta":{"content":" sky"}}]}"#, text(" sky")),
            (r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, Token::Nothing),
            (r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"error":null}"#, Token::Nothing),
            (r#"{"choices":[],"usage":{"total_tokens":3}}"#, Token::Nothing),
            (r#"{"error":{"message":"overloaded","code":"x"}}"#, error("overloaded")),
            (r#"{"error":"overloaded"}"#, error("overloaded")),
            ("[DONE]", Token::Done),
            ("hello", Token::Nothing),
        ] {
            assert_eq!(read(data), token, "{data}");
        }
    }
}

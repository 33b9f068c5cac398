//! What is asked, and where.

use everstream_client::{Error, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

const ENDPOINT: &str = "/chat/completions";

/// A chat request. Its key makes it one question, however often it has to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) url: String,
    pub(super) key: String,
    pub(super) body: String,
}

impl Question {
    /// # Errors
    /// When `url` is none.
    pub(super) fn new(url: &str, model: &str, system: Option<&str>, prompt: &str) -> anyhow::Result<Self> {
        let message = |role: &str, content: &str| json!({ "role": role, "content": content });
        let mut messages: Vec<Value> = system.into_iter().map(|text| message("system", text)).collect();
        messages.push(message("user", prompt));
        let body = json!({ "model": model, "messages": messages, "stream": true }).to_string();
        Ok(Self { url: endpoint(url)?, key: Uuid::new_v4().to_string(), body })
    }

    /// Whether both ask the same of the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.url == other.url && self.body == other.body
    }
}

/// The URL of the chat completions under a base, or that URL itself.
fn endpoint(base: &str) -> Result<String, Error> {
    let mut url = Request::get(base)?.url().clone();
    let path = url.path().trim_end_matches('/').to_owned();
    if path.ends_with(ENDPOINT) {
        url.set_path(&path);
    } else {
        url.set_path(&format!("{path}{ENDPOINT}"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::{Question, endpoint};

    #[test]
    fn a_base_and_a_whole_url_lead_to_the_same_endpoint() {
        let expected = "http://127.0.0.1:8000/demo/v1/chat/completions";
        for base in ["/demo/v1", "/demo/v1/", "/demo/v1/chat/completions", "/demo/v1/chat/completions/"] {
            assert_eq!(endpoint(&format!("http://127.0.0.1:8000{base}")).unwrap(), expected);
        }
        assert_eq!(endpoint("http://h/v1?rate=9").unwrap(), "http://h/v1/chat/completions?rate=9");
        assert!(endpoint("127.0.0.1:8000/demo").is_err());
    }

    #[test]
    fn each_question_has_a_key_of_its_own() {
        let ask = || Question::new("http://h/v1", "m", Some("be brief"), "why?").unwrap();
        let (one, other) = (ask(), ask());
        assert_ne!(one.key, other.key);
        assert!(one.is_same(&other));
        assert!(!one.is_same(&Question::new("http://h/v1", "m", None, "why?").unwrap()));
    }
}

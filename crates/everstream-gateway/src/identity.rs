//! Which ask a request is: keys, fingerprints and what stands in the log about them.

use bytes::Bytes;
use everstream_log::{Alias, Epoch};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Dialect;

/// A caller's own name for one ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    pub(crate) const LEN_MAX: usize = 255;

    /// Reads a key; the quotes of a structured header string are not part of it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let is_lawful =
            (1..=Self::LEN_MAX).contains(&bare.len()) && bare.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        is_lawful.then(|| Self(bare.to_owned()))
    }

    /// The stream handle of the ask with this key. The mount is not part of it, so that a stop needs the key alone;
    /// another mount is another fingerprint.
    pub(crate) fn alias(&self) -> Alias {
        alias(b"key", &[self.0.as_bytes()])
    }
}

/// What was asked: mount, path, query and body, as one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(target: &str, body: &[u8]) -> Self {
        Self(hash(&[target.as_bytes(), body]))
    }

    /// The stream handle of an ask without a key. A client that goes on by itself has nothing but the last id and its
    /// request: the epoch finds the stream, and the fingerprint keeps those out who only guess epochs.
    pub(crate) fn alias(&self, epoch: Epoch) -> Alias {
        alias(b"epoch", &[epoch.as_str().as_bytes(), &self.0])
    }

    fn to_hex(self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn alias(kind: &[u8], parts: &[&[u8]]) -> Alias {
    Alias([kind, b":", &hash(parts)].concat().into())
}

/// SHA-256 over the parts, each with its length before it, so that no two lists of parts run together.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// What an ask's stream carries in the log besides its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Annotation {
    /// An ask that was made.
    Ask {
        /// The mount's path.
        mount: String,
        /// How its events are framed.
        dialect: Dialect,
        /// Hex of the [`Fingerprint`], where the body was read.
        fingerprint: Option<String>,
    },
    /// An ask that was stopped by its key before it was made.
    Tombstone,
    /// An answer that the proxy carried.
    Proxied {
        /// The upstream's own type.
        content_type: String,
    },
}

impl Annotation {
    pub(crate) fn ask(mount: &str, dialect: Dialect, fingerprint: Option<Fingerprint>) -> Self {
        Self::Ask { mount: mount.to_owned(), dialect, fingerprint: fingerprint.map(Fingerprint::to_hex) }
    }

    /// For an answer of the upstream's type `content_type`, which is visible ASCII.
    pub(crate) fn proxied(content_type: &HeaderValue) -> Self {
        Self::Proxied { content_type: content_type.to_str().unwrap_or_default().to_owned() }
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` for a stream that no ask made.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        // Strings and names always serialise.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Whether `fingerprint` is what was asked.
    pub(crate) fn is_of(&self, fingerprint: Fingerprint) -> bool {
        matches!(self, Self::Ask { fingerprint: Some(hex), .. } if *hex == fingerprint.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(IdempotencyKey::parse("\"k-1\""), IdempotencyKey::parse("k-1"));
        for refused in ["", "\"\"", "k\u{7f}", "ä", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Fingerprint::of("ab", b"c"), Fingerprint::of("a", b"bc"));
        assert_eq!(Fingerprint::of("a", b"b"), Fingerprint::of("a", b"b"));
    }

    #[test]
    fn an_annotation_is_read_back() {
        let asked = Fingerprint::of("/openai/v1", b"{}");
        let annotation = Annotation::ask("/openai", Dialect::OpenAiChat, Some(asked));
        let bytes = annotation.to_bytes();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap().split("\",\"fingerprint").next(),
            Some(r#"{"kind":"ask","mount":"/openai","dialect":"openai-chat"#)
        );
        let read = Annotation::parse(&bytes).unwrap();
        assert!(read.is_of(asked) && !read.is_of(Fingerprint::of("/openai/v1", b"{ }")));
        assert_eq!(Annotation::parse(&Annotation::Tombstone.to_bytes()), Some(Annotation::Tombstone));
        assert_eq!(Annotation::parse(b""), None);
    }
}

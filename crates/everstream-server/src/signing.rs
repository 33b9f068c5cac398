//! Secrets that answer for something: what trusted callers show, and what this server signs with.
//!
//! Nothing here is ever printed: `Debug` shows `***`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A shared secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

/// Secrets of which any one will do, so that a new one can be taken up before the old one is given up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets(Vec<Secret>);

/// A key to sign with, and the name by which a signature tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    id: String,
    secret: Secret,
}

/// Keys: the first one signs, every one verifies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SigningKeys(Vec<SigningKey>);

impl Secret {
    /// A secret of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// HMAC-SHA256 over the parts, each with its length before it, so that no two lists of parts run together.
    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        // HMAC takes a key of any length, an empty one too.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).unwrap_or_else(|_| Hmac::new(&Default::default()));
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl Secrets {
    /// Any one of these.
    #[must_use]
    pub const fn new(secrets: Vec<Secret>) -> Self {
        Self(secrets)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `shown` is one of them. Takes the same time wherever it differs: tags are compared, which nobody who does
    /// not know the secret can steer.
    #[must_use]
    pub fn admit(&self, shown: &str) -> bool {
        let shown = Secret::new(shown.as_bytes());
        let label = ["everstream/secret/1"];
        self.0.iter().fold(false, |found, own| {
            let tag = own.mac(&label).finalize().into_bytes();
            shown.mac(&label).verify_slice(&tag).is_ok() || found
        })
    }

    /// Whether one of them is also a signing key: then whoever may call could sign.
    pub(crate) fn share(&self, keys: &SigningKeys) -> bool {
        keys.0.iter().any(|key| self.0.contains(&key.secret))
    }
}

impl SigningKey {
    /// A key named `id`.
    #[must_use]
    pub fn new(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), secret }
    }

    /// The name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl SigningKeys {
    /// These keys; the first one signs.
    #[must_use]
    pub const fn new(keys: Vec<SigningKey>) -> Self {
        Self(keys)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first key's signature of `parts`: `<id>.<HMAC-SHA256 in base64url>`. Empty where there is no key.
    #[must_use]
    pub fn sign(&self, parts: &[&str]) -> String {
        let Some(key) = self.0.first() else { return String::new() };
        let tag = key.secret.mac(parts).finalize().into_bytes();
        format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(tag))
    }

    /// Whether one of the keys made `signature` of `parts`. The tag is compared in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&str], signature: &str) -> bool {
        let Some((id, tag)) = signature.split_once('.') else { return false };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
        let mut named = self.0.iter().filter(|key| key.id == id);
        named.any(|key| key.secret.mac(parts).verify_slice(&tag).is_ok())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str) -> SigningKey {
        SigningKey::new(id, Secret::new(secret.as_bytes()))
    }

    #[test]
    fn a_signature_holds_for_its_parts_and_its_key_alone() {
        let keys = SigningKeys::new(vec![key("a", "one"), key("b", "two")]);
        let signature = keys.sign(&["id", "7"]);
        assert!(signature.starts_with("a.") && keys.verify(&["id", "7"], &signature));
        for parts in [&["id", "8"][..], &["id7", ""], &["id"], &["i", "d7"], &[]] {
            assert!(!keys.verify(parts, &signature), "{parts:?}");
        }
        let tag = signature.trim_start_matches("a.");
        let shortened = &signature[..signature.len() - 2];
        for forged in [shortened, tag, &format!("b.{tag}"), &format!("c.{tag}"), "a.", "", "."] {
            assert!(!keys.verify(&["id", "7"], forged), "{forged}");
        }
    }

    #[test]
    fn an_older_key_verifies_and_does_not_sign() {
        let (old, new) = (key("old", "one"), key("new", "two"));
        let signature = SigningKeys::new(vec![old.clone()]).sign(&["id"]);
        let both = SigningKeys::new(vec![new.clone(), old]);
        assert!(both.verify(&["id"], &signature) && both.sign(&["id"]).starts_with("new."));
        assert!(!SigningKeys::new(vec![new]).verify(&["id"], &signature));
    }

    #[test]
    fn any_of_the_secrets_is_taken() {
        let secrets = Secrets::new(vec![Secret::new(b"old secret"), Secret::new(b"new secret")]);
        assert!(secrets.admit("old secret") && secrets.admit("new secret"));
        for shown in ["", "old", "old secret ", "OLD SECRET", "old secretnew secret"] {
            assert!(!secrets.admit(shown), "{shown}");
        }
        assert!(!Secrets::default().admit(""));
    }

    #[test]
    fn nothing_is_printed() {
        let shown = format!("{:?} {:?}", key("k", "hush"), Secrets::new(vec![Secret::new(b"hush")]));
        assert!(!shown.contains("hush") && shown.contains("***"), "{shown}");
    }
}

//! Who may use the proxy: trusted callers by a secret, everybody else by a signed URL, and never this server itself.
//!
//! Off, there is no gate. The secret and the keys that sign are different things: whoever may call cannot make URLs for
//! streams of others.

use std::time::Duration;

use everstream_log::Timestamp;
use http::header::{AUTHORIZATION, VIA};
use http::{HeaderMap, HeaderValue};

use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::signing::{Secrets, SigningKeys};

pub use scope::Scope;

mod scope;

/// The proxy's bouncer.
#[derive(Debug)]
pub struct ProxyGate {
    secrets: Secrets,
    keys: SigningKeys,
    url_ttl: Duration,
    via: HeaderValue,
}

/// The parts of a signed URL that prove something.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// Unix time in seconds.
    pub expires: &'a str,
    /// As [`SigningKeys::sign`] writes it.
    pub signature: &'a str,
    /// What it is for; nothing is for everything.
    pub scope: Option<&'a str>,
}

/// Whether `path` is the proxy's: `/v1/proxy` or below.
#[must_use]
pub fn is_proxy_path(path: &str) -> bool {
    path.strip_prefix("/v1/proxy").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What every signed text begins with: a signature for one purpose is none for another.
const URL_LABEL: &str = "everstream/proxy-url/1";
const VIA_LABEL: &str = "everstream/proxy-via/1";

impl ProxyGate {
    /// The gate that `config` asks for; `None` where the proxy is off.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        config.serves_proxy().then(|| Self {
            secrets: config.proxy_secret.clone(),
            keys: config.proxy_signing_key.clone(),
            url_ttl: config.proxy_url_ttl,
            via: via(&config.proxy_signing_key),
        })
    }

    /// Judges the secret of a trusted caller: the one in the query, else the bearer token.
    ///
    /// # Errors
    /// `missing_secret`, `invalid_secret`.
    pub fn check_secret(&self, in_query: Option<&str>, headers: &HeaderMap) -> Result<(), Problem> {
        let in_query = in_query.filter(|secret| !secret.is_empty());
        match in_query.or_else(|| bearer(headers)) {
            None => {
                let detail = "the caller has to show a secret of this server, as `Authorization: Bearer` or `?secret=`";
                Err(Problem::new(Code::MissingSecret, detail))
            }
            Some(secret) if self.secrets.admit(secret) => Ok(()),
            Some(_) => Err(Problem::new(Code::InvalidSecret, "the secret is none of this server's")),
        }
    }

    /// The query of a URL for the stream `id` that allows `scope` from `now` on, for as long as URLs hold.
    #[must_use]
    pub fn sign(&self, id: &str, scope: Scope, now: Timestamp) -> String {
        let expires = (now.plus(self.url_ttl).0 / 1000).to_string();
        let signature = self.keys.sign(&[URL_LABEL, id, &expires, scope.signed()]);
        let scope = scope.parameter().map(|word| format!("&scope={word}")).unwrap_or_default();
        format!("expires={expires}{scope}&signature={signature}")
    }

    /// Judges a signed URL for the stream `id`, which has to allow `wanted`, at the time `now`. Returns when it ends.
    ///
    /// # Errors
    /// `signature_expired`, `signature_invalid`, `scope_exceeded`.
    pub fn check_url(&self, id: &str, proof: Proof<'_>, wanted: Scope, now: Timestamp) -> Result<Timestamp, Problem> {
        let until = proof.expires.parse().ok().map(|seconds: u64| Timestamp(seconds.saturating_mul(1000)));
        let Some(until) = until.filter(|until| *until >= now) else {
            return Err(Problem::new(Code::SignatureExpired, "the URL is out of date; its maker gives a new one"));
        };
        let invalid = || Problem::new(Code::SignatureInvalid, "the URL was not signed by this server, or was changed");
        let scope = Scope::of_parameter(proof.scope).ok_or_else(invalid)?;
        if !self.keys.verify(&[URL_LABEL, id, proof.expires, scope.signed()], proof.signature) {
            return Err(invalid());
        }
        if !scope.allows(wanted) {
            let detail = format!("the URL was signed for `{}` alone", scope.signed());
            return Err(Problem::new(Code::ScopeExceeded, detail));
        }
        Ok(until)
    }

    /// Whether a request with these headers is a call that the proxy itself made: answered, it could go round for ever.
    #[must_use]
    pub fn is_own_call(&self, headers: &HeaderMap) -> bool {
        let lists = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
        lists.flat_map(|list| list.split(',')).any(|hop| hop.trim().as_bytes() == self.via.as_bytes())
    }
}

/// What the proxy adds to `Via` (RFC 9110, 7.6.3). It comes from the keys, so that all processes that share them know each
/// other's calls, and nobody else can tell it beforehand.
#[must_use]
pub fn via(keys: &SigningKeys) -> HeaderValue {
    let pseudonym: String =
        keys.sign(&[VIA_LABEL]).chars().filter(char::is_ascii_alphanumeric).rev().take(20).collect();
    HeaderValue::try_from(format!("1.1 everstream-{pseudonym}")).unwrap_or(HeaderValue::from_static("1.1 everstream"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;

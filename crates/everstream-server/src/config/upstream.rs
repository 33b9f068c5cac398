//! `[upstreams.NAME]`: where asks go.

use std::num::NonZeroUsize;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::value::{Invalid, Limit, Value};

super::key::keys! {
    /// One mounted upstream.
    struct Upstream, table UPSTREAM_KEYS {
        /// Its name: the table's, `[upstreams.NAME]`.
        name: String,
        /// Headers added to every request upstream; a value's `${NAME}` is taken from the environment. Values never show.
        headers: Vec<(HeaderName, HeaderValue)>,
    }
    /// Path under which its requests come in.
    mount: MountPath;
    /// Where they go: the rest of the path is appended.
    url: BaseUrl;
    /// How its answers are framed: `auto` tells by path and content type.
    dialect: Dialect = "auto";
    /// What becomes of an answer when its caller disconnects: `continue`, `cancel`, or `cancel-after=SECONDS`.
    on_disconnect: OnDisconnect = "continue";
    /// Whether a caller may choose that for its own ask (`Everstream-On-Disconnect`).
    on_disconnect_override: bool = "true";
    /// Time to connect.
    connect_timeout: Duration = "10s";
    /// Time from the request to the first byte of the answer.
    first_byte_timeout: Duration = "120s";
    /// Longest silence within an answer.
    idle_timeout: Duration = "120s";
    /// Longest whole answer; `0` is no bound.
    total_timeout: Limit<Duration> = "30m";
    /// How long the upstream's status is waited for before the caller's head goes out as 200.
    status_commit_after: Duration = "10s";
    /// Asks at a time; further ones are answered 429.
    max_asks_in_flight: NonZeroUsize = "10000";
}

/// A path such as `/openai`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPath(String);

impl MountPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for MountPath {
    const KIND: &'static str = "path of this server";
    const EXAMPLE: &'static str = "/openai";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let lawful = |segment: &str| {
            !segment.is_empty()
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                && !matches!(segment, "." | "..")
        };
        match text.strip_prefix('/') {
            Some(rest) if rest.split('/').all(lawful) => Ok(Self(text.to_owned())),
            _ => Err(Invalid("is no path of letters, digits, - _ . and single slashes".to_owned())),
        }
    }
}

/// An `http` or `https` URL without query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for BaseUrl {
    const KIND: &'static str = "URL";
    const EXAMPLE: &'static str = "https://api.openai.com";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| Invalid(why.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid("is no URL"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
                Err(invalid("carries credentials; put them into headers"))
            }
            (Some("http" | "https"), Some(_)) if text.contains(['?', '#']) => Err(invalid("has a query or a fragment")),
            (Some("http" | "https"), Some(_)) => Ok(Self(text.trim_end_matches('/').to_owned())),
            _ => Err(invalid("is no http or https URL")),
        }
    }
}

/// The name of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect(String);

impl Dialect {
    const NAMES: [&'static str; 3] = ["auto", "openai-chat", "sse"];

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Dialect {
    const KIND: &'static str = "`auto`, `openai-chat` or `sse`";
    const EXAMPLE: &'static str = "openai-chat";

    fn parse(text: &str) -> Result<Self, Invalid> {
        if Self::NAMES.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid(format!("is none of {}", Self::NAMES.join(", "))))
        }
    }
}

/// What becomes of an answer whose caller disconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It goes on into its stream.
    Continue,
    /// It is stopped.
    Cancel,
    /// It is stopped unless somebody watches again within this time.
    CancelAfter(Duration),
}

impl Value for OnDisconnect {
    const KIND: &'static str = "`continue`, `cancel` or `cancel-after=SECONDS`";
    const EXAMPLE: &'static str = "cancel-after=30";

    fn parse(text: &str) -> Result<Self, Invalid> {
        match (text, text.strip_prefix("cancel-after=").map(str::parse)) {
            ("continue", _) => Ok(Self::Continue),
            ("cancel", _) => Ok(Self::Cancel),
            (_, Some(Ok(seconds))) => Ok(Self::CancelAfter(Duration::from_secs(seconds))),
            _ => Err(Invalid("is none of continue, cancel and cancel-after=SECONDS".to_owned())),
        }
    }
}

//! `[upstreams.NAME]`: where asks go.

use std::num::NonZeroUsize;
use std::time::Duration;

use everstream_gateway::{DialectChoice, Mount, OnDisconnect, Secret, Timeouts, Url};
use http::{HeaderName, HeaderValue};

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
    url: Url;
    /// How its answers are framed: `auto` tells by path and content type.
    dialect: DialectChoice = "auto";
    /// Whether the caller's own `Authorization`, `Cookie` and API key headers go upstream.
    forward_credentials: bool = "false";
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

impl Value for Url {
    const KIND: &'static str = "URL";
    const EXAMPLE: &'static str = "https://api.openai.com";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| Err(Invalid(why.to_owned()));
        match Self::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => invalid("is no http or https URL"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                invalid("carries credentials; put them into headers")
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => invalid("has a query or a fragment"),
            Ok(url) => Ok(url),
            Err(_) => invalid("is no URL"),
        }
    }
}

impl Value for DialectChoice {
    const KIND: &'static str = "`auto`, `openai-chat` or `sse`";
    const EXAMPLE: &'static str = "openai-chat";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text).ok_or_else(|| Invalid("is none of auto, openai-chat and sse".to_owned()))
    }
}

impl Value for OnDisconnect {
    const KIND: &'static str = "`continue`, `cancel` or `cancel-after=SECONDS`";
    const EXAMPLE: &'static str = "cancel-after=30";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text).ok_or_else(|| Invalid("is none of continue, cancel and cancel-after=SECONDS".to_owned()))
    }
}

impl Upstream {
    /// The upstream as the gateway mounts it.
    pub(super) fn mount(&self) -> Mount {
        Mount {
            name: self.name.clone(),
            path: self.mount.as_str().to_owned(),
            url: self.url.clone(),
            in_process: None,
            dialect: self.dialect,
            headers: self.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
            forwards_credentials: self.forward_credentials,
            on_disconnect: self.on_disconnect,
            on_disconnect_override: self.on_disconnect_override,
            timeouts: Timeouts {
                connect: self.connect_timeout,
                first_byte: self.first_byte_timeout,
                idle: self.idle_timeout,
                total: self.total_timeout.get(),
            },
            status_commit_after: self.status_commit_after,
            asks_in_flight_max: self.max_asks_in_flight,
        }
    }
}

//! Mounts and bounds, checked.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{AllowList, DialectChoice, InProcessUpstream};

/// What the gateway mounts and what it is allowed to use.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The upstreams. Where two mounts share a path, the longer one wins for what is below it.
    pub mounts: Vec<Mount>,
    /// The largest request body that is read whole to tell whether it is an ask, in bytes. 32 MiB.
    pub body_bytes_max: usize,
    /// The largest event of an upstream, in bytes; a larger one fails the answer. 1 MiB.
    pub event_bytes_max: usize,
    /// The proxy; none is off.
    pub proxy: Option<ProxyConfig>,
}

/// What the proxy may call, and how.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// The upstreams it may call.
    pub allow: Arc<AllowList>,
    /// What it adds to `Via` of every call, so that a call that comes back is recognised.
    pub via: HeaderValue,
    /// How long each step of a call may take.
    pub timeouts: Timeouts,
    /// The most answers in flight at a time.
    pub in_flight_max: NonZeroUsize,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self { mounts: Vec::new(), body_bytes_max: 32 << 20, event_bytes_max: 1 << 20, proxy: None }
    }
}

/// One upstream and the path under which it is reached.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Its name in the configuration and in logs.
    pub name: String,
    /// The path of this server below which requests go to it: `/openai`, without a slash at its end.
    pub path: String,
    /// Where they go: the rest of the request's path is appended to this URL's.
    pub url: Url,
    /// The upstream itself where it is a part of this process: requests go to it through memory. They name `url` as they
    /// would on a socket.
    pub in_process: Option<Arc<dyn InProcessUpstream>>,
    /// How its answers are framed.
    pub dialect: DialectChoice,
    /// Headers set on every request; they replace what the caller sent.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether the caller's own `Authorization`, `Cookie` and API key headers go upstream.
    pub forwards_credentials: bool,
    /// What becomes of an answer that nobody is connected to any more.
    pub on_disconnect: OnDisconnect,
    /// Whether a caller may choose that for its own ask.
    pub on_disconnect_override: bool,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// How long the upstream's status is waited for before the caller's head goes out as 200. 10 s.
    pub status_commit_after: Duration,
    /// The most asks at a time. 10,000.
    pub asks_in_flight_max: NonZeroUsize,
}

impl Mount {
    const ASKS_IN_FLIGHT_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

    /// A mount of `url` at `path`, everything else as by default.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<String>, url: Url) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            url,
            in_process: None,
            dialect: DialectChoice::Auto,
            headers: Vec::new(),
            forwards_credentials: false,
            on_disconnect: OnDisconnect::Continue,
            on_disconnect_override: true,
            timeouts: Timeouts::default(),
            status_commit_after: Duration::from_secs(10),
            asks_in_flight_max: Self::ASKS_IN_FLIGHT_MAX,
        }
    }
}

/// How long each step of an upstream call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included. 10 s.
    pub connect: Duration,
    /// From the request to the head of the answer. 120 s.
    pub first_byte: Duration,
    /// Without a byte within the answer. 120 s.
    pub idle: Duration,
    /// For the whole answer, from the request on; none is no bound. 30 min.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(120),
            total: Some(Duration::from_secs(30 * 60)),
        }
    }
}

/// What becomes of an answer once its last caller or viewer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It goes on into its stream.
    Continue,
    /// It is stopped.
    Cancel,
    /// It is stopped unless somebody connects again within this time.
    CancelAfter(Duration),
}

impl OnDisconnect {
    /// Reads `continue`, `cancel` or `cancel-after=<seconds>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "continue" => Some(Self::Continue),
            "cancel" => Some(Self::Cancel),
            _ => {
                let seconds: u32 = text.strip_prefix("cancel-after=")?.parse().ok()?;
                Some(Self::CancelAfter(Duration::from_secs(seconds.into())))
            }
        }
    }
}

/// A header value that is never shown: it prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// Hides `value`.
    #[must_use]
    pub fn new(mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        Self(value)
    }

    /// The value, for the wire.
    pub(crate) const fn expose(&self) -> &HeaderValue {
        &self.0
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

    #[test]
    fn a_policy_is_one_of_three_words() {
        for (text, policy) in [
            ("continue", Some(OnDisconnect::Continue)),
            ("cancel", Some(OnDisconnect::Cancel)),
            ("cancel-after=30", Some(OnDisconnect::CancelAfter(Duration::from_secs(30)))),
            ("cancel-after=-1", None),
            ("cancel-after=", None),
            ("Cancel", None),
            ("", None),
        ] {
            assert_eq!(OnDisconnect::parse(text), policy, "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut mount = Mount::new("openai", "/openai", Url::parse("https://api.openai.com").unwrap());
        mount.headers.push((http::header::AUTHORIZATION, Secret::new(HeaderValue::from_static("Bearer sk-hidden"))));
        let shown = format!("{mount:?} {mount:#?}");
        assert!(!shown.contains("sk-hidden") && shown.contains("***"), "{shown}");
    }
}

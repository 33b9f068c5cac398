//! The configuration: one key table, read from four layers by one pure function.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use everstream_log::Durability;

pub use error::{ConfigError, Source};
pub use key::Key;
pub use upstream::{BaseUrl, Dialect, MountPath, OnDisconnect, UPSTREAM_KEYS, Upstream};
pub use value::{ByteSize, Invalid, Limit, Origin, Value};

mod error;
mod key;
mod layer;
mod upstream;
mod value;

key::keys! {
    /// The checked configuration.
    struct Config, table KEYS {
        /// The mounted upstreams, in the order of their names.
        upstreams: Vec<Upstream>,
    }
    /// Address and port to listen on; port `0` takes a free one.
    listen: SocketAddr = "127.0.0.1:8000", flag;
    /// Directory of the log. With `durability = "memory"` nothing is written and no directory is used.
    data_dir: PathBuf = "everstream-data", flag;
    /// What an acknowledged append survives: `memory` nothing, `os` the death of the process, `fsync` a power cut.
    durability: Durability = "os", flag;
    /// Silence after which a subscription gets a comment line; `0` turns them off.
    keep_alive: Limit<Duration> = "15s", flag;
    /// How long clients wait before they reconnect (`retry:`); each is told 0.5 to 1.5 times of it.
    retry: Duration = "2s", flag;
    /// How long a long-poll waits for news.
    long_poll_timeout: Duration = "30s", flag;
    /// How long a shutdown waits for relays, and for the last bytes of answers.
    drain_timeout: Duration = "10s", flag;
    /// Age at which a subscription is ended so that its client reconnects; `0` lets it live on.
    max_subscription_age: Limit<Duration> = "0";
    /// Time a client has to send a request's head.
    head_timeout: Duration = "10s";
    /// Largest request head.
    max_head_bytes: ByteSize = "16KiB";
    /// Largest request body; a streaming append has no bound of its own.
    max_body_bytes: ByteSize = "32MiB";
    /// Largest event or record.
    max_event_bytes: ByteSize = "1MiB";
    /// Data bytes one stream may hold; `0` is no bound.
    max_stream_bytes: Limit<ByteSize> = "1GiB";
    /// Streams the log may hold; `0` is no bound.
    max_streams: Limit<NonZeroUsize> = "1000000";
    /// Connections at a time; further ones are answered 503.
    max_connections: NonZeroUsize = "50000";
    /// Subscriptions of one stream at a time.
    max_subscribers_per_stream: NonZeroUsize = "50000";
    /// Connections of one client address at a time; `0` is no bound, as a reverse proxy needs it.
    max_connections_per_address: Limit<NonZeroUsize> = "0";
    /// Time without an append, read or subscription after which a stream expires that was made without a time of its own; `0` is never.
    ttl: Limit<Duration> = "0";
    /// Time after its close at which a stream expires; `0` is never.
    closed_ttl: Limit<Duration> = "0";
    /// Origins whose pages may call the server, each exactly as a browser sends it.
    cors_origins: Vec<Origin> = "";
    /// Whether pages of those origins may send credentials.
    cors_credentials: bool = "false";
    /// Whether an address that is not loopback may be bound although nothing is asked of clients.
    insecure: bool = "false", flag;
    /// Whether the demo is served: `auto` does while no upstream is configured.
    demo: Demo = "auto";
}

/// Whether the demo is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demo {
    /// While no upstream is configured.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Value for Demo {
    const KIND: &'static str = "`auto`, `on` or `off`";
    const EXAMPLE: &'static str = "off";

    fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(Invalid("is none of auto, on and off".to_owned())),
        }
    }
}

impl Config {
    /// The configuration that nobody touched, for tests.
    ///
    /// # Errors
    /// Never: the defaults are checked by a test.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::check(&layer::Settings::defaults(KEYS, String::new()), Vec::new())
    }

    /// Whether the demo's routes and mount are there.
    #[must_use]
    pub fn serves_demo(&self) -> bool {
        match self.demo {
            Demo::Auto => self.upstreams.is_empty(),
            Demo::On => true,
            Demo::Off => false,
        }
    }
}

//! The configuration: one key table, read from four layers by one pure function.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use everstream_gateway::{AllowList, GatewayConfig, InProcessUpstream, Mount, ProxyConfig, Timeouts, Url};
use everstream_hub::HubConfig;
use everstream_log::Durability;

pub use error::{ConfigError, Source};
pub use file::FileText;
pub use flags::ServeArgs;
pub use key::Key;
pub use load::load;
pub use resolve::{Layers, Resolved, resolve};
pub use upstream::{MountPath, UPSTREAM_KEYS, Upstream};
pub use value::{ByteSize, Invalid, Limit, Origin, Value};

use crate::proxy_gate;
use crate::signing::{Secrets, SigningKeys};

mod environment;
mod error;
mod file;
mod flags;
mod key;
mod layer;
mod load;
mod proxy;
mod resolve;
mod upstream;
mod value;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

key::keys! {
    /// The checked configuration.
    struct Config, table KEYS {
        /// The mounted upstreams, in the order of their names.
        upstreams: Vec<Upstream>,
    }
    /// Address and port to listen on; port `0` takes a free one.
    listen: SocketAddr = "127.0.0.1:8000", flag "listen";
    /// Directory of the log; `everstream-data` if none is named, and none at all with `durability = "memory"`.
    data_dir: Option<PathBuf> = "", flag "data-dir";
    /// What an acknowledged append survives: `memory` nothing, `os` the death of the process, `fsync` a power cut.
    durability: Durability = "os", flag "durability";
    /// Silence after which a subscription gets a comment line; `0` turns them off.
    keep_alive: Limit<Duration> = "15s", flag "keep-alive";
    /// How long clients wait before they reconnect (`retry:`); each is told 0.5 to 1.5 times of it.
    retry: Duration = "2s", flag "retry";
    /// How long a long-poll waits for news.
    long_poll_timeout: Duration = "30s", flag "long-poll-timeout";
    /// How long a shutdown waits for relays, and for the last bytes of answers.
    drain_timeout: Duration = "10s", flag "drain-timeout";
    /// Age at which a subscription is ended so that its client reconnects; `0` lets it live on.
    max_subscription_age: Limit<Duration> = "0";
    /// Time a client has to send a request's head.
    head_timeout: Duration = "10s";
    /// Time a connection may be idle between two requests, the next one's head included; and silent within a request's
    /// body, unless that is a streaming append.
    idle_timeout: Duration = "75s";
    /// Time a client may leave sent bytes unread or unacknowledged before its connection is dropped.
    peer_timeout: Duration = "60s";
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
    max_subscribers_per_stream: NonZeroUsize = "100000";
    /// Producers that may ever append to one stream; each stays known for as long as the stream is there.
    max_producers_per_stream: NonZeroUsize = "10000";
    /// Connections of one client address at a time; `0` is no bound, as a reverse proxy needs it.
    max_connections_per_address: Limit<NonZeroUsize> = "0";
    /// Time without an append, read or subscription after which an open stream expires that was made without an expiry
    /// of its own; one that has left memory up to an eighth later. `0` is never.
    ttl: Limit<Duration> = "168h";
    /// Time after its close at which such a stream expires; `0` is never.
    closed_ttl: Limit<Duration> = "24h";
    /// How often expired and idle streams are looked for.
    sweep_interval: Duration = "1s";
    /// Time without use after which a stream leaves memory; its log stays.
    evict_after: Duration = "60s";
    /// Frames a stream keeps in memory for subscribers who have not taken them yet; one who is further behind reads the log.
    max_ring_frames: NonZeroUsize = "1024";
    /// Bytes of those frames.
    max_ring_bytes: ByteSize = "256KiB";
    /// Bytes one read of the log brings for a subscriber that catches up.
    catch_up_bytes: ByteSize = "128KiB";
    /// Appends that wait for a stream writer; more make their publishers wait.
    max_queued_appends: NonZeroUsize = "1024";
    /// Origins whose pages may call the server, each exactly as a browser sends it.
    cors_origins: Vec<Origin> = "";
    /// Whether pages of those origins may send credentials.
    cors_credentials: bool = "false";
    /// Whether an address that is not loopback may be bound although nothing is asked of clients.
    insecure: bool = "false", flag "insecure";
    /// Whether the demo is served: `auto` does while no upstream is configured.
    demo: Demo = "auto";
    /// Secrets with which trusted callers use the proxy at `/v1/proxy`, each of 16 or more characters; several while one is
    /// replaced. Without any the proxy is off.
    proxy_secret: Secrets = "";
    /// Keys that sign the URLs of the proxy's streams, each an id, a colon and 32 or more characters. The first one signs,
    /// every one verifies. Without any, a key is made and kept in the data directory.
    proxy_signing_key: SigningKeys = "";
    /// Upstreams that the proxy may call, as scheme, host, port and path: without a port the scheme's own, `:*` for any;
    /// `*.` before a host for one or more labels; in the path `*` for one segment and a last `**` for everything below;
    /// without a path every path. A private address is called only where its host is written down. Empty, none is.
    proxy_allow: AllowList = "";
    /// How long the URLs of the proxy's streams hold.
    proxy_url_ttl: Duration = "24h";
    /// Time for the proxy to connect.
    proxy_connect_timeout: Duration = "10s";
    /// Time from the proxy's call to the head of its answer.
    proxy_first_byte_timeout: Duration = "60s";
    /// Longest silence within an answer to the proxy.
    proxy_idle_timeout: Duration = "10m";
    /// Longest whole answer to the proxy; `0` is no bound.
    proxy_total_timeout: Limit<Duration> = "30m";
    /// Answers to the proxy at a time; further calls are answered 429.
    proxy_max_in_flight: NonZeroUsize = "10000";
    /// Whether event streams over plain HTTP/1.1 are written straight to their sockets; the bytes are the same without.
    lane: bool = "true";
    /// Threads that serve connections; `0` is one for every two processors, and one at least: the kernel's side of the
    /// sockets, the log's threads and the reading of history want the others.
    workers: Limit<NonZeroUsize> = "0";
}

/// Where the log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In this process only.
    Memory,
    /// In this directory.
    Disk(PathBuf),
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

    /// Where the log is kept.
    #[must_use]
    pub fn storage(&self) -> Storage {
        match (&self.data_dir, self.durability) {
            (None, Durability::Memory) => Storage::Memory,
            (None, Durability::Os | Durability::Fsync) => Storage::Disk("everstream-data".into()),
            (Some(directory), _) => Storage::Disk(directory.clone()),
        }
    }

    /// The hub's bounds.
    #[must_use]
    pub fn hub(&self) -> HubConfig {
        HubConfig {
            record_bytes_max: self.max_event_bytes.0,
            stream_bytes_max: self.max_stream_bytes.get().map_or(u64::MAX, |bytes| bytes.0 as u64),
            producers_per_stream_max: self.max_producers_per_stream.get() as u64,
            subscribers_per_stream_max: self.max_subscribers_per_stream.get(),
            ring_bytes_max: self.max_ring_bytes.0,
            ring_frames_max: self.max_ring_frames.get(),
            catch_up_bytes_max: self.catch_up_bytes.0,
            queued_appends_max: self.max_queued_appends.get(),
            idle_max: self.evict_after,
            ttl: self.ttl.get().unwrap_or_default(),
            closed_ttl: self.closed_ttl.get().unwrap_or_default(),
            sweep_interval: self.sweep_interval,
        }
    }

    /// The gateway's mounts and bounds. Where the demo is served, its mount leads to `demo_upstream`, whose requests name
    /// `own_address` as their host.
    #[must_use]
    pub fn gateway(&self, own_address: SocketAddr, demo_upstream: &Arc<dyn InProcessUpstream>) -> GatewayConfig {
        let demo = self.serves_demo().then(|| demo_mount(own_address, demo_upstream)).flatten();
        GatewayConfig {
            mounts: self.upstreams.iter().map(Upstream::mount).chain(demo).collect(),
            body_bytes_max: self.max_body_bytes.0,
            event_bytes_max: self.max_event_bytes.0,
            proxy: self.serves_proxy().then(|| self.proxy()),
        }
    }

    /// Whether the proxy is on.
    #[must_use]
    pub const fn serves_proxy(&self) -> bool {
        !self.proxy_secret.is_empty()
    }

    fn proxy(&self) -> ProxyConfig {
        ProxyConfig {
            allow: Arc::new(self.proxy_allow.clone()),
            via: proxy_gate::via(&self.proxy_signing_key),
            timeouts: Timeouts {
                connect: self.proxy_connect_timeout,
                first_byte: self.proxy_first_byte_timeout,
                idle: self.proxy_idle_timeout,
                total: self.proxy_total_timeout.get(),
            },
            in_flight_max: self.proxy_max_in_flight,
        }
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

/// The demo is an upstream like any other, and happens to be in this process.
fn demo_mount(own_address: SocketAddr, upstream: &Arc<dyn InProcessUpstream>) -> Option<Mount> {
    let mut reachable = own_address;
    if reachable.ip().is_unspecified() {
        reachable.set_ip(if reachable.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let url = Url::parse(&format!("http://{reachable}/demo-upstream")).ok()?;
    Some(Mount { in_process: Some(Arc::clone(upstream)), ..Mount::new("demo", "/demo", url) })
}

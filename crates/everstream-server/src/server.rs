//! The process: from a checked configuration to a drained exit.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;

use everstream_gateway::CloseDetail;
use everstream_hub::{Hub, Tasks};
use everstream_log::{Log, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::acceptor::Acceptor;
use crate::admission::Admission;
use crate::app::App;
use crate::config::{self, Config, ConfigError, ServeArgs, Storage};
use crate::engine;
use crate::lane::Helpers;
use crate::listener::{self, BindError};
use crate::signing::SigningKeys;
use crate::signing_key_file;
use crate::worker::{self, Worker};

/// A server that is bound and has its log open, but serves nobody yet.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    log: Arc<dyn Log>,
    listener: TcpListener,
    address: SocketAddr,
}

/// Why a server does not start, or did not end well. `Display` is one sentence that says what to do.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// The address cannot be bound.
    Bind(BindError),
    /// The log cannot be opened, recovered or closed.
    Log(Box<dyn StdError + Send + Sync>),
    /// The file of the proxy's signing key cannot be made, read or understood.
    SigningKey(io::Error),
    /// The machine gives no thread, runtime or socket.
    Machine(io::Error),
}

/// Reads the configuration, then binds and runs a server until `shutdown` resolves; see [`Server::run`].
///
/// # Errors
/// As [`config::load`], [`Server::bind`] and [`Server::run`].
///
/// # Cancel safety
/// As [`Server::run`].
pub async fn serve(args: &ServeArgs, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let resolved = config::load(args).map_err(ServeError::Config)?;
    for warning in &resolved.warnings {
        tracing::warn!("{warning}");
    }
    Server::bind(resolved.config)?.run(shutdown).await
}

impl Server {
    /// Binds the address and opens the log, so that whatever can be refused is refused before anybody is served.
    ///
    /// # Errors
    /// [`ServeError::Bind`], [`ServeError::Log`].
    pub fn bind(mut config: Config) -> Result<Self, ServeError> {
        // The address first: a second server must not touch a data directory only to find its port taken.
        let listener = listener::bind(config.listen).map_err(ServeError::Bind)?;
        let address = listener.local_addr().map_err(ServeError::Machine)?;
        let log = engine::open(&config).map_err(|error| ServeError::Log(error.into()))?;
        if config.serves_proxy() && config.proxy_signing_key.is_empty() {
            config.proxy_signing_key = signing_key(&config).map_err(ServeError::SigningKey)?;
        }
        Ok(Self { config: Arc::new(config), log, listener, address })
    }

    /// Where it listens: the port is known even when the configuration asked for a free one.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves, then drains: nothing is accepted any more, subscriptions end so that their
    /// clients resume, appends in flight are answered, relays get `drain_timeout`. Writes one line to the standard
    /// output once it serves: `listening on http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// When the log cannot be recovered or closed, or no thread can be had.
    ///
    /// # Cancel safety
    /// Dropped, it serves nobody any more and nothing is drained: what was acknowledged is kept, as after a crash.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { config, log, listener, address } = self;
        let tasks = Tasks::new();
        let hub = Hub::new(Arc::clone(&log), Arc::new(SystemClock), config.hub(), tasks.clone());
        recover(&hub).await?;
        hub.spawn_sweeper();
        let app = App::new(hub, Arc::clone(&config), address);
        let app = app.map_err(|error| ServeError::Machine(io::Error::other(error)))?;
        let ended = CancellationToken::new();
        let _stop_workers = ended.clone().drop_guard();
        let workers = start_workers(&app, &ended).map_err(ServeError::Machine)?;
        let acceptor = Acceptor {
            listener: tokio::net::TcpListener::from_std(listener).map_err(ServeError::Machine)?,
            admission: Admission::new(config.max_connections, config.max_connections_per_address.get()),
            peer_timeout: config.peer_timeout,
            workers: workers.iter().map(|worker| worker.arrivals.clone()).collect(),
            tasks: tasks.clone(),
        };
        announce(address, &config);
        tokio::select! {
            () = acceptor.run() => {}
            () = shutdown => {}
        }
        tracing::info!(timeout = ?config.drain_timeout, "draining");
        tasks.drain(config.drain_timeout).await;
        ended.cancel();
        drop(app);
        join(workers);
        log.close().await.map_err(|error| ServeError::Log(error.into()))
    }
}

/// The key that a server has which was given none. In memory, its URLs end with its streams.
fn signing_key(config: &Config) -> io::Result<SigningKeys> {
    match config.storage() {
        Storage::Memory => signing_key_file::fresh(),
        Storage::Disk(directory) => signing_key_file::load_or_make(&directory),
    }
}

/// Closes what relays of a dead process left open.
async fn recover(hub: &Hub) -> Result<(), ServeError> {
    let interrupted =
        hub.recover(CloseDetail::server_died().to_bytes()).await.map_err(|error| ServeError::Log(error.into()))?;
    if !interrupted.is_empty() {
        tracing::warn!(
            streams = interrupted.len(),
            "streams were being relayed when the server died; closed as interrupted"
        );
    }
    Ok(())
}

fn start_workers(app: &App, ended: &CancellationToken) -> io::Result<Vec<Worker>> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // Half as many as there are processors. A thread that is woken less often, for more each time, costs less; and the
    // half that is left is not idle (`docs/adr/0015-workers.md`): it is what helps with crowds.
    let count = app.config.workers.get().map_or(processors.div_ceil(2), NonZeroUsize::get);
    let helpers = Helpers::new(processors.saturating_sub(count));
    (0..count).map(|number| worker::start(number, app.clone(), helpers.clone(), ended.clone())).collect()
}

fn announce(address: SocketAddr, config: &Config) {
    tracing::info!(%address, durability = config.durability.as_str(), storage = ?config.storage(), "listening");
    if config.insecure && !address.ip().is_loopback() {
        tracing::warn!(%address, "anybody who reaches this address may read, write and delete every stream");
    }
    // A closed standard output is no reason not to serve.
    let _ = writeln!(io::stdout(), "listening on http://{address}");
}

fn join(workers: Vec<Worker>) {
    for worker in workers {
        drop(worker.arrivals);
        if worker.thread.join().is_err() {
            tracing::error!("a worker thread panicked");
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "{error}"),
            Self::Bind(error) => write!(f, "{error}"),
            Self::Log(error) => write!(f, "the log: {error}"),
            Self::SigningKey(error) => write!(
                f,
                "the proxy's signing key: {error}; repair the file in the data directory, or set proxy_signing_key"
            ),
            Self::Machine(error) => write!(f, "the machine refuses: {error}"),
        }
    }
}

impl StdError for ServeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Bind(error) => error.source(),
            Self::Log(error) => error.source(),
            Self::SigningKey(error) | Self::Machine(error) => error.source(),
        }
    }
}

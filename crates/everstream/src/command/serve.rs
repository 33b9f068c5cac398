//! `everstream serve`.

use std::io;

use clap::Args;
use everstream_server::config::ServeArgs;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use crate::outcome::Outcome;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Settings are taken from the defaults, then the file, then the environment (EVERSTREAM_LISTEN and so on), then flags.
Without an upstream in the configuration a demo is served: open http://127.0.0.1:8000 in a browser.

Examples:
  everstream serve
  everstream serve --listen 127.0.0.1:9000 --data-dir /var/lib/everstream --durability fsync
  everstream serve --config /etc/everstream.toml";

/// The storage engine is told to keep its housekeeping to itself.
const LOG_FILTER: &str = "info,fjall=warn,lsm_tree=warn";

/// Run the server until SIGTERM or Ctrl-C, then drain; a second one ends it at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    #[command(flatten)]
    args: ServeArgs,

    /// What is logged to standard error, such as `warn` or `info,everstream_gateway=debug`.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = LOG_FILTER)]
    log: EnvFilter,
}

impl Serve {
    pub(crate) async fn run(self, terminal: Terminal) -> anyhow::Result<Outcome> {
        let subscriber = tracing_subscriber::fmt().with_env_filter(self.log).with_writer(io::stderr);
        subscriber.with_ansi(terminal.colours_stderr()).init();
        // Taken before anything is bound: a signal that comes early must not end the process halfway.
        let mut signals = Signals::take()?;
        let drain = Notify::new();
        let serving = everstream_server::serve(&self.args, drain.notified());
        let told_twice = async {
            signals.next().await;
            drain.notify_one();
            signals.next().await;
        };
        tokio::select! {
            served = serving => served?,
            () = told_twice => anyhow::bail!("told to end a second time while draining; what was acknowledged is kept"),
        }
        Ok(Outcome::Completed)
    }
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

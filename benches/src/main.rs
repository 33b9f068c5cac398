//! Everstream's benchmarks. A definition runs a release build of the server as a process of its own, puts a load on it
//! that is checked (order, nothing lost) before a figure counts, and says what it cost: CPU as the operating system has
//! it, beside other servers and a bare loop of writes under the same load.
//!
//! - [`definition`]: the workloads, one file each, with their sizes and what must hold.
//! - [`peer`]: the other servers.
//! - [`generator`]: the load.
//! - [`process`]: a server as a process, what it uses, and that it ends.
//! - [`result`]: figures, tables, and files of results.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

mod bare;
mod definition;
mod generator;
mod http;
mod peer;
mod process;
mod result;
mod subscriber;
mod upstream;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::definition::beside::Beside;
use self::definition::demo::Demo;
use self::definition::fan_out::FanOut;
use self::definition::relay::Relay;
use self::definition::resume::Resume;
use self::definition::startup::Startup;
use self::definition::{Bench, run, smoke};
use self::peer::Peers;

/// Everstream's benchmarks.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server to measure; build it with `cargo build --release -p everstream`.
    #[arg(long, global = true, default_value = "target/release/everstream")]
    server: PathBuf,
    /// The other servers to measure, by the names of scripts/peer.sh; without it, those that are installed.
    #[arg(long, global = true, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Keep the result in docs/benchmarks/results, for plots and documents.
    #[arg(long, global = true)]
    record: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One stream, many subscribers: CPU per delivery, beside a bare loop of writes.
    FanOut(FanOut),
    /// Many answers at once through the relay: CPU per token and added latency.
    Relay(Relay),
    /// Many answers of the built-in demo at once: CPU per token, its own upstream included.
    Demo(Demo),
    /// Resuming at the tail of a short and of a long stream: what it takes.
    Resume(Resume),
    /// Starting on a data directory with many closed streams: time to the first answer.
    Startup(Startup),
    /// Everstream beside Electric's `durable-streams`: appends, catch-up, live tails, memory.
    Beside(Beside),
    /// Every definition small and short: what must hold, without figures.
    Smoke,
    /// The reference of `fan-out`: writes what it reads on standard input to every socket (run by `fan-out`).
    #[command(hide = true)]
    Bare,
    /// An upstream that sends tokens at a steady rate (run by `relay`).
    #[command(hide = true)]
    Upstream,
    /// Runs a program until it or standard input ends (run for every server).
    #[command(hide = true)]
    Guard { program: PathBuf, arguments: Vec<OsString> },
}

fn main() -> Result<()> {
    let Arguments { server, peers, record, command } = Arguments::parse();
    let peers = match (&command, peers) {
        (Command::Smoke, _) => Peers::OwnOnly,
        (_, Some(names)) => Peers::Named(names),
        (_, None) => Peers::Installed,
    };
    let bench = Bench { server, peers };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::FanOut(definition) => run(&definition, &bench, record).await,
            Command::Relay(definition) => run(&definition, &bench, record).await,
            Command::Demo(definition) => run(&definition, &bench, record).await,
            Command::Resume(definition) => run(&definition, &bench, record).await,
            Command::Startup(definition) => run(&definition, &bench, record).await,
            Command::Beside(definition) => run(&definition, &bench, record).await,
            Command::Smoke => smoke_all(&bench).await,
            Command::Bare => bare::serve(),
            Command::Upstream => upstream::serve(),
            Command::Guard { program, arguments } => process::guard::stand(&program, &arguments),
        }
    })
}

/// Every definition there is.
async fn smoke_all(bench: &Bench) -> Result<()> {
    smoke::<FanOut>(bench).await?;
    smoke::<Relay>(bench).await?;
    smoke::<Demo>(bench).await?;
    smoke::<Resume>(bench).await?;
    smoke::<Startup>(bench).await?;
    smoke::<Beside>(bench).await
}

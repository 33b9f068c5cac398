//! Everstream's benchmarks. A definition runs a release build of the server as a process of its own, puts a load on it
//! that is checked (order, nothing lost) before a figure counts, and says what it cost: CPU as the operating system has
//! it, beside other servers and a bare loop of writes under the same load.
//!
//! - [`definition`]: the workloads, one file each, with their sizes and what must hold.
//! - [`peer`]: the other servers.
//! - [`generator`]: the load.
//! - [`process`]: a server as a process, what it uses, and that it ends.
//! - [`result`]: figures, tables, and files of results; [`plot`]: pictures of those; [`document`]: tables of those.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

mod definition;
mod document;
mod generator;
mod http;
mod peer;
mod plot;
mod process;
mod result;
mod subscriber;
mod upstream;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::definition::appends::Appends;
use self::definition::beside::Beside;
use self::definition::chat::Chat;
use self::definition::decode::Decoding;
use self::definition::demo::Demo;
use self::definition::fan_out::FanOut;
use self::definition::growth_streams::GrowthStreams;
use self::definition::growth_subscribers::GrowthSubscribers;
use self::definition::idle_memory::IdleMemory;
use self::definition::relay::Relay;
use self::definition::resume::Resume;
use self::definition::saturated::Saturated;
use self::definition::startup::Startup;
use self::definition::storm::Storm;
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
    /// Ask servers to end instead of killing them, so that they write what they have noted for a tool until then.
    #[arg(long, global = true)]
    gently: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Measure(Measure),
    /// Every definition small and short: what must hold, without figures.
    Smoke,
    /// Draw the recorded results into docs/benchmarks, and write the tables of docs/benchmarks.md.
    Plot,
    #[command(flatten)]
    Part(Part),
}

/// A definition.
#[derive(Debug, Subcommand)]
enum Measure {
    /// One stream, many subscribers: CPU per delivery and latency, beside the peers and a bare loop of writes.
    FanOut(FanOut),
    /// One stream, many subscribers, as many events as the server takes: deliveries per second.
    Saturated(Saturated),
    /// Many subscribers and nothing to say to them: memory of each.
    IdleMemory(IdleMemory),
    /// Many streams with few subscribers each, durable: CPU per delivery and latency.
    Chat(Chat),
    /// From one subscriber to many: CPU per delivery and memory, as a curve.
    GrowthSubscribers(GrowthSubscribers),
    /// Many answers at once through the relay: CPU per token and added latency.
    Relay(Relay),
    /// Many answers of the built-in demo at once: CPU per token, its own upstream included.
    Demo(Demo),
    /// Appends to many streams beside the other servers of the protocol: rate, latency, CPU.
    Appends(Appends),
    /// The same from one stream to very many: how the cost grows.
    GrowthStreams(GrowthStreams),
    /// Resuming at the tail of short and of long streams: what it takes.
    Resume(Resume),
    /// Very many subscribers resume at once: when they have caught up, and what others notice.
    Storm(Storm),
    /// Starting on a data directory with many closed streams: time to the first answer.
    Startup(Startup),
    /// Our decoder beside others, in memory.
    Decode(Decoding),
    /// Everstream beside Electric's `durable-streams`: appends, catch-up, live tails, memory.
    Beside(Beside),
}

/// What a definition runs as a process of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// A peer: writes what is published to every socket, and nothing else.
    #[command(hide = true)]
    Bare,
    /// A peer: axum's `Sse` over a broadcast channel.
    #[command(hide = true)]
    AxumBroadcast,
    /// The backend of the peer Pushpin.
    #[command(hide = true)]
    GripBackend,
    /// An upstream that sends tokens at a steady rate (run by `relay`).
    #[command(hide = true)]
    Upstream,
    /// Runs a program until it or standard input ends (run for every server).
    #[command(hide = true)]
    Guard { program: PathBuf, arguments: Vec<OsString> },
}

fn main() -> Result<()> {
    let Arguments { server, peers, record, gently, command } = Arguments::parse();
    process::end_servers_gently(gently);
    let peers = peers.map_or(Peers::Installed, Peers::Named);
    match command {
        Command::Measure(definition) => wait(measure(&definition, &Bench { server, peers }, record)),
        Command::Smoke => wait(smoke_all(&Bench { server, peers: Peers::OwnOnly })),
        Command::Plot => plot::draw_all().and_then(|()| document::write_tables()),
        Command::Part(Part::Bare) => peer::serve_bare(),
        Command::Part(Part::AxumBroadcast) => peer::serve_axum_broadcast(),
        Command::Part(Part::GripBackend) => peer::serve_grip_backend(),
        Command::Part(Part::Upstream) => upstream::serve(),
        Command::Part(Part::Guard { program, arguments }) => process::guard::stand(&program, &arguments, gently),
    }
}

fn wait(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

async fn measure(definition: &Measure, bench: &Bench, recorded: bool) -> Result<()> {
    match definition {
        Measure::FanOut(definition) => run(definition, bench, recorded).await,
        Measure::Saturated(definition) => run(definition, bench, recorded).await,
        Measure::IdleMemory(definition) => run(definition, bench, recorded).await,
        Measure::Chat(definition) => run(definition, bench, recorded).await,
        Measure::GrowthSubscribers(definition) => run(definition, bench, recorded).await,
        Measure::Relay(definition) => run(definition, bench, recorded).await,
        Measure::Demo(definition) => run(definition, bench, recorded).await,
        Measure::Appends(definition) => run(definition, bench, recorded).await,
        Measure::GrowthStreams(definition) => run(definition, bench, recorded).await,
        Measure::Resume(definition) => run(definition, bench, recorded).await,
        Measure::Storm(definition) => run(definition, bench, recorded).await,
        Measure::Decode(definition) => run(definition, bench, recorded).await,
        Measure::Startup(definition) => run(definition, bench, recorded).await,
        Measure::Beside(definition) => run(definition, bench, recorded).await,
    }
}

/// Every definition there is.
async fn smoke_all(bench: &Bench) -> Result<()> {
    smoke::<FanOut>(bench).await?;
    smoke::<Saturated>(bench).await?;
    smoke::<IdleMemory>(bench).await?;
    smoke::<Chat>(bench).await?;
    smoke::<GrowthSubscribers>(bench).await?;
    smoke::<Relay>(bench).await?;
    smoke::<Demo>(bench).await?;
    smoke::<Appends>(bench).await?;
    smoke::<GrowthStreams>(bench).await?;
    smoke::<Resume>(bench).await?;
    smoke::<Storm>(bench).await?;
    smoke::<Decoding>(bench).await?;
    smoke::<Startup>(bench).await?;
    smoke::<Beside>(bench).await
}

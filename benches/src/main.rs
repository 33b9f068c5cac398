//! Everstream's benchmarks. Each runs a release build of the server as a process of its own, puts a load on it that is
//! checked (order, nothing lost) before a figure counts, and prints what it cost: CPU as the operating system has it,
//! beside a reference measured in the same run.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

mod bare;
mod beside;
mod demo;
mod fan_out;
mod http;
mod process;
mod relay;
mod report;
mod resume;
mod startup;
mod subscriber;
mod upstream;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Everstream's benchmarks.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server to measure; build it with `cargo build --release -p everstream`.
    #[arg(long, global = true, default_value = "target/release/everstream")]
    server: PathBuf,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// One stream, many subscribers: CPU per delivery, beside a bare loop of writes.
    FanOut(fan_out::Workload),
    /// Many answers at once through the relay: CPU per token and added latency.
    Relay(relay::Workload),
    /// Many answers of the built-in demo at once: CPU per token, its own upstream included.
    Demo(demo::Workload),
    /// Resuming at the tail of a short and of a long stream: what it takes.
    Resume(resume::Workload),
    /// Starting on a data directory with many closed streams: time to the first answer.
    Startup(startup::Workload),
    /// Everstream beside Electric's `durable-streams`: appends, catch-up, live tails, memory.
    Beside(beside::Workload),
    /// The reference of `fan-out`: writes what it reads on standard input to every socket (run by `fan-out`).
    #[command(hide = true)]
    Bare,
    /// An upstream that sends tokens at a steady rate (run by `relay`).
    #[command(hide = true)]
    Upstream,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = arguments.server;
    runtime.block_on(async {
        match arguments.benchmark {
            Benchmark::FanOut(workload) => fan_out::run(&server, workload).await,
            Benchmark::Relay(workload) => relay::run(&server, workload).await,
            Benchmark::Demo(workload) => demo::run(&server, workload).await,
            Benchmark::Resume(workload) => resume::run(&server, workload).await,
            Benchmark::Startup(workload) => startup::run(&server, workload).await,
            Benchmark::Beside(workload) => beside::run(&server, workload).await,
            Benchmark::Bare => bare::serve(),
            Benchmark::Upstream => upstream::serve().await,
        }
    })
}

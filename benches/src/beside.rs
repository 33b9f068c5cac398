//! Everstream and Electric's `durable-streams`, one after the other in turn, under the same load: both speak the Durable
//! Streams protocol, both keep what they acknowledge, each means the same by it in a cell of the comparison.
//!
//! What must hold before a figure counts is said in each part; a server that breaks it ends the run.

mod append;
mod load;
mod read;
mod record;
mod server;
mod table;
mod tail;
mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::append::{Layout, Publisher};
use self::load::Load;
use self::read::Reader;
use self::record::{Content, SIZE};
use self::server::{Kind, Level, Programs, Running};
use self::table::{Better, Table};
use self::tail::{Dialect, Tail};
use crate::process::own_cpu;
use crate::report::micros_each;

#[derive(Debug, Clone, Args)]
pub(crate) struct Workload {
    /// The other server; `scripts/peer.sh durable-streams` installs it and says where it is.
    #[arg(long)]
    durable_streams: PathBuf,
    /// What is compared.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Append, Part::CatchUp, Part::Tail])]
    parts: Vec<Part>,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Seconds of each load.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Streams that are appended to.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 10_000])]
    streams: Vec<usize>,
    /// What an acknowledgement survives.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Level::BOTH)]
    levels: Vec<Level>,
    /// Connections that append at the same time.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Appends per second at which their latency is measured.
    #[arg(long, default_value_t = 4_000.0)]
    rate: f64,
    /// Records of a stream that is read whole; a tenth of them when one publisher writes it alone.
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Subscribers of live streams.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 512, 2_048])]
    subscribers: Vec<usize>,
    /// How Everstream's live streams are followed; the other server's are by `live-sse` always.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Dialect::BOTH)]
    dialects: Vec<Dialect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Append,
    CatchUp,
    Tail,
}

/// Streams over which live subscribers are spread, and the appends to them.
const TAIL_STREAMS: usize = 100;
const TAIL_RATE: f64 = 500.0;
const TAIL_SIZE: usize = 200;
/// Connections that read at the same time, and how often each stream is read.
const READERS: usize = 4;
const READ_ROUNDS: usize = 12;

pub(crate) async fn run(server: &Path, workload: Workload) -> Result<()> {
    let began = Instant::now();
    let programs = Programs { everstream: server.to_owned(), durable_streams: workload.durable_streams.clone() };
    print_circumstances(&programs);
    let cpu_before = own_cpu()?;
    for part in &workload.parts {
        match part {
            Part::Append => compare_appends(&programs, &workload).await?,
            Part::CatchUp => compare_catch_up(&programs, &workload).await?,
            Part::Tail => compare_tails(&programs, &workload).await?,
        }
    }
    let own = own_cpu()?.saturating_sub(cpu_before).as_secs_f64();
    println!("\n{:.0} s, the load generator's own CPU {own:.0} s of them", began.elapsed().as_secs_f64());
    Ok(())
}

/// What the figures are of.
fn print_circumstances(programs: &Programs) {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("beside: {} and {}", programs.everstream.display(), programs.durable_streams.display());
    println!(
        "commit {}, {processors} cores, {}",
        said("git", &["describe", "--always", "--dirty"]),
        said("uname", &["-sr"])
    );
    println!(
        "figures are medians of the rounds; `× better` is ours over theirs, or theirs over ours where less is better"
    );
}

async fn compare_appends(programs: &Programs, workload: &Workload) -> Result<()> {
    let Workload { connections, rate, .. } = workload;
    for &level in &workload.levels {
        println!("\nappends of {SIZE} bytes, {connections} connections, {}; latency at {rate} appends/s", level.name());
        let mut table = Table::default();
        for &streams in &workload.streams {
            for _ in 0..workload.rounds {
                for kind in Kind::BOTH {
                    let server = programs.start(kind, level).await?;
                    measure_appends(&server, workload, streams, &mut table)?;
                    server.process.kill().await?;
                }
            }
        }
        table.print();
    }
    Ok(())
}

fn measure_appends(server: &Running, workload: &Workload, streams: usize, table: &mut Table) -> Result<()> {
    let kind = server.kind;
    let mut add = |what: &str, unit, better, figure| {
        let plural = if streams == 1 { "stream" } else { "streams" };
        table.add(kind, &format!("{streams} {plural}: {what}"), unit, better, figure);
    };
    let time = Duration::from_secs_f64(workload.seconds);
    let (resident_at_first, anonymous_at_first) = (server.process.resident_kib()?, server.process.anonymous_kib()?);
    let layout = Layout { streams, connections: workload.connections, content: Content::Binary };
    let mut load = Load::open(server.address, layout.connections)?;
    let resident_with_connections = server.process.resident_kib()?;
    let creating = append::create(&mut load, layout)?;
    let resident_with_streams = server.process.resident_kib()?;

    let mut publisher = Publisher::new(layout);
    let cpu_before = server.process.cpu()?;
    let began = Instant::now();
    let mut closed = load.closed_loop(publisher.for_time(time))?;
    let (elapsed, cpu) = (began.elapsed(), server.process.cpu()?.saturating_sub(cpu_before));
    let count = publisher.acknowledged();
    let mut steady = load.steady(publisher.for_ever(), workload.rate, time)?;
    let resident_at_last = server.process.resident_kib()?;
    read::judge(&mut load, &publisher)?;

    add("appends", "1/s", Better::More, count as f64 / elapsed.as_secs_f64());
    add("p50 at full load", "ms", Better::Less, closed.quantile_ms(0.5));
    add("p99 at full load", "ms", Better::Less, closed.quantile_ms(0.99));
    add("p50 at the steady rate", "ms", Better::Less, steady.quantile_ms(0.5));
    add("p99 at the steady rate", "ms", Better::Less, steady.quantile_ms(0.99));
    add("CPU of an append", "µs", Better::Less, micros_each(cpu, count));
    add("resident after the load", "MiB", Better::Less, resident_at_last as f64 / 1024.0);
    if streams == 1 {
        add("resident at the start", "MiB", Better::Less, resident_at_first as f64 / 1024.0);
        add("of that not the program file", "MiB", Better::Less, anonymous_at_first as f64 / 1024.0);
        let added = resident_with_connections.saturating_sub(resident_at_first) as f64;
        add("an idle connection", "KiB", Better::Less, added.max(1.0) / layout.connections as f64);
    }
    if streams >= 1_000 {
        add("creations", "1/s", Better::More, streams as f64 / creating.as_secs_f64());
        let added = resident_with_streams.saturating_sub(resident_with_connections) as f64;
        add("an empty stream", "KiB", Better::Less, added.max(1.0) / streams as f64);
    }
    Ok(())
}

/// A stream that is read whole, and how it came about.
#[derive(Debug, Clone, Copy)]
struct History {
    content: Content,
    publishers: usize,
    records: u64,
    /// How often it is read.
    rounds: usize,
}

async fn compare_catch_up(programs: &Programs, workload: &Workload) -> Result<()> {
    println!("\ncatch-up: records of {SIZE} bytes, appended one by one, read whole, {READERS} readers");
    let Workload { connections, records, rounds, .. } = workload;
    let many = |content| History { content, publishers: *connections, records: *records, rounds: READ_ROUNDS };
    let one = History { publishers: 1, records: records / 10, rounds: 10 * READ_ROUNDS, ..many(Content::Json) };
    let mut table = Table::default();
    for history in [many(Content::Binary), many(Content::Json), one] {
        for _ in 0..*rounds {
            for kind in Kind::BOTH {
                let server = programs.start(kind, Level::ProcessDeath).await?;
                measure_catch_up(&server, history, &mut table)?;
                server.process.kill().await?;
            }
        }
    }
    table.print();
    Ok(())
}

fn measure_catch_up(server: &Running, history: History, table: &mut Table) -> Result<()> {
    let History { content, publishers, records, rounds } = history;
    let layout = Layout { streams: 1, connections: publishers, content };
    let mut load = Load::open(server.address, publishers)?;
    append::create(&mut load, layout)?;
    let mut publisher = Publisher::new(layout);
    load.closed_loop(publisher.for_records(records))?;
    drop(load);
    let mut load = Load::open(server.address, READERS)?;
    read::judge(&mut load, &publisher)?;

    let cpu_before = server.process.cpu()?;
    let began = Instant::now();
    let mut ignore = |_: usize, _: &[u8]| Ok(());
    let mut reader = Reader::new(layout.streams, rounds, READERS, &mut ignore);
    load.closed_loop(&mut reader)?;
    let (elapsed, bytes) = (began.elapsed(), reader.bytes);
    ensure!(bytes >= records * (SIZE * rounds) as u64, "only {bytes} bytes came");
    let megabytes = bytes as f64 / 1e6;
    let cpu = server.process.cpu()?.saturating_sub(cpu_before);
    let plural = if publishers == 1 { "publisher" } else { "publishers" };
    let what = format!("{} by {publishers} {plural}", content.media_type());
    table.add(server.kind, &what, "MB/s", Better::More, megabytes / elapsed.as_secs_f64());
    // A tick of the kernel's clock at least: sending files costs less than it counts.
    let micros = (cpu.as_secs_f64() * 1e6).max(1e4);
    table.add(server.kind, &format!("{what}: CPU"), "µs/MB", Better::Less, micros / megabytes);
    Ok(())
}

async fn compare_tails(programs: &Programs, workload: &Workload) -> Result<()> {
    println!(
        "\nlive tails over {TAIL_STREAMS} streams, {TAIL_RATE} appends/s of {TAIL_SIZE} bytes in all, os / memory"
    );
    let mut table = Table::default();
    for &subscribers in &workload.subscribers {
        for &dialect in &workload.dialects {
            for _ in 0..workload.rounds {
                for kind in Kind::BOTH {
                    let server = programs.start(kind, Level::ProcessDeath).await?;
                    measure_tail(&server, workload, subscribers, dialect, &mut table)?;
                    server.process.kill().await?;
                }
            }
        }
    }
    table.print();
    Ok(())
}

fn measure_tail(
    server: &Running,
    workload: &Workload,
    subscribers: usize,
    dialect: Dialect,
    table: &mut Table,
) -> Result<()> {
    let layout = Layout { streams: TAIL_STREAMS, connections: 1, content: Content::Json };
    append::create(&mut Load::open(server.address, 1)?, layout)?;
    let time = Duration::from_secs_f64(workload.seconds);
    let tail = Tail { subscribers, streams: TAIL_STREAMS, rate: TAIL_RATE, time, size: TAIL_SIZE };
    // The other server knows one way; ours is compared with it in both of its own.
    let spoken = if server.kind == Kind::DurableStreams { Dialect::LiveSse } else { dialect };
    let mut outcome = tail.measure(server, spoken)?;
    let what = format!("{subscribers} by {}", dialect.name());
    let mut add = |measure: &str, unit, figure| {
        table.add(server.kind, &format!("{what}: {measure}"), unit, Better::Less, figure);
    };
    add("p50", "ms", outcome.latencies.quantile_ms(0.5));
    add("p99", "ms", outcome.latencies.quantile_ms(0.99));
    add("CPU of a delivery", "µs", micros_each(outcome.cpu, outcome.deliveries));
    add("a subscriber", "KiB", outcome.kib_per_subscriber);
    Ok(())
}

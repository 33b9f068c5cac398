//! Everstream and Electric's `durable-streams`, one after the other in turn, under the same load: both speak the Durable
//! Streams protocol, both keep what they acknowledge, each means the same by it in a cell of the comparison.
//!
//! What must hold before a figure counts is said in each part; a server that breaks it ends the run.

pub(super) mod append;
pub(super) mod read;
pub(super) mod record;
pub(super) mod server;
mod tail;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::append::{Layout, PREFIX, Publisher};
use self::read::Reader;
use self::record::{Content, SIZE};
use self::server::{Kind, Level, Programs, Running};
use self::tail::{Dialect, Tail};
use super::{Bench, Definition};
use crate::generator::load::Load;
use crate::peer::Found;
use crate::process::own_cpu;
use crate::result::{Layout as Table, Metric, Report, micros_each};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Beside {
    /// The other server, if it is not where `scripts/peer.sh durable-streams` installs it.
    #[arg(long)]
    #[serde(skip)]
    durable_streams: Option<PathBuf>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
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

impl Definition for Beside {
    const NAME: &'static str = "beside";
    const HOLDS: &'static str = "every acknowledged record can be read, once and in its publisher's order; every subscriber \
                                 gets every event, once and in order";

    fn workload(&self) -> String {
        let Self { connections, rate, records, .. } = self;
        format!(
            "Everstream and durable-streams in turn: appends of {SIZE} bytes on {connections} connections, their latency \
             at {rate}/s; {records} records appended one by one and read whole by {READERS} readers; live tails over \
             {TAIL_STREAMS} streams with {TAIL_RATE} appends/s of {TAIL_SIZE} bytes in all"
        )
    }

    fn smoke() -> Self {
        Self {
            durable_streams: None,
            parts: vec![Part::Append, Part::CatchUp, Part::Tail],
            rounds: 1,
            seconds: 0.1,
            streams: vec![10],
            levels: vec![Level::ProcessDeath],
            connections: 8,
            rate: 1_000.0,
            records: 1_000,
            subscribers: vec![100],
            dialects: Dialect::BOTH.to_vec(),
        }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let began = Instant::now();
        let mut report = Report::new(Table::ByMetric);
        let durable_streams = match (self.durable_streams.clone(), bench.peers.find("durable-streams")?) {
            (Some(path), _) | (None, Found::At(path)) => Some(path),
            (None, Found::NotWanted) => None,
            (None, Found::Missing(reason)) => {
                report.leave_out("all", Kind::DurableStreams.name(), reason);
                None
            }
        };
        let programs = Programs { everstream: bench.server.clone(), durable_streams };
        let cpu_before = own_cpu()?;
        for part in &self.parts {
            match part {
                Part::Append => compare_appends(&programs, self, &mut report)?,
                Part::CatchUp => compare_catch_up(&programs, self, &mut report)?,
                Part::Tail => compare_tails(&programs, self, &mut report)?,
            }
        }
        let own = own_cpu()?.saturating_sub(cpu_before).as_secs_f64();
        let took = began.elapsed().as_secs_f64();
        report.remark(format!("{took:.0} s, the load generator's own CPU {own:.0} s of them"));
        Ok(report)
    }
}

fn compare_appends(programs: &Programs, workload: &Beside, report: &mut Report) -> Result<()> {
    for &level in &workload.levels {
        for &streams in &workload.streams {
            for _ in 0..workload.rounds {
                for &kind in programs.kinds() {
                    let server = programs.start(kind, level)?;
                    measure_appends(&server, workload, level, streams, report)?;
                    server.process.kill()?;
                }
            }
        }
    }
    Ok(())
}

const CPU_OF_APPEND: Metric = Metric::less("CPU of an append", "µs");

fn measure_appends(
    server: &Running,
    workload: &Beside,
    level: Level,
    streams: usize,
    report: &mut Report,
) -> Result<()> {
    let plural = if streams == 1 { "stream" } else { "streams" };
    let mut entry = report.entry(format!("{}, {streams} {plural}", level.name()), server.kind.name());
    let time = Duration::from_secs_f64(workload.seconds);
    let (resident_at_first, anonymous_at_first) = (server.process.resident_kib()?, server.process.anonymous_kib()?);
    let layout = Layout { prefix: PREFIX, streams, connections: workload.connections, content: Content::Binary };
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

    entry
        .add(Metric::more("appends", "1/s"), count as f64 / elapsed.as_secs_f64())
        .add(Metric::less("p50 at full load", "ms"), closed.quantile_ms(0.5))
        .add(Metric::less("p99 at full load", "ms"), closed.quantile_ms(0.99))
        .add(Metric::less("p50 at the steady rate", "ms"), steady.quantile_ms(0.5))
        .add(Metric::less("p99 at the steady rate", "ms"), steady.quantile_ms(0.99))
        .add(CPU_OF_APPEND, micros_each(cpu, count))
        .add(Metric::less("resident after the load", "MiB"), resident_at_last as f64 / 1024.0);
    if streams == 1 {
        let added = resident_with_connections.saturating_sub(resident_at_first) as f64;
        entry
            .add(Metric::less("resident at the start", "MiB"), resident_at_first as f64 / 1024.0)
            .add(Metric::less("of that not the program file", "MiB"), anonymous_at_first as f64 / 1024.0)
            .add(Metric::less("an idle connection", "KiB"), added.max(1.0) / layout.connections as f64);
    }
    if streams >= 1_000 {
        let added = resident_with_streams.saturating_sub(resident_with_connections) as f64;
        entry
            .add(Metric::more("creations", "1/s"), streams as f64 / creating.as_secs_f64())
            .add(Metric::less("an empty stream", "KiB"), added.max(1.0) / streams as f64);
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

fn compare_catch_up(programs: &Programs, workload: &Beside, report: &mut Report) -> Result<()> {
    let Beside { connections, records, rounds, .. } = workload;
    let many = |content| History { content, publishers: *connections, records: *records, rounds: READ_ROUNDS };
    let one = History { publishers: 1, records: records / 10, rounds: 10 * READ_ROUNDS, ..many(Content::Json) };
    for history in [many(Content::Binary), many(Content::Json), one] {
        for _ in 0..*rounds {
            for &kind in programs.kinds() {
                let server = programs.start(kind, Level::ProcessDeath)?;
                measure_catch_up(&server, history, report)?;
                server.process.kill()?;
            }
        }
    }
    Ok(())
}

fn measure_catch_up(server: &Running, history: History, report: &mut Report) -> Result<()> {
    let History { content, publishers, records, rounds } = history;
    let layout = Layout { prefix: PREFIX, streams: 1, connections: publishers, content };
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
    let mut reader = Reader::new(layout, rounds, READERS, &mut ignore);
    load.closed_loop(&mut reader)?;
    let (elapsed, bytes) = (began.elapsed(), reader.bytes);
    ensure!(bytes >= records * (SIZE * rounds) as u64, "only {bytes} bytes came");
    let megabytes = bytes as f64 / 1e6;
    let cpu = server.process.cpu()?.saturating_sub(cpu_before);
    let plural = if publishers == 1 { "publisher" } else { "publishers" };
    let case = format!("catch-up, {} by {publishers} {plural}", content.media_type());
    // A tick of the kernel's clock at least: sending files costs less than it counts.
    let micros = (cpu.as_secs_f64() * 1e6).max(1e4);
    report
        .entry(case, server.kind.name())
        .add(Metric::more("read", "MB/s"), megabytes / elapsed.as_secs_f64())
        .add(Metric::less("CPU", "µs/MB"), micros / megabytes);
    Ok(())
}

fn compare_tails(programs: &Programs, workload: &Beside, report: &mut Report) -> Result<()> {
    for &subscribers in &workload.subscribers {
        for &dialect in &workload.dialects {
            for _ in 0..workload.rounds {
                for &kind in programs.kinds() {
                    let server = programs.start(kind, Level::ProcessDeath)?;
                    measure_tail(&server, workload, subscribers, dialect, report)?;
                    server.process.kill()?;
                }
            }
        }
    }
    Ok(())
}

fn measure_tail(
    server: &Running,
    workload: &Beside,
    subscribers: usize,
    dialect: Dialect,
    report: &mut Report,
) -> Result<()> {
    let layout = Layout { prefix: PREFIX, streams: TAIL_STREAMS, connections: 1, content: Content::Json };
    append::create(&mut Load::open(server.address, 1)?, layout)?;
    let time = Duration::from_secs_f64(workload.seconds);
    let tail = Tail { subscribers, streams: TAIL_STREAMS, rate: TAIL_RATE, time, size: TAIL_SIZE };
    // The other server knows one way; ours is compared with it in both of its own.
    let spoken = if server.kind == Kind::DurableStreams { Dialect::LiveSse } else { dialect };
    let mut outcome = tail.measure(server, spoken)?;
    report
        .entry(format!("tail, {subscribers} by {}", dialect.name()), server.kind.name())
        .add_latencies(&mut outcome.latencies)
        .add(Metric::less("CPU of a delivery", "µs"), micros_each(outcome.cpu, outcome.deliveries))
        .add(Metric::less("a subscriber", "KiB"), outcome.kib_per_subscriber);
    Ok(())
}

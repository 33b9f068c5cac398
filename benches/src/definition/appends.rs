//! Appends to many streams, by what an acknowledgement survives, beside the other servers of the protocol.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::beside::append::{Layout, Publisher, create};
use super::beside::read::judge;
use super::beside::record::{Content, SIZE};
use super::beside::server::{Kind, Level, Running};
use super::{Bench, Definition};
use crate::generator::load::Load;
use crate::peer::Found;
use crate::result::{Latencies, Metric, Report, micros_each};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Appends {
    /// Streams that are appended to.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 10_000])]
    streams: Vec<usize>,
    /// What an acknowledgement survives.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Level::BOTH)]
    levels: Vec<Level>,
    /// Connections that append at the same time.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Seconds of each load.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Appends per second at which their latency is measured, or half of what a server can do if that is less.
    #[arg(long, default_value_t = 4_000.0)]
    rate: f64,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
}

const RATE: Metric = Metric::more("appends", "1/s");
const CPU: Metric = Metric::less("CPU of one", "µs");
const P50_FULL: Metric = Metric::less("p50 at full load", "ms");
const P99_FULL: Metric = Metric::less("p99 at full load", "ms");
const P50_STEADY: Metric = Metric::less("p50 at the steady rate", "ms");
const P99_STEADY: Metric = Metric::less("p99 at the steady rate", "ms");
const CREATIONS: Metric = Metric::more("creations", "1/s");
const RESIDENT: Metric = Metric::less("resident", "MiB");

impl Definition for Appends {
    const NAME: &'static str = "appends";
    const HOLDS: &'static str = "every acknowledged record can be read, once and in its publisher's order";

    fn workload(&self) -> String {
        let Self { streams, connections, seconds, rate, .. } = self;
        format!(
            "appends of {SIZE} bytes on {connections} connections to {streams:?} streams, {seconds} s as fast as they are \
             answered, then {seconds} s at {rate}/s or at half of what the server can do"
        )
    }

    fn smoke() -> Self {
        let (streams, levels) = (vec![10], Level::BOTH.to_vec());
        Self { streams, levels, connections: 8, seconds: 0.1, rate: 1_000.0, rounds: 1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        for &level in &self.levels {
            for &streams in &self.streams {
                let case = format!("{}, {streams} streams", level.name());
                for _ in 0..self.rounds {
                    for &kind in servers(level) {
                        self.measure_one(bench, level, kind, streams, &case, &mut report)?;
                    }
                }
            }
        }
        Ok(report)
    }
}

/// Those that promise this much, and one that promises less: Ursula, as it comes, keeps nothing.
const fn servers(level: Level) -> &'static [Kind] {
    match level {
        Level::PowerLoss => &[Kind::Everstream, Kind::DurableStreams, Kind::Node],
        Level::ProcessDeath => &[Kind::Everstream, Kind::DurableStreams, Kind::Ursula],
    }
}

impl Appends {
    fn measure_one(
        &self,
        bench: &Bench,
        level: Level,
        kind: Kind,
        streams: usize,
        case: &str,
        report: &mut Report,
    ) -> Result<()> {
        let program = match kind {
            Kind::Everstream => bench.server.clone(),
            _ => match bench.peers.find(kind.name())? {
                Found::At(program) => program,
                Found::NotWanted => return Ok(()),
                Found::Missing(reason) => {
                    report.leave_out(case, kind.name(), reason);
                    return Ok(());
                }
            },
        };
        let measured = self.load(&kind.start(&program, level, tempfile::tempdir()?)?, streams, case, report);
        match measured {
            // One of the others that breaks under the load, or loses a record, has no figure; ours has to hold.
            Err(error) if kind != Kind::Everstream => report.leave_out(case, kind.name(), format!("fails: {error:#}")),
            measured => measured?,
        }
        Ok(())
    }

    fn load(&self, server: &Running, streams: usize, case: &str, report: &mut Report) -> Result<()> {
        let (kind, connections) = (server.kind, self.connections);
        let layout = Layout { prefix: kind.prefix(), streams, connections, content: Content::Binary };
        let time = Duration::from_secs_f64(self.seconds);
        let mut filled = fill(server, layout, time)?;
        // Beyond what a server can do its latency is that of a queue.
        let steady_rate = self.rate.min(filled.per_second / 2.0);
        let mut steady = filled.load.steady(filled.publisher.for_ever(), steady_rate, time)?;
        let resident_kib = server.process.resident_kib()?;
        judge(&mut filled.load, &filled.publisher)?;
        report
            .entry(case, kind.name())
            .add(RATE, filled.per_second)
            .add(CPU, filled.cpu_micros)
            .add(P50_FULL, filled.latencies.quantile_ms(0.5))
            .add(P99_FULL, filled.latencies.quantile_ms(0.99))
            .add(P50_STEADY, steady.quantile_ms(0.5))
            .add(P99_STEADY, steady.quantile_ms(0.99))
            .add(CREATIONS, streams as f64 / filled.creating.as_secs_f64())
            .add(RESIDENT, resident_kib as f64 / 1024.0);
        Ok(())
    }
}

/// A server whose streams were made and appended to as fast as it answered.
pub(super) struct Filled {
    pub(super) load: Load,
    pub(super) publisher: Publisher,
    pub(super) creating: Duration,
    /// Resident memory that each empty stream added.
    pub(super) kib_per_stream: f64,
    pub(super) per_second: f64,
    /// What one append took of the server's CPU.
    pub(super) cpu_micros: f64,
    pub(super) latencies: Latencies,
}

/// Makes the streams of `layout` and appends to them for `time`.
pub(super) fn fill(server: &Running, layout: Layout, time: Duration) -> Result<Filled> {
    let mut load = Load::open(server.address, layout.connections)?;
    let resident_before = server.process.resident_kib()?;
    let creating = create(&mut load, layout)?;
    let added_kib = server.process.resident_kib()?.saturating_sub(resident_before);
    let mut publisher = Publisher::new(layout);
    let cpu_before = server.process.cpu()?;
    let began = Instant::now();
    let latencies = load.closed_loop(publisher.for_time(time))?;
    let (elapsed, cpu) = (began.elapsed(), server.process.cpu()?.saturating_sub(cpu_before));
    let count = publisher.acknowledged();
    Ok(Filled {
        load,
        publisher,
        creating,
        kib_per_stream: added_kib as f64 / layout.streams as f64,
        per_second: count as f64 / elapsed.as_secs_f64(),
        cpu_micros: micros_each(cpu, count),
        latencies,
    })
}

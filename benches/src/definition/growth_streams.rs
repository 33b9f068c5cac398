//! What an append costs, and a stream in memory, from one stream to very many.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::appends::fill;
use super::beside::append::Layout;
use super::beside::read::judge;
use super::beside::record::{Content, SIZE};
use super::beside::server::{Kind, Level};
use super::{Bench, Definition};
use crate::peer::Found;
use crate::result::{Metric, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct GrowthStreams {
    /// Streams that are appended to.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1_000, 10_000, 100_000])]
    streams: Vec<usize>,
    /// The most of them for durable-streams, which makes too few in a second for more.
    #[arg(long, default_value_t = 10_000)]
    streams_max_beside: usize,
    /// What an acknowledgement survives.
    #[arg(long, value_enum, default_value_t = Level::ProcessDeath)]
    level: Level,
    /// Connections that append at the same time.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Seconds of each load.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

const CPU: Metric = Metric::less("CPU of an append", "µs");
const P99: Metric = Metric::less("p99 at full load", "ms");
const RATE: Metric = Metric::more("appends", "1/s");
const EMPTY: Metric = Metric::less("an empty stream", "KiB");
/// With fewer, what the first requests take shows more than the streams.
const EMPTY_MIN: usize = 1_000;
const RESIDENT: Metric = Metric::less("resident after the load", "MiB");

impl Definition for GrowthStreams {
    const NAME: &'static str = "growth-streams";
    const HOLDS: &'static str = "every acknowledged record can be read, once and in its publisher's order";

    fn workload(&self) -> String {
        let Self { streams, level, connections, seconds, .. } = self;
        format!(
            "appends of {SIZE} bytes on {connections} connections for {seconds} s to {streams:?} streams in turn, {}",
            level.name()
        )
    }

    fn smoke() -> Self {
        let (streams, level) = (vec![1, 100], Level::ProcessDeath);
        Self { streams, streams_max_beside: 0, level, connections: 8, seconds: 0.1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::along("streams");
        let beside = bench.peers.find(Kind::DurableStreams.name())?;
        if let Found::Missing(reason) = &beside {
            report.leave_out("all", Kind::DurableStreams.name(), reason);
        }
        for &streams in &self.streams {
            let case = format!("streams: {streams}");
            let mut servers = vec![(Kind::Everstream, bench.server.clone())];
            match &beside {
                Found::At(program) if streams <= self.streams_max_beside => {
                    servers.push((Kind::DurableStreams, program.clone()));
                }
                Found::At(_) => report.leave_out(&case, Kind::DurableStreams.name(), "making them takes too long"),
                Found::Missing(_) | Found::NotWanted => {}
            }
            for (kind, program) in servers {
                let server = kind.start(&program, self.level, tempfile::tempdir()?)?;
                let Self { connections, seconds, .. } = *self;
                let layout = Layout { prefix: kind.prefix(), streams, connections, content: Content::Binary };
                let mut filled = fill(&server, layout, Duration::from_secs_f64(seconds))?;
                let resident_kib = server.process.resident_kib()?;
                judge(&mut filled.load, &filled.publisher)?;
                let mut point = report.point(&case, streams as f64, kind.name());
                point
                    .add(CPU, filled.cpu_micros)
                    .add(P99, filled.latencies.quantile_ms(0.99))
                    .add(RATE, filled.per_second)
                    .add(RESIDENT, resident_kib as f64 / 1024.0);
                if streams >= EMPTY_MIN {
                    point.add(EMPTY, filled.kib_per_stream);
                }
            }
        }
        Ok(report)
    }
}

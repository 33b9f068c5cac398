//! Very many subscribers resume at once, as after an outage, while others follow live streams.

mod live;
mod resumers;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;

use self::live::Live;
use self::resumers::Resumers;
use super::{Bench, Definition};
use crate::process::{Process, rest};
use crate::result::{Metric, OURS, Report, micros_each};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Storm {
    /// Subscribers that resume at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    subscribers: Vec<usize>,
    /// Streams that they are spread over.
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Events that each has missed, of as many again that it has seen.
    #[arg(long, default_value_t = 100)]
    missed: u64,
    /// Bytes of an event's data.
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Live streams, each with ten subscribers and ten events a second.
    #[arg(long, default_value_t = 20)]
    live_streams: usize,
    /// Seconds for which they are followed before the storm.
    #[arg(long, default_value_t = 1.0)]
    seconds_before: f64,
}

/// What there is besides the storm, as the thread of the live streams is told.
const BEFORE: u8 = 0;
const STORM: u8 = 1;
const OVER: u8 = 2;

const CAUGHT_UP: Metric = Metric::less("until all have caught up", "s");
const ONE_P50: Metric = Metric::less("one's p50", "ms");
const ONE_P99: Metric = Metric::less("one's p99", "ms");
const CPU: Metric = Metric::less("CPU of an event", "µs");
const LIVE_BEFORE: Metric = Metric::less("live p99 before", "ms");
const LIVE_MEANWHILE: Metric = Metric::less("live p99 meanwhile", "ms");
const RESIDENT: Metric = Metric::less("resident then", "MiB");

impl Definition for Storm {
    const NAME: &'static str = "storm";
    const HOLDS: &'static str =
        "every subscriber gets each event that it missed, and each live event, once and in order";

    fn workload(&self) -> String {
        let Self { subscribers, streams, missed, size, live_streams, .. } = self;
        format!(
            "{subscribers:?} subscribers of {streams} streams connect and resume {missed} events of {size} bytes each at \
             once, while {live_streams} other streams with 10 subscribers and 10 events/s each are followed"
        )
    }

    fn smoke() -> Self {
        Self { subscribers: vec![100], streams: 10, missed: 20, size: 200, live_streams: 2, seconds_before: 0.3 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        for &subscribers in &self.subscribers {
            let directory = tempfile::tempdir()?;
            let data_dir = directory.path().to_str().context("an odd path")?;
            let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
            let process = Process::start(&bench.server, &arguments)?;
            self.weather(&process, subscribers, &mut report)?;
        }
        Ok(report)
    }
}

impl Storm {
    fn weather(&self, process: &Process, subscribers: usize, report: &mut Report) -> Result<()> {
        let last_seen = streams::fill(process.address, self)?;
        streams::make_live(process.address, self.live_streams)?;
        let phase = Arc::new(AtomicU8::new(BEFORE));
        let live = Live { address: process.address, streams: self.live_streams, size: self.size };
        let follower = std::thread::spawn({
            let phase = Arc::clone(&phase);
            move || live.follow(&phase)
        });
        rest(Duration::from_secs_f64(self.seconds_before));
        phase.store(STORM, Ordering::Relaxed);
        let cpu_before = process.cpu()?;
        let storm =
            Resumers { address: process.address, last_seen: &last_seen, missed: self.missed }.resume(subscribers);
        let cpu = process.cpu()?.saturating_sub(cpu_before);
        let resident_kib = process.resident_kib()?;
        phase.store(OVER, Ordering::Relaxed);
        let followed = follower.join().ok().context("the follower of live streams panicked")?;
        let (mut storm, mut followed) = (storm?, followed?);
        ensure!(followed.meanwhile.len() > 0, "the storm was over before a live event came");
        report
            .point(format!("{subscribers} subscribers"), subscribers as f64, OURS)
            .add(CAUGHT_UP, storm.took.as_secs_f64())
            .add(ONE_P50, storm.each.quantile_ms(0.5))
            .add(ONE_P99, storm.each.quantile_ms(0.99))
            .add(CPU, micros_each(cpu, subscribers as u64 * self.missed))
            .add(LIVE_BEFORE, followed.before.quantile_ms(0.99))
            .add(LIVE_MEANWHILE, followed.meanwhile.quantile_ms(0.99))
            .add(RESIDENT, resident_kib as f64 / 1024.0);
        Ok(())
    }
}

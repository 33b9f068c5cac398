//! Many subscribers and nothing to say to them.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::delivery::{Role, each_server};
use super::{Bench, Definition};
use crate::generator::crowd::{Crowd, Shape};
use crate::peer::Installed;
use crate::result::{Entry, Metric, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct IdleMemory {
    /// Subscribers of the one stream.
    #[arg(long, default_value_t = 15_000)]
    subscribers: usize,
}

const FRESH: Metric = Metric::less("a subscriber that has got nothing", "KiB");
const SERVED: Metric = Metric::less("after one event to each", "KiB");
const START: Metric = Metric::fact("without subscribers", "MiB");

impl Definition for IdleMemory {
    const NAME: &'static str = "idle-memory";
    const HOLDS: &'static str = "every subscriber gets an event afterwards";

    fn workload(&self) -> String {
        format!("{} subscribers of one stream; memory of the server's processes that is no file's", self.subscribers)
    }

    fn smoke() -> Self {
        Self { subscribers: 200 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let case = format!("{} subscribers", self.subscribers);
        each_server(
            bench,
            &mut report,
            &case,
            1,
            |_| Role::Measured,
            |server, report| self.measure_one(server, report.entry(&case, server.peer.name())),
        )?;
        Ok(report)
    }
}

impl IdleMemory {
    fn measure_one(&self, server: &Installed, mut entry: Entry<'_>) -> Result<()> {
        let running = server.run(1)?;
        let before = running.process.anonymous_kib()?;
        let added = |after: u64| after.saturating_sub(before) as f64 / self.subscribers as f64;
        let shape = Shape { streams: 1, subscribers: self.subscribers, publishers: 1, size: 200 };
        let mut crowd = Crowd::gather(&running, shape)?;
        let fresh = running.process.anonymous_kib()?;
        crowd.publish_steadily(1_000.0, Duration::from_millis(1))?;
        let served = running.process.anonymous_kib()?;
        entry.add(FRESH, added(fresh)).add(SERVED, added(served)).add(START, before as f64 / 1024.0);
        drop(crowd);
        running.process.kill()
    }
}

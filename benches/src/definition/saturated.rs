//! One stream, many subscribers, as many events as the server takes.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::delivery::{Meter, Role, each_server};
use super::{Bench, Definition};
use crate::generator::crowd::{Crowd, Shape};
use crate::peer::Installed;
use crate::result::{Entry, Metric, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Saturated {
    /// Subscribers of the one stream.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Events that may be under way: published, and not yet with every subscriber.
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// Bytes of data in an event.
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Seconds that are measured, after a quarter of it that is not.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How often each server has its turn; another one begins each time.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

const RATE: Metric = Metric::more("deliveries", "1/s");

impl Definition for Saturated {
    const NAME: &'static str = "saturated";
    const HOLDS: &'static str = "every subscriber gets every event, once, in order and whole";

    fn workload(&self) -> String {
        let Self { subscribers, window, size, seconds, .. } = self;
        format!(
            "one stream, {subscribers} subscribers, events of {size} bytes one after the other as soon as the one before \
             is acknowledged and at most {window} are not yet with every subscriber, {seconds} s"
        )
    }

    fn smoke() -> Self {
        Self { subscribers: 50, window: 64, size: 200, seconds: 0.2, rounds: 1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let case = format!("{} subscribers", self.subscribers);
        each_server(
            bench,
            &mut report,
            &case,
            self.rounds,
            |_| Role::Measured,
            |server, report| self.measure_one(server, report.entry(&case, server.peer.name())),
        )?;
        Ok(report)
    }
}

impl Saturated {
    fn measure_one(&self, server: &Installed, mut entry: Entry<'_>) -> Result<()> {
        let running = server.run(1)?;
        let shape = Shape { streams: 1, subscribers: self.subscribers, publishers: 1, size: self.size };
        let mut crowd = Crowd::gather(&running, shape)?;
        let time = Duration::from_secs_f64(self.seconds);
        crowd.publish_saturating(self.window, time / 4)?;
        crowd.forget();
        let meter = Meter::start(&running)?;
        crowd.publish_saturating(self.window, time)?;
        let spent = meter.stop()?;
        entry.add(RATE, crowd.deliveries as f64 / spent.elapsed.as_secs_f64());
        spent.add_to(&mut entry, crowd.deliveries);
        drop(crowd);
        running.process.kill()
    }
}

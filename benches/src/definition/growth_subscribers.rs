//! From one subscriber to many, with the same number of deliveries: what each costs, and the memory.

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
pub(crate) struct GrowthSubscribers {
    /// Subscribers of the one stream: a point each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 256, 2_048, 16_000])]
    subscribers: Vec<usize>,
    /// Deliveries per second to all of them together.
    #[arg(long, default_value_t = 16_000.0)]
    deliveries: f64,
    /// Events per second at most, where subscribers are few.
    #[arg(long, default_value_t = 1_000.0)]
    rate_max: f64,
    /// Bytes of data in an event.
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Servers that are measured.
    #[arg(long, value_delimiter = ',', default_values = ["everstream", "bare", "axum", "nchan", "durable-streams"])]
    servers: Vec<String>,
}

const MEMORY: Metric = Metric::less("memory", "MiB");

impl Definition for GrowthSubscribers {
    const NAME: &'static str = "growth-subscribers";
    const HOLDS: &'static str = "every subscriber gets every event, once, in order and whole";

    fn workload(&self) -> String {
        format!(
            "one stream with {} subscribers, {} deliveries/s of {} bytes in all but at most {} events/s, {} s each; memory is \
             that of the server's processes that is no file's, with the subscribers",
            self.subscribers.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
            self.deliveries,
            self.size,
            self.rate_max,
            self.seconds
        )
    }

    fn smoke() -> Self {
        let servers = vec!["everstream".to_owned()];
        Self { subscribers: vec![1, 100], deliveries: 2_000.0, rate_max: 100.0, size: 200, seconds: 0.1, servers }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::along("subscribers");
        for &subscribers in &self.subscribers {
            let case = subscribers.to_string();
            each_server(
                bench,
                &mut report,
                &case,
                1,
                |server| self.role(server),
                |server, report| {
                    self.measure_one(subscribers, server, report.point(&case, subscribers as f64, server.peer.name()))
                },
            )?;
        }
        Ok(report)
    }
}

impl GrowthSubscribers {
    fn role(&self, server: &Installed) -> Role {
        let is_asked = self.servers.iter().any(|name| name == server.peer.name());
        if is_asked { Role::Measured } else { Role::NotAsked }
    }

    fn measure_one(&self, subscribers: usize, server: &Installed, mut entry: Entry<'_>) -> Result<()> {
        let running = server.run(1)?;
        let shape = Shape { streams: 1, subscribers, publishers: 1, size: self.size };
        let mut crowd = Crowd::gather(&running, shape)?;
        let (rate, time) =
            ((self.deliveries / subscribers as f64).min(self.rate_max), Duration::from_secs_f64(self.seconds));
        // One event to each, whatever the rate.
        crowd.publish_steadily(1_000.0, Duration::from_millis(1))?;
        crowd.forget();
        let meter = Meter::start(&running)?;
        crowd.publish_steadily(rate, time)?;
        let spent = meter.stop()?;
        spent.add_to(&mut entry, crowd.deliveries);
        entry.add_latencies(&mut crowd.latencies);
        entry.add(MEMORY, running.process.anonymous_kib()? as f64 / 1024.0);
        drop(crowd);
        running.process.kill()
    }
}

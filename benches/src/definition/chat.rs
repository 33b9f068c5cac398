//! Many streams with few subscribers each: conversations. Only servers that keep what they acknowledge take part.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::delivery::{Role, Steady, each_server};
use super::{Bench, Definition};
use crate::generator::crowd::Shape;
use crate::peer::Installed;
use crate::result::{BARE, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Chat {
    /// Streams that are published to.
    #[arg(long, default_value_t = 2_000)]
    streams: usize,
    /// Subscribers of each.
    #[arg(long, default_value_t = 2)]
    viewers: usize,
    /// Events per second to each.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Connections that publish.
    #[arg(long, default_value_t = 256)]
    publishers: usize,
    /// Bytes of data in an event.
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Seconds that are measured, after one that is not.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How often each server has its turn; another one begins each time.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

impl Definition for Chat {
    const NAME: &'static str = "chat";
    const HOLDS: &'static str = "every subscriber gets every event of its stream, once, in order and whole";

    fn workload(&self) -> String {
        let Self { streams, viewers, rate, publishers, size, seconds, .. } = self;
        format!(
            "{streams} streams with {viewers} subscribers each, {rate} events/s of {size} bytes to each stream over \
             {publishers} connections, durable to the death of the server, {seconds} s"
        )
    }

    fn smoke() -> Self {
        Self { streams: 50, viewers: 2, rate: 20.0, publishers: 8, size: 200, seconds: 0.2, rounds: 1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let case = format!("{} × {} × {}/s", self.streams, self.viewers, self.rate);
        let steady = Steady {
            shape: Shape {
                streams: self.streams,
                subscribers: self.streams * self.viewers,
                publishers: self.publishers,
                size: self.size,
            },
            rate: self.rate * self.streams as f64,
            warm_up: Duration::from_secs_f64(self.seconds.min(1.0)),
            time: Duration::from_secs_f64(self.seconds),
        };
        each_server(bench, &mut report, &case, self.rounds, role, |server, report| {
            steady.measure(server, report.entry(&case, server.peer.name()))
        })?;
        Ok(report)
    }
}

/// The bare loop keeps nothing and is there as the limit.
fn role(server: &Installed) -> Role {
    match server.peer.is_durable() || server.peer.name() == BARE {
        true => Role::Measured,
        false => Role::LeftOut("keeps nothing of what it acknowledges"),
    }
}

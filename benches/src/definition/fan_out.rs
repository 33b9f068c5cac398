//! One stream, many subscribers, at a steady rate.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::delivery::{Role, Steady, each_server};
use super::{Bench, Definition};
use crate::generator::crowd::Shape;
use crate::result::Report;

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct FanOut {
    /// Subscribers of the one stream, and the events per second that they get: a case each.
    #[arg(long, value_delimiter = ',', default_values = ["1000x50", "8000x10"])]
    cases: Vec<Case>,
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

/// So many subscribers and events per second.
#[derive(Debug, Clone, Copy, Serialize)]
struct Case {
    subscribers: usize,
    rate: u32,
}

impl std::str::FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || -> Option<Self> {
            let (subscribers, rate) = text.split_once('x')?;
            Some(Self { subscribers: subscribers.parse().ok()?, rate: rate.parse().ok()? })
        };
        parse().filter(|case| case.subscribers > 0 && case.rate > 0).ok_or_else(|| "say 1000x50".to_owned())
    }
}

impl Definition for FanOut {
    const NAME: &'static str = "fan-out";
    const HOLDS: &'static str = "every subscriber gets every event, once, in order and whole";

    fn workload(&self) -> String {
        format!(
            "one stream, {} subscribers × events/s of {} bytes, {} s; a latency counts from when the event was due",
            self.cases
                .iter()
                .map(|case| format!("{} × {}", case.subscribers, case.rate))
                .collect::<Vec<_>>()
                .join(", "),
            self.size,
            self.seconds
        )
    }

    fn smoke() -> Self {
        Self { cases: vec![Case { subscribers: 50, rate: 50 }], size: 200, seconds: 0.2, rounds: 1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        for Case { subscribers, rate } in self.cases.iter().copied() {
            let case = format!("{subscribers} × {rate}/s");
            let steady = Steady {
                shape: Shape { streams: 1, subscribers, publishers: 1, size: self.size },
                rate: rate.into(),
                warm_up: Duration::from_secs_f64(self.seconds.min(1.0)),
                time: Duration::from_secs_f64(self.seconds),
            };
            each_server(
                bench,
                &mut report,
                &case,
                self.rounds,
                |_| Role::Measured,
                |server, report| steady.measure(server, report.entry(&case, server.peer.name())),
            )?;
        }
        Ok(report)
    }
}

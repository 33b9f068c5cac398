//! What the fan-out definitions have in common: every server in turn under the same load, and what it came to.

use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::generator::crowd::{Crowd, Shape};
use crate::peer::{Installed, OfStreams, Running};
use crate::process::own_cpu;
use crate::result::{Entry, Metric, OURS, Report, micros_each};

const CPU: Metric = Metric::less("CPU per delivery", "µs");
const DELIVERIES: Metric = Metric::fact("deliveries", "");
const GENERATOR: Metric = Metric::fact("generator's CPU", "%");

/// What a server has to do with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Measured,
    /// It cannot do it, and this is why.
    LeftOut(&'static str),
    NotAsked,
}

/// What the servers of streams took, in turn, so many times; each round begins with another server, so that none always
/// has the machine as the same one left it. Ours has to do it, another one that cannot is left out with the reason.
pub(super) fn each_server(
    bench: &Bench,
    report: &mut Report,
    case: &str,
    rounds: usize,
    role: impl Fn(&Installed) -> Role,
    mut measure: impl FnMut(&Installed, &mut Report) -> Result<()>,
) -> Result<()> {
    let OfStreams { installed, missing } = bench.peers.of_streams(&bench.server)?;
    let turns = (0..rounds).flat_map(|round| installed.iter().cycle().skip(round).take(installed.len()));
    for server in turns {
        let name = server.peer.name();
        match role(server) {
            Role::Measured => {}
            Role::LeftOut(reason) => {
                report.leave_out(case, name, reason);
                continue;
            }
            Role::NotAsked => continue,
        }
        match measure(server, report) {
            Err(error) if name == OURS => return Err(error),
            Err(error) => report.leave_out(case, name, format!("failed: {error:#}")),
            Ok(()) => {}
        }
    }
    for (name, reason) in missing {
        report.leave_out(case, name, reason);
    }
    Ok(())
}

/// A load with a rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    pub(super) shape: Shape,
    /// Events per second to all streams together.
    pub(super) rate: f64,
    /// What comes before it is measured.
    pub(super) warm_up: Duration,
    pub(super) time: Duration,
}

impl Steady {
    /// Puts it on a fresh server.
    pub(super) fn measure(self, server: &Installed, mut entry: Entry<'_>) -> Result<()> {
        let running = server.run(self.shape.streams)?;
        let mut crowd = Crowd::gather(&running, self.shape)?;
        crowd.publish_steadily(self.rate, self.warm_up)?;
        crowd.forget();
        let meter = Meter::start(&running)?;
        crowd.publish_steadily(self.rate, self.time)?;
        let spent = meter.stop()?;
        spent.add_to(&mut entry, crowd.deliveries);
        entry.add_latencies(&mut crowd.latencies);
        drop(crowd);
        running.process.kill()
    }
}

/// What the server and the load generator take from here on.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    server: &'a Running,
    began: std::time::Instant,
    cpu: Duration,
    own: Duration,
}

/// What they took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) elapsed: Duration,
    pub(super) cpu: Duration,
    own: Duration,
}

impl<'a> Meter<'a> {
    pub(super) fn start(server: &'a Running) -> Result<Self> {
        Ok(Self { server, cpu: server.process.cpu()?, own: own_cpu()?, began: std::time::Instant::now() })
    }

    pub(super) fn stop(self) -> Result<Spent> {
        let elapsed = self.began.elapsed();
        let cpu = self.server.process.cpu()?.saturating_sub(self.cpu);
        Ok(Spent { elapsed, cpu, own: own_cpu()?.saturating_sub(self.own) })
    }
}

impl Spent {
    pub(super) fn add_to(self, entry: &mut Entry<'_>, deliveries: u64) {
        let share = 100.0 * self.own.as_secs_f64() / self.elapsed.as_secs_f64();
        entry.add(CPU, micros_each(self.cpu, deliveries)).add(DELIVERIES, deliveries as f64).add(GENERATOR, share);
    }
}

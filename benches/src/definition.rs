//! What a benchmark is: a workload with its sizes, and what must hold before a figure of it counts.
//!
//! One file per definition. The fields of a definition are its sizes: flags to change them, with the sizes of the
//! published figures as defaults, and part of what is recorded.

pub(crate) mod appends;
pub(crate) mod beside;
pub(crate) mod chat;
pub(crate) mod decode;
mod delivery;
pub(crate) mod demo;
pub(crate) mod fan_out;
pub(crate) mod growth_streams;
pub(crate) mod growth_subscribers;
pub(crate) mod idle_memory;
pub(crate) mod relay;
pub(crate) mod resume;
pub(crate) mod saturated;
pub(crate) mod startup;
pub(crate) mod storm;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use crate::peer::Peers;
use crate::result::{Report, record};

/// What a definition is measured with.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    /// Everstream's program.
    pub(crate) server: PathBuf,
    /// The other servers.
    pub(crate) peers: Peers,
}

/// A workload. It fails when what must hold does not, and then there are no figures.
pub(crate) trait Definition: Args + Serialize {
    /// The subcommand, and the name of the file of its results.
    const NAME: &'static str;
    /// What must hold, as a sentence without its end.
    const HOLDS: &'static str;

    /// The workload with its sizes, as a sentence without its end.
    fn workload(&self) -> String;

    /// The same at a size that takes about a second and needs nothing installed: shows that it works, no figures.
    fn smoke() -> Self;

    /// Runs it.
    async fn measure(&self, bench: &Bench) -> Result<Report>;
}

/// Runs a definition and prints its figures; with `recorded`, they become its result in the documentation.
pub(crate) async fn run<D: Definition>(definition: &D, bench: &Bench, recorded: bool) -> Result<()> {
    println!("{}: {}", D::NAME, definition.workload());
    let report = definition.measure(bench).await?;
    report.print();
    println!("held: {}\n", D::HOLDS);
    if recorded {
        let path = record(D::NAME, &definition.workload(), D::HOLDS, &serde_json::to_value(definition)?, report)?;
        println!("recorded in {}\n", path.display());
    }
    Ok(())
}

/// Runs a definition small and short, for what must hold.
pub(crate) async fn smoke<D: Definition>(bench: &Bench) -> Result<()> {
    let began = std::time::Instant::now();
    let report = D::smoke().measure(bench).await.with_context(|| format!("{} does not hold", D::NAME))?;
    report.check().with_context(|| format!("{} has no figures", D::NAME))?;
    println!("{:>20}: holds, {:.1} s ({})", D::NAME, began.elapsed().as_secs_f64(), D::HOLDS);
    Ok(())
}

//! Results as files: what plots are drawn from and what a document may cite.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Better, Circumstances, Figure, Layout, LeftOut, Report, median, table};

/// Where results are, from the project's directory.
pub(super) const DIRECTORY: &str = "docs/benchmarks/results";

/// A definition's result with its circumstances.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) definition: String,
    pub(crate) workload: String,
    pub(crate) holds: String,
    /// The sizes, by the names of the flags that change them.
    pub(crate) sizes: Value,
    pub(crate) circumstances: Circumstances,
    /// What grows along the axis of its curves; nothing without curves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) along: String,
    #[serde(default)]
    pub(crate) layout: Layout,
    pub(crate) figures: Vec<RecordedFigure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<LeftOut>,
}

/// One server's figure of one metric.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordedFigure {
    pub(crate) case: String,
    /// Where the case is on the axis of a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<f64>,
    pub(crate) server: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    /// The median of the rounds.
    pub(crate) figure: f64,
    pub(crate) rounds: Vec<f64>,
}

/// Writes the result of `definition` over the one before it and says where.
pub(crate) fn record(definition: &str, workload: &str, holds: &str, sizes: &Value, report: Report) -> Result<PathBuf> {
    let recorded = Recorded {
        definition: definition.to_owned(),
        workload: workload.to_owned(),
        holds: holds.to_owned(),
        sizes: sizes.clone(),
        circumstances: Circumstances::of_now(),
        along: report.along.to_owned(),
        layout: report.layout,
        figures: report.recorded_figures(),
        left_out: report.left_out,
    };
    fs::create_dir_all(DIRECTORY)?;
    let path = Path::new(DIRECTORY).join(format!("{definition}.json"));
    fs::write(&path, serde_json::to_string_pretty(&recorded)? + "\n")?;
    Ok(path)
}

impl Recorded {
    /// Its figures as a table, in Markdown.
    pub(crate) fn table(&self) -> String {
        table::text(self.layout, &self.figures)
    }
}

impl From<&Figure> for RecordedFigure {
    fn from(figure: &Figure) -> Self {
        let Figure { case, at, server, metric, rounds } = figure.clone();
        let (metric, unit, better) = (metric.name.to_owned(), metric.unit.to_owned(), metric.better);
        Self { case, at, server, metric, unit, better, figure: median(&rounds), rounds }
    }
}

/// All results there are, by name.
pub(crate) fn read() -> Result<Vec<Recorded>> {
    read_from(Path::new(DIRECTORY))
}

pub(super) fn read_from(directory: &Path) -> Result<Vec<Recorded>> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("no results in {}: record some first", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<Recorded> {
    serde_json::from_slice(&fs::read(path)?).with_context(|| format!("{} is no result", path.display()))
}

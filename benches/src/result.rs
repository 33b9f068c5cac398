//! What came out: figures of servers, printed as a table with ratios, and recorded with the circumstances.

mod latency;
mod machine;
mod record;
mod table;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

pub(crate) use self::latency::{Latencies, micros_each, now_nanos};
pub(crate) use self::machine::Circumstances;
pub(crate) use self::record::{Recorded, RecordedFigure, read, record};
pub(crate) use self::table::distinct;

/// The name of our own server in every report.
pub(crate) const OURS: &str = "everstream";
/// The name of the limit: a loop of writes with nothing around it.
pub(crate) const BARE: &str = "bare";

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

/// Which of two figures is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    More,
    Less,
    /// The load generator's own, or one that is the same for all: shown without ratios.
    Neither,
}

impl Metric {
    pub(crate) const fn less(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Less }
    }

    pub(crate) const fn more(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::More }
    }

    pub(crate) const fn fact(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Neither }
    }
}

/// The figures of one run of a definition.
#[derive(Debug, Default)]
pub(crate) struct Report {
    layout: Layout,
    /// What grows along the axis of its curves.
    along: &'static str,
    figures: Vec<Figure>,
    left_out: Vec<LeftOut>,
    /// What is printed below the table, and not recorded.
    remarks: Vec<String>,
}

/// How a report is printed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// A row for each server, a column for each metric: for many servers.
    #[default]
    ByServer,
    /// A row for each metric, a column for each server: for many metrics.
    ByMetric,
}

/// One server's figure of one metric, of every round.
#[derive(Debug, Clone)]
struct Figure {
    case: String,
    /// Where the case is on the axis of a curve.
    at: Option<f64>,
    server: String,
    metric: Metric,
    rounds: Vec<f64>,
}

/// A server that could not do a case, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) case: String,
    pub(crate) server: String,
    pub(crate) reason: String,
}

/// One server under one of the sizes of a definition: where figures are put.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    report: &'a mut Report,
    case: String,
    at: Option<f64>,
    server: String,
}

impl Report {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// A report of curves: its points are sizes of this.
    pub(crate) fn along(what: &'static str) -> Self {
        Self { along: what, ..Self::default() }
    }

    /// Where the figures of `server` in `case` go; a second one for the same metric is another round.
    pub(crate) fn entry(&mut self, case: impl Into<String>, server: impl Into<String>) -> Entry<'_> {
        Entry { report: self, case: case.into(), at: None, server: server.into() }
    }

    /// The same for a case that is a point of a curve.
    pub(crate) fn point(&mut self, case: impl Into<String>, at: f64, server: impl Into<String>) -> Entry<'_> {
        Entry { at: Some(at), ..self.entry(case, server) }
    }

    /// Says why `server` has no figures in `case`.
    pub(crate) fn leave_out(&mut self, case: impl Into<String>, server: impl Into<String>, reason: impl Into<String>) {
        let left_out = LeftOut { case: case.into(), server: server.into(), reason: reason.into() };
        // In another round it may have been said already.
        if !self.left_out.contains(&left_out) {
            self.left_out.push(left_out);
        }
    }

    /// Adds a sentence to what is printed.
    pub(crate) fn remark(&mut self, sentence: String) {
        self.remarks.push(sentence);
    }

    fn recorded_figures(&self) -> Vec<RecordedFigure> {
        self.figures.iter().map(RecordedFigure::from).collect()
    }

    /// Prints the table, and below it who is left out of it.
    pub(crate) fn print(&self) {
        print!("{}", table::text(self.layout, &self.recorded_figures()));
        for LeftOut { case, server, reason } in &self.left_out {
            println!("left out: {server}, {case}: {reason}");
        }
        for remark in &self.remarks {
            println!("{remark}");
        }
    }

    /// Fails unless there are figures, all of them numbers.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.figures.is_empty(), "nothing was measured");
        for Figure { case, server, metric, rounds, .. } in &self.figures {
            let is_number = rounds.iter().all(|figure| figure.is_finite());
            ensure!(is_number, "{server}, {case}: {} is {rounds:?}", metric.name);
        }
        Ok(())
    }
}

impl Entry<'_> {
    /// Adds one round's figure.
    pub(crate) fn add(&mut self, metric: Metric, figure: f64) -> &mut Self {
        let Self { report, case, at, server } = self;
        let same = |one: &&mut Figure| one.case == *case && one.server == *server && one.metric == metric;
        if let Some(known) = report.figures.iter_mut().find(same) {
            known.rounds.push(figure);
        } else {
            let (case, server) = (case.clone(), server.clone());
            report.figures.push(Figure { case, at: *at, server, metric, rounds: vec![figure] });
        }
        self
    }

    /// Adds the 50th and the 99th percentile.
    pub(crate) fn add_latencies(&mut self, latencies: &mut Latencies) -> &mut Self {
        self.add(P50, latencies.quantile_ms(0.5)).add(P99, latencies.quantile_ms(0.99))
    }
}

pub(crate) const P50: Metric = Metric::less("p50", "ms");
pub(crate) const P99: Metric = Metric::less("p99", "ms");

/// The middle one; of two, what is between them.
fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => figures.get(middle.wrapping_sub(1)..=middle).map_or(f64::NAN, |pair| pair.iter().sum::<f64>() / 2.0),
        _ => figures.get(middle).copied().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A result with one figure.
    pub(crate) fn recorded(definition: &str, figure: f64) -> Recorded {
        let mut report = Report::default();
        report.entry("small", OURS).add(P50, figure);
        let said = ["2026-01-02", "abc", "a <fast> one", "Linux", "cubic"].map(str::to_owned);
        let [date, commit, processor, kernel, congestion_control] = said;
        let circumstances =
            Circumstances { date, commit, processor, cores: 2, memory_mib: 2048, kernel, congestion_control };
        Recorded {
            definition: definition.to_owned(),
            workload: "1 & 2".to_owned(),
            holds: "all".to_owned(),
            sizes: serde_json::Value::Null,
            circumstances,
            along: String::new(),
            layout: Layout::ByServer,
            figures: report.recorded_figures(),
            left_out: Vec::new(),
        }
    }

    /// What is in the project.
    pub(crate) fn all_recorded() -> Vec<Recorded> {
        record::read_from(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(record::DIRECTORY)).unwrap()
    }

    #[test]
    fn rounds_of_one_figure_meet_in_their_median() {
        let cpu = Metric::less("CPU", "µs");
        let mut report = Report::default();
        for figure in [3.0, 1.0, 2.0] {
            report.entry("small", OURS).add(cpu, figure);
        }
        assert_eq!(report.figures.len(), 1);
        assert_eq!(median(&report.figures[0].rounds), 2.0);
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert!(report.check().is_ok());
    }

    #[test]
    fn a_figure_that_is_no_number_is_not_let_through() {
        let mut report = Report::default();
        assert!(report.check().is_err());
        report.entry("small", OURS).add(P50, f64::NAN);
        assert!(report.check().is_err());
    }
}

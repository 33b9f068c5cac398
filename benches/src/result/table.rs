//! Figures side by side, in Markdown.

use super::{BARE, Better, Layout, OURS, RecordedFigure};

/// The table of `figures`.
pub(super) fn text(layout: Layout, figures: &[RecordedFigure]) -> String {
    match layout {
        Layout::ByServer => by_server(figures),
        Layout::ByMetric => by_metric(figures),
    }
}

/// What is measured: a name and a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Metric<'a> {
    name: &'a str,
    unit: &'a str,
    better: Better,
}

impl<'a> Metric<'a> {
    fn of(figure: &'a RecordedFigure) -> Self {
        Self { name: &figure.metric, unit: &figure.unit, better: figure.better }
    }
}

/// A row for each server in each case. Behind each metric that can be better or worse: how many times the figure of ours
/// and of the bare loop it is.
fn by_server(figures: &[RecordedFigure]) -> String {
    let metrics = distinct(figures.iter().map(Metric::of));
    let cases = distinct(figures.iter().map(|figure| figure.case.as_str()));
    let servers = distinct(figures.iter().map(|figure| figure.server.as_str()));
    let references: Vec<&str> =
        [OURS, BARE].into_iter().filter(|name| servers.len() > 1 && servers.contains(name)).collect();
    let mut head = vec!["".to_owned(), "".to_owned()];
    for metric in &metrics {
        head.push(titled(metric));
        if metric.better != Better::Neither {
            head.extend(references.iter().map(|name| format!("× {name}")));
        }
    }
    let mut rows = vec![head];
    for case in cases {
        for server in &servers {
            let find = |server: &str, metric: &Metric<'_>| find(figures, case, server, metric);
            if metrics.iter().all(|metric| find(server, metric).is_none()) {
                continue;
            }
            let mut row = vec![case.to_owned(), (*server).to_owned()];
            for metric in &metrics {
                let figure = find(server, metric);
                row.push(figure.map_or(NONE.to_owned(), with_range));
                if metric.better != Better::Neither {
                    row.extend(references.iter().map(|name| ratio(figure, find(name, metric))));
                }
            }
            rows.push(row);
        }
    }
    aligned(&rows, 2)
}

/// A row for each metric in each case, and how many times better ours is than the other server: below 1 it is behind.
fn by_metric(figures: &[RecordedFigure]) -> String {
    let servers = distinct(figures.iter().map(|figure| figure.server.as_str()));
    let other = servers.iter().find(|name| **name != OURS);
    let mut head = vec!["".to_owned()];
    head.extend(servers.iter().map(|&name| name.to_owned()));
    head.extend(other.map(|_| "× better".to_owned()));
    let mut rows = vec![head];
    for (case, metric) in distinct(figures.iter().map(|figure| (figure.case.as_str(), Metric::of(figure)))) {
        let mut row = vec![format!("{case}: {}", titled(&metric))];
        row.extend(
            servers.iter().map(|server| find(figures, case, server, &metric).map_or(NONE.to_owned(), with_range)),
        );
        if let Some(other) = other {
            let both = find(figures, case, OURS, &metric).zip(find(figures, case, other, &metric));
            row.push(both.map_or(NONE.to_owned(), |(ours, theirs)| times_better(ours, theirs)));
        }
        rows.push(row);
    }
    aligned(&rows, 1)
}

/// Stands where there is no figure.
const NONE: &str = "–";

fn find<'a>(
    figures: &'a [RecordedFigure],
    case: &str,
    server: &str,
    metric: &Metric<'_>,
) -> Option<&'a RecordedFigure> {
    figures.iter().find(|one| one.case == case && one.server == server && Metric::of(one) == *metric)
}

fn titled(metric: &Metric<'_>) -> String {
    if metric.unit.is_empty() { metric.name.to_owned() } else { format!("{}, {}", metric.name, metric.unit) }
}

/// The median, and where there were more rounds than one between what they lay.
fn with_range(figure: &RecordedFigure) -> String {
    let middle = shown(figure.figure);
    if figure.rounds.len() < 2 {
        return middle;
    }
    let least = figure.rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figure.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{middle} ({}–{})", shown(least), shown(most))
}

fn ratio(figure: Option<&RecordedFigure>, reference: Option<&RecordedFigure>) -> String {
    let both = figure.zip(reference);
    both.map_or(NONE.to_owned(), |(figure, reference)| format!("{:.2}", figure.figure / reference.figure))
}

fn times_better(ours: &RecordedFigure, theirs: &RecordedFigure) -> String {
    let times = ours.figure / theirs.figure;
    let better = match ours.better {
        Better::More => times,
        Better::Less => 1.0 / times,
        Better::Neither => return NONE.to_owned(),
    };
    format!("{better:.2}{}", if better < 1.0 { " behind" } else { "" })
}

/// Three digits that count.
fn shown(figure: f64) -> String {
    match figure {
        _ if figure >= 100.0 || figure == 0.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ if figure >= 0.1 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// The first `words` columns to the left, the others to the right.
fn aligned(rows: &[Vec<String>], words: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default().max(2)).collect();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column < words {
            true => format!(" {cell:<width$} |"),
            false => format!(" {cell:>width$} |"),
        });
        lines.push(format!("|{}\n", cells.collect::<String>()));
        if number == 0 {
            let rule = widths.iter().enumerate().map(|(column, &width)| match column < words {
                true => format!(":{:-<1$}|", "", width + 1),
                false => format!("{:-<1$}:|", "", width + 1),
            });
            lines.push(format!("|{}\n", rule.collect::<String>()));
        }
    }
    lines.concat()
}

/// Each one once, in the order in which they came first.
pub(crate) fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

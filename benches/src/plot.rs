//! Pictures of recorded results: bars where servers are compared, curves where something grows. They are drawn from the
//! files of results and from nothing else.

mod bars;
mod canvas;
mod curves;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use self::canvas::Canvas;
use crate::result::{Better, Recorded, RecordedFigure, distinct, read};

/// Where the pictures are, from the project's directory.
const DIRECTORY: &str = "docs/benchmarks";
/// Fewer points are no curve.
const POINTS_MIN: usize = 3;

/// Draws every result that has something to show.
pub(crate) fn draw_all() -> Result<()> {
    for recorded in read()? {
        let path = Path::new(DIRECTORY).join(format!("{}.svg", recorded.definition));
        match draw(&recorded) {
            Some(picture) => {
                fs::write(&path, picture).with_context(|| format!("cannot write {}", path.display()))?;
                println!("{}", path.display());
            }
            None => println!("{}: nothing to compare", recorded.definition),
        }
    }
    Ok(())
}

/// The picture of a result, as SVG.
fn draw(recorded: &Recorded) -> Option<String> {
    let mut canvas = Canvas::new(&recorded.definition, &recorded.workload);
    let points = distinct(recorded.figures.iter().filter_map(|figure| figure.at.map(f64::to_bits)));
    let is_curve = points.len() >= POINTS_MIN;
    let mut is_empty = true;
    for metric in shown_metrics(&recorded.figures) {
        let of_metric = |figure: &&RecordedFigure| figure.metric == metric;
        let figures: Vec<&RecordedFigure> = recorded.figures.iter().filter(of_metric).collect();
        if is_curve {
            is_empty = false;
            curves::draw(&mut canvas, &recorded.along, &figures);
            continue;
        }
        for case in distinct(figures.iter().map(|figure| figure.case.as_str())) {
            let of_case: Vec<&RecordedFigure> = figures.iter().copied().filter(|figure| figure.case == case).collect();
            if of_case.len() > 1 {
                is_empty = false;
                bars::draw(&mut canvas, case, &of_case);
            }
        }
    }
    (!is_empty).then(|| canvas.finish(&recorded.circumstances))
}

/// What is worth a panel: of the percentiles the 99th, and all else that can be better or worse.
fn shown_metrics(figures: &[RecordedFigure]) -> Vec<&str> {
    let compared = figures.iter().filter(|figure| figure.better != Better::Neither && figure.metric != "p50");
    distinct(compared.map(|figure| figure.metric.as_str()))
}

/// A panel's title: what, in which unit, and which way is good.
fn title(figure: &RecordedFigure) -> String {
    let better = match figure.better {
        Better::More => ", more is better",
        Better::Less => ", less is better",
        Better::Neither => "",
    };
    let unit = if figure.unit.is_empty() { String::new() } else { format!(" ({})", figure.unit) };
    format!("{}{unit}{better}", figure.metric)
}

/// A round figure at a tick of an axis.
fn shown_tick(figure: f64) -> String {
    // The nearest to a decimal: steps add up to 0.30000000000000004 otherwise.
    let round = |figure: f64| (figure * 1e6).round() / 1e6;
    match figure {
        _ if figure >= 1e6 => format!("{} M", round(figure / 1e6)),
        _ if figure >= 1e4 => format!("{} k", round(figure / 1e3)),
        _ => round(figure).to_string(),
    }
}

/// Three digits that count.
fn shown(figure: f64) -> String {
    match figure.abs() {
        _ if figure == 0.0 => "0".to_owned(),
        size if size >= 1e6 => format!("{:.2} M", figure / 1e6),
        size if size >= 1e4 => format!("{:.1} k", figure / 1e3),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests;

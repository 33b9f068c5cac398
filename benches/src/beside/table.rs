//! Figures side by side.

use super::server::Kind;

/// Which of two figures is the better one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Better {
    More,
    Less,
}

/// One figure of each server, of every round.
#[derive(Debug)]
struct Row {
    what: String,
    unit: &'static str,
    better: Better,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// The figures of a part, in the order in which they came first.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds one round's figure.
    pub(super) fn add(&mut self, kind: Kind, what: &str, unit: &'static str, better: Better, figure: f64) {
        let at = self.rows.iter().position(|row| row.what == what && row.unit == unit).unwrap_or(self.rows.len());
        if at == self.rows.len() {
            self.rows.push(Row { what: what.to_owned(), unit, better, ours: Vec::new(), theirs: Vec::new() });
        }
        let Some(row) = self.rows.get_mut(at) else { return };
        match kind {
            Kind::Everstream => row.ours.push(figure),
            Kind::DurableStreams => row.theirs.push(figure),
        }
    }

    /// Prints the medians, and how many times better ours is: below 1 it is worse.
    pub(super) fn print(self) {
        println!(
            "| {:<58} | {:>12} | {:>15} | {:>12} |",
            "",
            Kind::Everstream.name(),
            Kind::DurableStreams.name(),
            "× better"
        );
        println!("|:{:-<58}-|-{:->12}:|-{:->15}:|-{:->12}:|", "", "", "", "");
        for row in self.rows {
            let (ours, theirs) = (median(row.ours), median(row.theirs));
            let ratio = match row.better {
                Better::More => ours / theirs,
                Better::Less => theirs / ours,
            };
            let behind = if ratio < 1.0 { " behind" } else { "" };
            let what = format!("{}, {}", row.what, row.unit);
            let ratio = format!("{ratio:.2}{behind}");
            println!("| {what:<58} | {:>12} | {:>15} | {ratio:>12} |", shown(ours), shown(theirs));
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => figures.get(middle.wrapping_sub(1)..=middle).map_or(f64::NAN, |pair| pair.iter().sum::<f64>() / 2.0),
        _ => figures.get(middle).copied().unwrap_or(f64::NAN),
    }
}

/// Three digits that count.
fn shown(figure: f64) -> String {
    match figure {
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

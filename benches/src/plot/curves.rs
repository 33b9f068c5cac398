//! Servers while something grows, both axes logarithmic: what is proportional is a straight line.

use super::canvas::{Anchor, Canvas, MARGIN, WIDTH};
use super::{distinct, shown_tick, title};
use crate::result::RecordedFigure;

const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const HEIGHT: f64 = 220.0;

/// Draws the figures of one metric while `along` grows, a curve for each server.
pub(super) fn draw(canvas: &mut Canvas, along: &str, figures: &[&RecordedFigure]) {
    let Some(first) = figures.first() else { return };
    canvas.panel(&title(first));
    let points: Vec<(&RecordedFigure, f64)> =
        figures.iter().filter_map(|figure| Some((*figure, figure.at?))).filter(|(_, at)| *at > 0.0).collect();
    let across = Axis::over(points.iter().map(|(_, at)| *at));
    let up = Axis::over(points.iter().map(|(figure, _)| figure.figure));
    let (top, bottom, right) = (canvas.y, canvas.y + HEIGHT, WIDTH - RIGHT);
    let x = |at: f64| LEFT + (right - LEFT) * across.share(at);
    let y = |figure: f64| bottom - HEIGHT * up.share(figure);
    for tick in across.ticks() {
        canvas.grid((x(tick), top), (x(tick), bottom));
        canvas.text(x(tick), bottom + 15.0, "small", Anchor::Middle, &shown_tick(tick));
    }
    for tick in up.ticks() {
        canvas.grid((LEFT, y(tick)), (right, y(tick)));
        canvas.text(LEFT - 8.0, y(tick) + 4.0, "small", Anchor::End, &format!("{} {}", shown_tick(tick), first.unit));
    }
    for (place, server) in distinct(points.iter().map(|(figure, _)| figure.server.as_str())).into_iter().enumerate() {
        let of_server = points.iter().filter(|(figure, _)| figure.server == server);
        let line: Vec<(f64, f64)> = of_server.map(|(figure, at)| (x(*at), y(figure.figure))).collect();
        let (colour, row) = (canvas.colour_of(server), top + 14.0 + 18.0 * place as f64);
        canvas.curve(&line, colour);
        canvas.bar((right + 16.0, row - 9.0), (12.0, 10.0), colour);
        canvas.text(right + 34.0, row, "", Anchor::Start, server);
    }
    canvas.text((LEFT + right) / 2.0, bottom + 32.0, "", Anchor::Middle, along);
    canvas.y = bottom + MARGIN + 26.0;
}

/// From the power of ten at or below the least to the one at or above the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    pub(super) fn over(figures: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for figure in figures.filter(|figure| *figure > 0.0) {
            (least, most) = (least.min(figure), most.max(figure));
        }
        if least > most {
            return Self { low: 0, high: 1 };
        }
        let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        Self { low, high: high.max(low + 1) }
    }

    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10_f64.powi(power))
    }

    /// Where a figure is between the ends; what is not above zero is at the lower one.
    pub(super) fn share(self, figure: f64) -> f64 {
        if figure <= 0.0 {
            return 0.0;
        }
        (figure.log10() - f64::from(self.low)) / f64::from(self.high - self.low)
    }
}

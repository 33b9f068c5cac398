//! Servers beside each other in one case.

use super::canvas::{Anchor, Canvas, MARGIN, WIDTH};
use super::{shown, shown_tick, title};
use crate::result::RecordedFigure;

/// Where bars begin, and the room for the figure behind the longest.
const LEFT: f64 = 220.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 22.0;
const THICK: f64 = 14.0;
const TICKS: u32 = 4;

/// Draws the figures of one metric in `case`.
pub(super) fn draw(canvas: &mut Canvas, case: &str, figures: &[&RecordedFigure]) {
    let Some(first) = figures.first() else { return };
    canvas.panel(&format!("{case}: {}", title(first)));
    let most = figures.iter().map(|figure| figure.figure).fold(0.0, f64::max);
    let (step, room) = (step(most), WIDTH - LEFT - RIGHT);
    // The axis ends with the longest bar: a tick beyond it would be in the room of its figure.
    let x = |figure: f64| LEFT + room * figure / most.max(f64::MIN_POSITIVE);
    let (top, bottom) = (canvas.y, canvas.y + ROW * figures.len() as f64);
    for tick in 0..=2 * TICKS {
        let at = step * f64::from(tick);
        if at <= most {
            canvas.grid((x(at), top), (x(at), bottom));
            canvas.text(x(at), bottom + 14.0, "small", Anchor::Middle, &format!("{} {}", shown_tick(at), first.unit));
        }
    }
    for (row, figure) in figures.iter().enumerate() {
        let y = top + ROW * row as f64;
        let colour = canvas.colour_of(&figure.server);
        canvas.text(LEFT - 10.0, y + 15.0, "", Anchor::End, &figure.server);
        canvas.bar((LEFT, y + (ROW - THICK) / 2.0), (x(figure.figure) - LEFT, THICK), colour);
        canvas.text(x(figure.figure) + 6.0, y + 15.0, "", Anchor::Start, &shown(figure.figure));
    }
    canvas.y = bottom + MARGIN + 6.0;
}

/// A round distance between ticks, of which at least [`TICKS`] fit up to `most`.
pub(super) fn step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let raw = most / f64::from(TICKS);
    let power = 10_f64.powf(raw.log10().floor());
    let rounded = [5.0, 2.0, 1.0].into_iter().find(|factor| factor * power <= raw).unwrap_or(1.0);
    rounded * power
}

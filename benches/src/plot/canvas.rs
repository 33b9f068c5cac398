//! SVG, panel under panel, with colours that follow the reader's light or dark background.

use std::fmt::{Display, Write as _};

use crate::result::{BARE, Circumstances, OURS};

pub(super) const WIDTH: f64 = 760.0;
pub(super) const MARGIN: f64 = 16.0;
/// Of text.
const LINE: f64 = 18.0;
/// Characters of small text that surely fit on a line.
const LINE_CHARACTERS: usize = 124;

const STYLE: &str = "text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .panel { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.ground { fill: #ffffff } .grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .ground { fill: #0d1117 } .grid { stroke: #3d444d }
}";

/// Colours of other servers, in the order in which they come; readable on light and on dark.
const OTHERS: [&str; 8] = ["#d9822b", "#8f63d8", "#2e9e5b", "#d1476b", "#1f9fa8", "#a3852a", "#b35bb0", "#6f7f2d"];

/// Which way a text runs from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture that grows downwards.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
    /// Where the next panel begins.
    pub(super) y: f64,
    others: Vec<String>,
    name: String,
}

impl Canvas {
    pub(super) fn new(title: &str, explained: &str) -> Self {
        let mut canvas = Self { body: String::new(), y: MARGIN, others: Vec::new(), name: title.to_owned() };
        canvas.y += LINE;
        canvas.text(MARGIN, canvas.y, "title", Anchor::Start, title);
        for line in wrapped(explained) {
            canvas.y += LINE;
            canvas.text(MARGIN, canvas.y, "small", Anchor::Start, &line);
        }
        canvas.y += LINE;
        canvas
    }

    /// The title of a panel; what follows is drawn below `y`.
    pub(super) fn panel(&mut self, title: &str) {
        self.y += LINE;
        self.text(MARGIN, self.y, "panel", Anchor::Start, title);
        self.y += LINE;
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        ));
    }

    pub(super) fn grid(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!("<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    pub(super) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"{colour}\"/>",
            width.max(1.0)
        ));
    }

    /// A curve with a mark at each of its points.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!("<polyline class=\"line\" stroke=\"{colour}\" points=\"{}\"/>", path.join(" ")));
        for (x, y) in points {
            self.add(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
    }

    /// The same server has the same colour in every panel.
    pub(super) fn colour_of(&mut self, server: &str) -> &'static str {
        if server == OURS {
            return "#2f7fe0";
        }
        if server == BARE {
            return "#848d97";
        }
        let known = self.others.iter().position(|one| one == server);
        let place = known.unwrap_or_else(|| {
            self.others.push(server.to_owned());
            self.others.len() - 1
        });
        OTHERS.get(place % OTHERS.len()).copied().unwrap_or("#848d97")
    }

    pub(super) fn finish(mut self, circumstances: &Circumstances) -> String {
        let Circumstances { date, commit, processor, cores, memory_mib, kernel, congestion_control } = circumstances;
        let memory = memory_mib / 1024;
        self.y += 2.0 * LINE;
        let tcp = if congestion_control.is_empty() { String::new() } else { format!(", TCP {congestion_control}") };
        let of = format!("{date}, commit {commit}, {processor}, {cores} cores, {memory} GiB, {kernel}{tcp}");
        self.text(MARGIN, self.y, "small", Anchor::Start, &of);
        let height = self.y + MARGIN;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
            escaped(&self.name),
            self.body
        )
    }

    fn add(&mut self, element: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// Lines of words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE_CHARACTERS => {
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

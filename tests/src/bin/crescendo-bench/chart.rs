//! The report's chart: grouped bars as SVG, on a logarithmic axis, readable on light and on dark.

use std::fmt::Write;

use crate::measure::Measured;
use crate::report::number;
use crate::row::Model;

const WIDTH: f64 = 960.0;
/// Where labels end and bars begin, and where bars end at the latest.
const LEFT: f64 = 340.0;
const RIGHT: f64 = 745.0;
/// The axis is logarithmic: powers of ten of a millisecond, from 1 ms to somewhat over 10 s.
const LINES: std::ops::RangeInclusive<i32> = 0..=4;
const END: f64 = 4.2;
/// What is drawn of the shortest time.
const SLIVER: f64 = 2.0;
/// The height of a bar, of what is left free below it and below a group.
const BAR: f64 = 11.0;
const GAP: f64 = 2.0;
const GROUP: f64 = 11.0;

const STYLE: &str = "
    text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: var(--ink); }
    .small { font-size: 10.5px; }
    .quiet { fill: var(--quiet); }
    .title { font-size: 16px; font-weight: 600; }
    .head { font-size: 13px; font-weight: 600; }
    .ours { font-weight: 600; }
    .end { text-anchor: end; }
    .middle { text-anchor: middle; }
    .grid { stroke: var(--grid); }
    svg { --paper: #fcfcfb; --ink: #1c1c1a; --quiet: #5f5e59; --grid: #dddcd6; --c0: #1f6fd0; --c1: #8d8b84; --c2: #c8792b; }
    @media (prefers-color-scheme: dark) {
        svg { --paper: #1a1a19; --ink: #f2f1ee; --quiet: #aeaca4; --grid: #3a3a37; --c0: #5b9df0; --c1: #85837c; --c2: #d58a3e; }
    }
";

/// All rows that are drawn, one model below the other.
pub(crate) fn svg(measured: &[Measured]) -> String {
    let mut chart = Chart { body: String::new(), y: 28.0 };
    chart.title();
    for model in Model::ALL {
        let rows: Vec<_> = measured.iter().filter(|it| it.model == model && it.row.drawn).collect();
        chart.panel(model, &rows);
    }
    let (height, body) = (chart.y, chart.body);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Milliseconds of each row, by module or reader\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n{body}</svg>\n"
    )
}

struct Chart {
    body: String,
    y: f64,
}

impl Chart {
    fn title(&mut self) {
        self.text(16.0, self.y, "title", "Simulated card, modelled link");
        self.y += 22.0;
        self.text(
            16.0,
            self.y,
            "quiet",
            "On a logarithmic axis: each line is ten times the one before. Ratios: our time to that one; contactless: to contact.",
        );
        self.y += 24.0;
    }

    fn legend(&mut self, names: [&str; 3]) {
        let mut x = 16.0;
        for (index, name) in names.iter().enumerate() {
            self.rect(x, self.y - 10.0, 12.0, index);
            self.text(x + 18.0, self.y, "", name);
            x += 130.0;
        }
        self.y += 28.0;
    }

    fn panel(&mut self, model: Model, rows: &[&Measured]) {
        self.text(16.0, self.y, "head", model.name());
        self.text(120.0, self.y, "quiet small", model.text());
        self.y += 22.0;
        self.legend(model.names());
        #[expect(clippy::cast_precision_loss, reason = "some rows")]
        let height = rows.len() as f64 * (3.0 * (BAR + GAP) + GROUP);
        self.grid(height);
        let mut known = "";
        for row in rows {
            // "The same" in a chart, where rows are left out, would be a riddle.
            if !row.row.text.starts_with("the same") {
                known = row.row.text;
            }
            self.group(row, &label(known, row.row.text));
        }
        self.y += 30.0;
    }

    fn grid(&mut self, height: f64) {
        for power in LINES {
            let (x, top) = (along(f64::from(power)), self.y - 6.0);
            let bottom = top + height + 4.0;
            let _ = writeln!(self.body, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
            self.text(x, top - 4.0, "quiet small middle", &tick(power));
        }
    }

    fn group(&mut self, row: &Measured, label: &str) {
        self.text(LEFT - 10.0, self.y + 1.5 * (BAR + GAP) + 3.0, "end", label);
        for (index, sample) in row.medians.iter().enumerate() {
            let end = place(sample.milliseconds);
            self.rect(LEFT, self.y, end - LEFT, index);
            let told = format!("{} ms, {} APDUs", number(sample.milliseconds), sample.apdus);
            let ratio = match (index, row.model) {
                (0, _) => String::new(),
                (_, Model::Contactless) => format!("; ×{}", row.ratio(index)),
                _ => format!("; ours ×{}", row.ratio(index)),
            };
            let class = if index == 0 { "small ours" } else { "small" };
            self.text(end + 5.0, self.y + BAR - 1.5, class, &format!("{told}{ratio}"));
            self.y += BAR + GAP;
        }
        self.y += GROUP;
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, index: usize) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"var(--c{index})\"/>"
        );
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(self.body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>");
    }
}

/// Where a time is on the axis.
fn place(milliseconds: f64) -> f64 {
    along(milliseconds.log10()).clamp(LEFT + SLIVER, RIGHT)
}

/// Where a power of ten is.
fn along(power: f64) -> f64 {
    LEFT + power / END * (RIGHT - LEFT)
}

fn tick(power: i32) -> String {
    let (power, unit) = if power < 3 { (power, "ms") } else { (power - 3, "s") };
    format!("{} {unit}", 10f64.powi(power))
}

/// A row's own words: "the same, warm" after "list all, cold" is "list all, warm".
fn label(first: &str, text: &str) -> String {
    let Some(rest) = text.strip_prefix("the same") else { return text.into() };
    format!("{}{rest}", first.strip_suffix(", cold").unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_what_is_the_same() {
        assert_eq!(
            label("list all, 4 certificates, cold", "the same, warm"),
            "list all, 4 certificates, warm"
        );
        assert_eq!(label("list all, cold", "ssh-keygen -D, cold"), "ssh-keygen -D, cold");
    }

    #[test]
    fn the_axis_has_room_for_everything() {
        assert!(LEFT < place(0.5) && place(0.5) < place(10.0) && place(10.0) < place(10_000.0));
        assert!((place(1e9) - RIGHT).abs() < 0.01);
        assert_eq!((&tick(2)[..], &tick(4)[..]), ("100 ms", "10 s"));
    }
}

//! Memory in use over the number of idle instances: the curve whose slope is the marginal memory.

use std::collections::BTreeMap;

use results::stats::median;
use results::{Experiment, Metric, Unit};

use super::{Frame, LEGEND_LINE, LONGEST_NAME, MOST_BACKENDS, Plot, grid, legend, legend_lines};
use crate::Error;
use crate::analysis::{Analysis, Cell};
use crate::axis::Axis;
use crate::canvas::{Align, Font, shorten};
use crate::format::{interval, quantity, tick};
use crate::palette::Ink;

pub(super) const PLOT: Plot = Plot {
    name: "density-memory",
    title: "Memory in use over the number of instances",
    experiment: Experiment::Density,
    caption: "How much more memory the machine has in use than before, with so many idle instances: the median of the \
              rounds. It holds everything, whoever it is charged to, and also whatever else went on on the machine. The \
              legend gives the slope, what one more instance costs: the median over the rounds, with its 95 % interval.",
    draw,
    other: None,
};

const HEIGHT: f64 = 250.0;
const BELOW: f64 = 44.0;
/// Room for the labels of sizes.
const LABELS: f64 = 64.0;

/// Number of instances, and memory in use.
type Points = Vec<(f64, f64)>;

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let curves: Vec<(usize, String, Points)> = analysis
        .backends()
        .filter_map(|(seat, backend)| {
            let find = |metric| analysis.first(Experiment::Density, &backend.name, &metric);
            let points = points(find(Metric::MemoryInUse)?);
            let slope = find(Metric::MarginalMemory).and_then(|cell| cell.estimate).map(|slope| {
                let ends = interval(slope.low, slope.high, Unit::Bytes);
                format!("\u{2002}{} each ({ends})", quantity(slope.median, Unit::Bytes))
            });
            let name = shorten(&backend.name, LONGEST_NAME);
            (!points.is_empty()).then(|| (seat, format!("{name}{}", slope.unwrap_or_default()), points))
        })
        .take(MOST_BACKENDS)
        .collect();
    let key =
        legend_lines(curves.iter().map(|(seat, text, _)| (*seat, text.clone())).collect(), frame.width());
    let head = key.len() as f64 * LEGEND_LINE + 14.0;
    let all = || curves.iter().flat_map(|(_, _, points)| points);
    let counts = || all().map(|point| point.0);
    let sizes = || all().map(|point| point.1);
    if Axis::from_zero(counts(), (0.0, 1.0)).is_none() || Axis::from_zero(sizes(), (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    frame.around(head + HEIGHT + BELOW, |canvas, area| {
        legend(canvas, &key, area)?;
        let (top, bottom) = (area.top + head, area.top + head + HEIGHT);
        let across = Axis::from_zero(counts(), (area.left + LABELS, area.right - 12.0));
        let up = Axis::from_zero(sizes(), (bottom, top));
        let (Some(across), Some(up)) = (across, up) else { return Ok(()) };
        let ticks: Vec<f64> = across.ticks(if frame.narrow() { 4 } else { 8 }, Unit::Count);
        let whole: Vec<f64> = ticks.into_iter().filter(|tick| tick.fract() == 0.0).collect();
        grid(canvas, &across, &whole, Unit::Count, (top, bottom))?;
        for value in up.ticks(6, Unit::Bytes) {
            let y = up.pixel(value);
            canvas.line(&[(area.left + LABELS, y), (area.right - 12.0, y)], Ink::Grid, 1.0)?;
            canvas.text(&tick(value, Unit::Bytes), (area.left + LABELS - 8.0, y), Font::SMALL, Align::End)?;
        }
        let place = |&(count, size): &(f64, f64)| (across.pixel(count), up.pixel(size));
        for (seat, _, points) in &curves {
            let line: Vec<_> = [(0.0, 0.0)].iter().chain(points).map(place).collect();
            canvas.line(&line, Ink::Backend(*seat), 2.0)?;
        }
        for (seat, _, points) in &curves {
            // Powers of two and the end: more marks would hide the curves.
            let marked = |at: &usize| *at + 1 == points.len() || (points[*at].0 as u64).is_power_of_two();
            for at in (0..points.len()).filter(marked) {
                let (count, size) = points[at];
                let hint = format!("{} with {count}", quantity(size, Unit::Bytes));
                canvas.hint_mark(place(&points[at]), hint);
                canvas.mark(*seat, place(&points[at]))?;
            }
        }
        let middle = (area.left + LABELS + area.right) / 2.0;
        canvas.text("idle instances", (middle, bottom + 34.0), Font::SMALL, Align::Middle)
    })
}

/// By number of instances, the median of the rounds.
fn points(cell: &Cell<'_>) -> Points {
    let mut by_count: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (count, size) in cell.of.rounds().into_values().flatten() {
        by_count.entry(count).or_default().push(size);
    }
    by_count.into_iter().filter_map(|(count, sizes)| Some((f64::from(count), median(&sizes)?))).collect()
}

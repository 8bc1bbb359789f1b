//! Computation and memory work, relative to the same work in a bare process, or as it is.

use results::stats::Estimate;
use results::{Better, Experiment, Metric, Unit};

use super::dots::{Fit, Look, draw as dots, rows};
use super::{Frame, Other, Plot};
use crate::Error;
use crate::analysis::{Analysis, Cell};
use crate::axis::Axis;

pub(super) const PLOT: Plot = Plot {
    name: "cpu",
    title: "Computation and memory work, relative to a bare process",
    experiment: Experiment::Cpu,
    caption: "The strong line at 1 is the bare process; a mark is how many times its time the same work took in a \
              backend, with the 95 % interval as a bar (for bandwidths: how many times less was moved per second). A \
              bar that touches the line means: no difference was measurable. Further right is slower.",
    draw,
    other: Some(Other {
        first: "Relative to process",
        name: "Time",
        title: "Computation and memory work, time per operation",
        caption: "The median time of one operation, with its 95 % interval as a bar; of work that is measured as a bandwidth, \
                  the time to move 1 MiB. The scale is logarithmic, over so wide a range that differences of a few per cent \
                  do not show: those are in the other drawing. Further left is faster.",
        draw: draw_absolute,
    }),
};

/// What a bandwidth is shown as the time of.
const MIB: f64 = 1_048_576.0;

/// A ratio of which "more" means "slower", whichever direction the metric prefers.
pub(crate) fn slowdown(ratio: Estimate, better: Better) -> Option<Estimate> {
    let Estimate { median, low, high, n } = ratio;
    match better {
        Better::Lower => Some(ratio),
        // The inverse of the median is the median of the inverses; the interval's ends change places.
        Better::Higher if low > 0.0 => {
            Some(Estimate { median: 1.0 / median, low: 1.0 / high, high: 1.0 / low, n })
        }
        Better::Higher => None,
    }
}

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows(analysis, Experiment::Cpu, |cell| {
        slowdown(cell.ratio?, cell.of.better).filter(|ratio| ratio.median > 0.0)
    });
    let axis: Fit = |values, pixels| Axis::fitting(values.iter().copied(), pixels);
    let axis_label = "times the bare process";
    let look = Look { unit: Unit::Ratio, axis_label, legend: true, rule: Some(1.0), axis };
    dots(analysis, frame, &rows, &look)
}

/// Nanoseconds per operation, or per MiB.
fn time(cell: &Cell<'_>) -> Option<Estimate> {
    let of = cell.estimate.filter(|estimate| estimate.low > 0.0)?;
    match cell.of.metric {
        Metric::TimePerOp => Some(of),
        Metric::Bandwidth => {
            let time = |bandwidth: f64| 1e9 * MIB / bandwidth;
            Some(Estimate { median: time(of.median), low: time(of.high), high: time(of.low), n: of.n })
        }
        _ => None,
    }
}

fn draw_absolute(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows(analysis, Experiment::Cpu, time);
    let axis: Fit = |values, pixels| Axis::log(values.iter().copied(), pixels);
    let axis_label = "time per operation";
    let look = Look { unit: Unit::Nanoseconds, axis_label, legend: true, rule: None, axis };
    dots(analysis, frame, &rows, &look)
}

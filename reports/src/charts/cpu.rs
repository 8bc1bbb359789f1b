//! Computation and memory work, relative to the same work in a bare process.

use results::stats::Estimate;
use results::{Better, Experiment, Unit};

use super::dots::{Fit, Look, draw as dots, rows};
use super::{Frame, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;

pub(super) const PLOT: Plot = Plot {
    name: "cpu",
    title: "Computation and memory work, relative to a bare process",
    experiment: Experiment::Cpu,
    caption: "The black line at 1 is the bare process; a mark is how many times its time the same work took in a \
              backend, with the 95 % interval as a bar (for bandwidths: how many times less was moved per second). A \
              bar that touches the line means: no difference was measurable. Further right is slower.",
    draw,
};

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
    let look = Look { unit: Unit::Ratio, axis_label: "times the bare process", rule: Some(1.0), axis };
    dots(analysis, frame, &rows, &look)
}

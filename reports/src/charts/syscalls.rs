//! Time per system call, on a logarithmic scale.

use results::{Experiment, Metric, Unit};

use super::dots::{Fit, Look, draw as dots, rows};
use super::{Frame, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;

pub(super) const PLOT: Plot = Plot {
    name: "syscalls",
    title: "Time per system call",
    experiment: Experiment::Syscalls,
    caption: "One row a system call (or pair), one mark a backend: the median time of one call, with its 95 % interval \
              as a bar, which is often narrower than the mark. Further left is faster. The scale is logarithmic: equal \
              distances are equal factors. A backend that cannot make the call says why instead of showing a mark.",
    draw,
};

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows(analysis, Experiment::Syscalls, |cell| {
        cell.estimate.filter(|estimate| cell.of.metric == Metric::TimePerOp && estimate.median > 0.0)
    });
    let axis: Fit = |values, pixels| Axis::log(values.iter().copied(), pixels);
    let look = Look { unit: Unit::Nanoseconds, axis_label: "time per call (logarithmic)", rule: None, axis };
    dots(analysis, frame, &rows, &look)
}

//! Time per system call, on a logarithmic scale: as it is, or as a multiple of the bare process's.

use results::{Experiment, Metric, Unit};

use super::dots::{Fit, Look, draw as dots, rows};
use super::{Frame, Other, Plot};
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
    other: Some(Other {
        first: "Time",
        name: "Relative to process",
        title: "Time per system call, relative to a bare process",
        caption: "The strong line at 1 is the bare process; a mark is how many times its time the same call took, with the \
                  95 % interval as a bar. A bar that touches the line means: no difference was measurable. Further right \
                  is slower. The scale is logarithmic: twice and half are equally far from 1.",
        draw: draw_relative,
    }),
};

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows(analysis, Experiment::Syscalls, |cell| {
        cell.estimate.filter(|estimate| cell.of.metric == Metric::TimePerOp && estimate.median > 0.0)
    });
    let axis: Fit = |values, pixels| Axis::log(values.iter().copied(), pixels);
    let axis_label = "time per call";
    let look = Look { unit: Unit::Nanoseconds, axis_label, legend: true, rule: None, axis };
    dots(analysis, frame, &rows, &look)
}

fn draw_relative(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows(analysis, Experiment::Syscalls, |cell| {
        cell.ratio.filter(|ratio| cell.of.metric == Metric::TimePerOp && ratio.low > 0.0)
    });
    let axis: Fit = |values, pixels| Axis::log(values.iter().copied(), pixels);
    let axis_label = "times the bare process";
    let look = Look { unit: Unit::Ratio, axis_label, legend: true, rule: Some(1.0), axis };
    dots(analysis, frame, &rows, &look)
}

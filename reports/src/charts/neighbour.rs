//! What an instance notices of another one, of the same kind, that tries its limits on another CPU.

use results::{Experiment, Metric, Unit};

use super::dots::{Fit, Look, draw as dots, rows_of};
use super::{Frame, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;

pub(super) const PLOT: Plot = Plot {
    name: "neighbour",
    title: "What a neighbour notices of a hog, a fork storm, a spinner",
    experiment: Experiment::Isolation,
    caption: "An instance does steady work (page faults and loads from 4 MiB) while another one of the same backend tries \
              its limits on another CPU, if there is one. A mark is how many times its time alone an operation then \
              takes, with the 95 % interval as a bar; both times are from the same trial. A bar that touches the line \
              at 1 means: no harm was measurable. Further right is worse.",
    draw,
    other: None,
};

/// Where there is no neighbour's figure, that of the limit says why.
const METRICS: [Metric; 4] =
    [Metric::NeighbourSlowdown, Metric::PeakMemory, Metric::PeakProcesses, Metric::CpuShare];

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let rows = rows_of(analysis, Experiment::Isolation, &METRICS, |cell| {
        cell.estimate.filter(|_| cell.of.metric == Metric::NeighbourSlowdown)
    });
    let axis: Fit = |values, pixels| Axis::fitting(values.iter().copied(), pixels);
    let axis_label = "times its time alone";
    let look = Look { unit: Unit::Ratio, axis_label, legend: true, rule: Some(1.0), axis };
    dots(analysis, frame, &rows, &look)
}

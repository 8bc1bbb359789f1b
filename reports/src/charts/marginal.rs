//! What one more idle instance takes from the machine, with its interval.

use results::{Experiment, Metric, Unit};

use super::dots::{Fit, Look, Row, draw as dots};
use super::{Frame, LONGEST_NAME, MOST_BACKENDS, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::{Axis, LOG_FROM};
use crate::canvas::shorten;

pub(super) const PLOT: Plot = Plot {
    name: "marginal-memory",
    title: "What one more idle instance takes",
    experiment: Experiment::Memory,
    caption: "The marginal cost: the slope of the machine’s memory in use over the number of idle instances, whoever is \
              charged for it, page tables and kernel objects included. The mark is the median over the ramps, the bar its \
              95 % interval. A bar that reaches zero means that the cost is lost in what else the machine does; no ratio \
              to it is given then.",
    draw,
    other: None,
};

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let row = |(place, of): (usize, &results::Backend)| {
        let estimate = analysis.first(Experiment::Memory, &of.name, &Metric::MarginalMemory)?.estimate?;
        let name = shorten(&of.name, LONGEST_NAME);
        Some(Row { name, dots: vec![(place, estimate)], missing: Vec::new() })
    };
    let rows: Vec<Row> = analysis.backends().filter_map(row).take(MOST_BACKENDS).collect();
    let ends = rows.iter().flat_map(|row| &row.dots).map(|(_, of)| (of.low, of.high));
    let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |all, of| (all.0.min(of.0), all.1.max(of.1)));
    // Costs that differ so much are told apart by their factors, others by their distances from nothing.
    let rule = if low > 0.0 && high / low > LOG_FROM { None } else { Some(0.0) };
    let axis: Fit = |values, pixels| Axis::fitting(values.iter().copied(), pixels);
    let axis_label = "memory in use per further instance";
    let look = Look { unit: Unit::Bytes, axis_label, legend: false, rule, axis };
    dots(analysis, frame, &rows, &look)
}

//! How long the user's own program takes in each backend.

use results::{Backend, Experiment, Metric, Unit};

use super::dots::{Fit, Look, Row, draw as dots, word};
use super::{Frame, LONGEST_NAME, MOST_BACKENDS, Plot};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;
use crate::canvas::shorten;

pub(super) const PLOT: Plot = Plot {
    name: "program-time",
    title: "Your own program, from start to exit",
    experiment: Experiment::Exec,
    caption: "From the call that starts an instance to its exit having been reaped: the start, all that the program does, \
              and the end. The mark is the median, its bar the 95 % interval. Further left is faster. A backend that \
              cannot run the program says why instead of showing a mark.",
    draw,
    other: None,
};

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let row = |(place, of): (usize, &Backend)| {
        let cell = analysis.first(Experiment::Exec, &of.name, &Metric::WallTime)?;
        let dots: Vec<_> = cell.estimate.map(|of| (place, of)).into_iter().collect();
        let reason = || cell.of.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let why = || format!("{}{}", word(cell.of.status), reason());
        let missing = if dots.is_empty() { vec![why()] } else { Vec::new() };
        Some(Row { name: shorten(&of.name, LONGEST_NAME), dots, missing })
    };
    let rows: Vec<Row> = analysis.backends().filter_map(row).take(MOST_BACKENDS).collect();
    let axis: Fit = |values, pixels| Axis::fitting(values.iter().copied(), pixels);
    let axis_label = "time from start call to exit";
    let look = Look { unit: Unit::Nanoseconds, axis_label, legend: false, rule: None, axis };
    dots(analysis, frame, &rows, &look)
}

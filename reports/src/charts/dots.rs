//! Dots with intervals, one row a workload: the drawing behind `syscalls` and `cpu`.

use results::stats::Estimate;
use results::{Experiment, Metric, Status, Unit};

use super::{Frame, LEGEND_LINE, LONGEST_NAME, MOST_BACKENDS, MOST_WORKLOADS, grid, legend, legend_lines};
use crate::Error;
use crate::analysis::{Analysis, Cell};
use crate::axis::{Axis, Spread};
use crate::canvas::{Align, Canvas, Font, fit, shorten};
use crate::format::told;
use crate::palette::Ink;

/// One workload.
pub(super) struct Row {
    /// Its name.
    pub name: String,
    /// Backends with a value, by their place in the run's list.
    pub dots: Vec<(usize, Estimate)>,
    /// In words: backends without one, and why.
    pub missing: Vec<String>,
}

/// Collects rows: `value` is what to show of a measurement.
pub(super) fn rows<'r>(
    analysis: &Analysis<'r>,
    experiment: Experiment,
    value: impl Fn(&Cell<'r>) -> Option<Estimate>,
) -> Vec<Row> {
    rows_of(analysis, experiment, &[Metric::TimePerOp, Metric::Bandwidth], value)
}

/// The same of other metrics: of each workload and backend, the first that was measured.
pub(super) fn rows_of<'r>(
    analysis: &Analysis<'r>,
    experiment: Experiment,
    metrics: &[Metric],
    value: impl Fn(&Cell<'r>) -> Option<Estimate>,
) -> Vec<Row> {
    let backends: Vec<_> = analysis.backends().take(MOST_BACKENDS).collect();
    let row = |workload: &str| {
        let (mut dots, mut missing) = (Vec::new(), Vec::new());
        for (place, backend) in &backends {
            let mut cells = metrics
                .iter()
                .filter_map(|metric| analysis.cell(experiment, workload, &backend.name, metric));
            let Some(cell) = cells.next() else { continue };
            match (value(cell), cell.of.status) {
                (Some(estimate), _) => dots.push((*place, estimate)),
                (None, Status::Ok) => {}
                (None, status) => missing.push(gap(&backend.name, status, cell.of.reason.as_deref())),
            }
        }
        Row { name: shorten(workload, LONGEST_NAME), dots, missing }
    };
    let rows = analysis.workloads(experiment).into_iter().take(MOST_WORKLOADS).map(row);
    rows.filter(|row| !row.dots.is_empty() || !row.missing.is_empty()).collect()
}

/// Why there is no dot.
fn gap(backend: &str, status: Status, reason: Option<&str>) -> String {
    let word = word(status);
    let reason = reason.map(|reason| format!(", {}", shorten(reason, 24))).unwrap_or_default();
    format!("{}: {word}{reason}", shorten(backend, LONGEST_NAME))
}

/// A status in a word.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "no sample",
        Status::NotApplicable => "n/a",
        Status::Unavailable => "unavailable",
        Status::Failed => "failed",
    }
}

/// Makes an axis that holds values between two pixels.
pub(super) type Fit = fn(&[f64], (f64, f64)) -> Option<Axis>;

/// How rows are drawn.
pub(super) struct Look {
    /// Unit of the values.
    pub unit: Unit,
    /// Below the axis; that it is logarithmic, if it is, is added.
    pub axis_label: &'static str,
    /// Whether a legend is needed: rows that are backends name themselves.
    pub legend: bool,
    /// A value to draw a rule at.
    pub rule: Option<f64>,
    /// How values are spread.
    pub axis: Fit,
}

const LANE: f64 = 13.0;
/// A lane of words: letters are taller than marks.
const WORDS: f64 = 16.0;
const PADDING: f64 = 12.0;
const AXIS: f64 = 44.0;
/// Room for workload names.
const NAMES: f64 = 158.0;

/// Draws the rows; `None` if there is no value to draw.
pub(super) fn draw(
    analysis: &Analysis<'_>,
    frame: &Frame<'_>,
    rows: &[Row],
    look: &Look,
) -> Result<Option<String>, Error> {
    let used = |place: &usize| rows.iter().flat_map(|row| &row.dots).any(|dot| dot.0 == *place);
    let shown: Vec<(usize, String)> = analysis
        .backends()
        .filter(|(place, _)| used(place))
        .map(|(place, backend)| (place, shorten(&backend.name, LONGEST_NAME)))
        .collect();
    let values: Vec<f64> = rows
        .iter()
        .flat_map(|row| &row.dots)
        .flat_map(|dot| [dot.1.median, dot.1.low, dot.1.high])
        .chain(look.rule)
        .collect();
    if shown.is_empty() || (look.axis)(&values, (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    let key = if look.legend { legend_lines(shown.clone(), frame.width()) } else { Vec::new() };
    let head = key.len() as f64 * LEGEND_LINE + 10.0;
    let named = |place: usize| shown.iter().find(|shown| shown.0 == place).map_or("", |shown| &*shown.1);
    // On a phone the name stands above its lanes instead of beside them.
    let name_line = if frame.narrow() { 18.0 } else { 0.0 };
    // Dots and words have lanes of their own height, which grow alike in a taller picture.
    let lanes = |row: &Row| row.dots.len() as f64 * LANE + row.missing.len() as f64 * WORDS + PADDING;
    let (lines, names) = (rows.iter().map(lanes).sum::<f64>(), rows.len() as f64 * name_line);
    frame.around(head + lines + names + AXIS, |canvas, area| {
        let stretch = 1.0 + area.extra / lines;
        let tall = |row: &Row| lanes(row) * stretch + name_line;
        let height: f64 = rows.iter().map(tall).sum();
        legend(canvas, &key, area)?;
        let from = if frame.narrow() { area.left + 6.0 } else { area.left + NAMES };
        let Some(axis) = (look.axis)(&values, (from, area.right - 18.0)) else { return Ok(()) };
        let (mut top, bottom) = (area.top + head, area.top + head + height);
        let ticks = axis.ticks(frame.ticks(9), look.unit);
        grid(canvas, &axis, &ticks, look.unit, (top, bottom))?;
        if let Some(rule) = look.rule {
            let x = axis.pixel(rule);
            canvas.line(&[(x, top), (x, bottom)], Ink::Strong, 1.4)?;
        }
        for row in rows {
            canvas.line(&[(area.left, top), (area.right, top)], Ink::Grid, 1.0)?;
            let name_y = if frame.narrow() { top + 13.0 } else { top + tall(row) / 2.0 };
            if frame.narrow() {
                // It stands over the grid there.
                let end = area.left + Font::BODY.width(&row.name);
                canvas.rect((area.left, name_y - 9.0), (end, name_y + 8.0), Ink::Paper, 1.0)?;
            }
            canvas.text(&row.name, (area.left, name_y), Font::BODY, Align::Start)?;
            let lanes = top + name_line + PADDING / 2.0 * stretch;
            row_marks(canvas, row, &axis, (from, area.right - 18.0), (lanes, stretch))?;
            for (lane, (place, estimate)) in row.dots.iter().enumerate() {
                let at = (axis.pixel(estimate.median), lanes + (lane as f64 + 0.5) * LANE * stretch);
                let name =
                    if look.legend { format!("{}, {}", row.name, named(*place)) } else { row.name.clone() };
                canvas.hint_mark(at, format!("{name}: {}", told(estimate, look.unit)));
            }
            top += tall(row);
        }
        canvas.line(&[(area.left, bottom), (area.right, bottom)], Ink::Grid, 1.0)?;
        let label = match axis.spread() {
            Spread::Linear => look.axis_label.to_owned(),
            Spread::Log => format!("{} (logarithmic)", look.axis_label),
        };
        canvas.text(&label, ((from + area.right) / 2.0, bottom + 34.0), Font::SMALL, Align::Middle)
    })
}

/// The lanes of one row, from `y` on, so many times as tall as they need to be.
fn row_marks(
    canvas: &Canvas<'_>,
    row: &Row,
    axis: &Axis,
    (from, to): (f64, f64),
    (mut y, stretch): (f64, f64),
) -> Result<(), Error> {
    y += LANE / 2.0 * stretch;
    for (place, estimate) in &row.dots {
        let (low, high) = (axis.pixel(estimate.low), axis.pixel(estimate.high));
        canvas.line(&[(low, y), (high, y)], Ink::Backend(*place), 2.4)?;
        canvas.mark(*place, (axis.pixel(estimate.median), y))?;
        y += LANE * stretch;
    }
    // A gap has a lane of its own, in words only: a mark would be taken for a value. It stands on the side where the row's
    // dots are, so that the eye need not travel.
    let right = row.dots.first().is_some_and(|dot| axis.pixel(dot.1.median) > (from + to) / 2.0);
    y += (WORDS - LANE) / 2.0 * stretch;
    for why in &row.missing {
        let why = fit(why, Font::SMALL, to - from - 6.0);
        let (x, align) = if right { (to, Align::End) } else { (from + 6.0, Align::Start) };
        // Words stand on paper, so that no line runs through them.
        let left = if right { x - Font::SMALL.width(&why) } else { x };
        let (above, below) = (y - WORDS / 2.0 + 1.0, y + WORDS / 2.0 - 1.0);
        canvas.rect((left, above), (left + Font::SMALL.width(&why), below), Ink::Paper, 1.0)?;
        canvas.text(&why, (x, y), Font::SMALL, align)?;
        y += WORDS * stretch;
    }
    Ok(())
}

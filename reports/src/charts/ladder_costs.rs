//! What each rung of the ladder costs besides its start: system calls and memory, one small panel each over the same rows.
//!
//! Invariant: every panel has its own axis, and all have the same rungs in the same lines, so that a step is seen to the
//! right of its name in each.

use results::ladder::{CONTAINER, RUNGS};
use results::stats::Estimate;
use results::{Experiment, Metric, Unit};

use super::{Frame, LONGEST_NAME, Plot, grid};
use crate::Error;
use crate::analysis::{Analysis, BASELINE};
use crate::axis::{Axis, Spread};
use crate::canvas::{Align, Canvas, Font, fit, shorten};
use crate::format::told;
use crate::palette::Ink;

pub(super) const PLOT: Plot = Plot {
    name: "ladder-costs",
    title: "What the same mechanisms cost a system call, and in memory",
    experiment: Experiment::Ladder,
    caption: "A line a rung, from the bare process up, and the full container below them; each has all that the lines \
              above it have. A mark is the median, its bar the 95 % interval, the upright rule the bare process. Where \
              marks step to the right, that mechanism made the call dearer, or an idle instance larger. Each panel has \
              its own scale, which need not begin at zero.",
    draw,
    other: None,
};

/// More panels than this are of files made up.
const MOST_PANELS: usize = 9;
const TITLE: f64 = 26.0;
const ROW: f64 = 18.0;
const AXIS: f64 = 26.0;
const GAP: f64 = 14.0;
/// Room for names.
const NAMES: f64 = 150.0;
const NARROW_NAMES: f64 = 138.0;
/// A panel is never narrower.
const PANEL: f64 = 190.0;
/// Left and right of a panel's axis, for labels that are centred on its ends.
const SIDE: f64 = 22.0;
/// Labels of an axis: no more than a panel has room for.
const TICKS: usize = 3;

/// A metric: what each row has of it.
struct Panel {
    title: String,
    unit: Unit,
    values: Vec<Option<Estimate>>,
    /// The bare process’s, if it was measured.
    ground: Option<f64>,
}

impl Panel {
    fn ends(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        self.values.iter().flatten().flat_map(|of| [of.low, of.median, of.high])
    }
}

/// Seat and name of each line.
type Row = (usize, &'static str);

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let (rows, panels) = data(analysis);
    if rows.len() < 2 || panels.is_empty() {
        return Ok(None);
    }
    let names = if frame.narrow() { NARROW_NAMES } else { NAMES };
    let abreast = (((frame.width() - names) / PANEL) as usize).clamp(1, panels.len());
    let strips: Vec<&[Panel]> = panels.chunks(abreast).collect();
    let lines = (strips.len() * rows.len()) as f64;
    let around = strips.len() as f64 * (TITLE + AXIS + GAP) - GAP;
    frame.around(around + lines * ROW, |canvas, area| {
        let row = ROW + area.extra / lines;
        let width = (area.right - area.left - names) / abreast as f64;
        let mut top = area.top;
        for strip in strips {
            for (number, (_, name)) in rows.iter().enumerate() {
                let y = top + TITLE + (number as f64 + 0.5) * row;
                let name = fit(name, Font::SMALL, names - 6.0);
                canvas.text(&name, (area.left, y), Font::SMALL, Align::Start)?;
            }
            for (number, panel) in strip.iter().enumerate() {
                let left = area.left + names + number as f64 * width;
                draw_panel(canvas, panel, &rows, (left, left + width), (top, row))?;
            }
            top += TITLE + rows.len() as f64 * row + AXIS + GAP;
        }
        Ok(())
    })
}

/// The rungs and the container, as far as they were measured, and what was.
fn data(analysis: &Analysis<'_>) -> (Vec<Row>, Vec<Panel>) {
    let calls =
        analysis.workloads(Experiment::Ladder).into_iter().map(|workload| (workload, Metric::TimePerOp));
    let memory = analysis.workloads(Experiment::Ladder).into_iter().map(|of| (of, Metric::MarginalMemory));
    let backends = RUNGS.iter().map(|rung| (rung.backend, rung.name)).chain([(CONTAINER, CONTAINER)]);
    let of = |workload: &str, metric: &Metric, backend: &str| {
        analysis.cell(Experiment::Ladder, workload, backend, metric)?.estimate
    };
    let wanted: Vec<(&str, Metric)> = calls
        .chain(memory)
        .filter(|(workload, metric)| {
            backends.clone().filter(|(backend, _)| of(workload, metric, backend).is_some()).count() > 1
        })
        .take(MOST_PANELS)
        .collect();
    let measured: Vec<(&str, &'static str)> = backends
        .filter(|(backend, _)| {
            wanted.iter().any(|(workload, metric)| of(workload, metric, backend).is_some())
        })
        .collect();
    let panels = wanted.iter().map(|(workload, metric)| Panel {
        title: match metric {
            Metric::MarginalMemory => "one more idle instance".to_owned(),
            _ => shorten(workload, LONGEST_NAME),
        },
        unit: metric.unit(),
        ground: of(workload, metric, BASELINE).map(|of| of.median),
        values: measured.iter().map(|(backend, _)| of(workload, metric, backend)).collect(),
    });
    let panels = panels.filter(|panel| Axis::fitting(panel.ends(), (0.0, 1.0)).is_some()).collect();
    let rows = measured.iter().filter_map(|(backend, name)| Some((analysis.seat(backend)?, *name)));
    (rows.collect(), panels)
}

fn draw_panel(
    canvas: &Canvas<'_>,
    panel: &Panel,
    rows: &[Row],
    (left, right): (f64, f64),
    (top, row): (f64, f64),
) -> Result<(), Error> {
    let (from, to) = (left + SIDE, right - SIDE);
    let Some(axis) = Axis::fitting(panel.ends(), (from, to)) else { return Ok(()) };
    let (above, bottom) = (top + TITLE, top + TITLE + rows.len() as f64 * row);
    let ticks = axis.ticks(TICKS, panel.unit);
    grid(canvas, &axis, &ticks, panel.unit, (above, bottom))?;
    let log = if axis.spread() == Spread::Log { " (logarithmic)" } else { "" };
    let title = fit(&format!("{}{log}", panel.title), Font::NAME, right - from);
    canvas.text(&title, (from, top + 10.0), Font::NAME, Align::Start)?;
    let y = |number: usize| above + (number as f64 + 0.5) * row;
    if let Some(ground) = panel.ground {
        let x = axis.pixel(ground);
        canvas.line(&[(x, above), (x, bottom)], Ink::Muted, 1.0)?;
    }
    for (number, ((seat, name), value)) in rows.iter().zip(&panel.values).enumerate() {
        let Some(of) = value else { continue };
        let at = (axis.pixel(of.median), y(number));
        let bar = [(axis.pixel(of.low), at.1), (axis.pixel(of.high), at.1)];
        canvas.line(&bar, Ink::Backend(*seat), 2.4)?;
        canvas.mark(*seat, at)?;
        canvas.hint_mark(at, format!("{}, {name}: {}", panel.title, told(of, panel.unit)));
    }
    Ok(())
}

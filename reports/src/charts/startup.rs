//! Startup times as cumulative distributions: every sample is in the picture, bimodal or not.

use results::stats::ecdf;
use results::{Experiment, Unit};

use super::frame::Height;
use super::{Area, Frame, LEGEND_LINE, LONGEST_NAME, MOST_BACKENDS, Plot, grid, legend, legend_lines};
use crate::Error;
use crate::analysis::{Analysis, Cell};
use crate::axis::{Axis, Spread};
use crate::canvas::{Align, Canvas, Font, shorten};
use crate::format::{quantity, told};
use crate::palette::Ink;

pub(super) const PLOT: Plot = Plot {
    name: "startup-ecdf",
    title: "Startup time, every sample",
    experiment: Experiment::Startup,
    caption: "From the call that starts an instance to its READY. Each curve climbs by one step a sample: where it \
              crosses 50 % (the mark) is the median, a steep curve means steady starts, a tail to the right means that \
              some were slow. Further left is faster.",
    draw,
    other: None,
};

const HEIGHT: f64 = 290.0;
/// Below, steps of a sample each run together.
const LEAST_HEIGHT: f64 = 110.0;

/// Room for the axis' labels.
const BELOW: f64 = 44.0;

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let curves: Vec<(usize, &Cell<'_>)> = analysis
        .backends()
        .filter_map(|(place, backend)| {
            let cell = analysis.startup(&backend.name)?;
            cell.estimate.is_some().then_some((place, cell))
        })
        .take(MOST_BACKENDS)
        .collect();
    let entries = curves.iter().filter_map(|(place, cell)| {
        let median = quantity(cell.estimate?.median, cell.of.unit);
        Some((*place, format!("{}\u{2002}{median}", shorten(&cell.of.backend, LONGEST_NAME))))
    });
    let key = legend_lines(entries.collect(), frame.width());
    let head = key.len() as f64 * LEGEND_LINE + 14.0;
    let samples = curves.iter().flat_map(|(_, cell)| cell.of.samples.iter().copied());
    if Axis::fitting(samples.clone(), (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    let tall = |plot| head + plot + BELOW;
    frame.around(Height { least: tall(LEAST_HEIGHT), natural: tall(HEIGHT) }, |canvas, area| {
        legend(canvas, &key, area)?;
        let Some(axis) = Axis::fitting(samples, (area.left + 44.0, area.right - 12.0)) else { return Ok(()) };
        let ticks = axis.ticks(frame.ticks(9), Unit::Nanoseconds);
        let plot = HEIGHT + area.extra;
        let bottom = area.top + head + plot;
        grid(canvas, &axis, &ticks, Unit::Nanoseconds, (area.top + head, bottom))?;
        let height = |share: f64| bottom - share * plot;
        shares(canvas, area, height)?;
        for (place, cell) in &curves {
            curve(canvas, *place, cell, &axis, height)?;
        }
        // Marks last: no curve may hide one.
        for (place, cell) in &curves {
            if let Some(estimate) = cell.estimate {
                let at = (axis.pixel(estimate.median), height(0.5));
                canvas.mark(*place, at)?;
                let name = shorten(&cell.of.backend, LONGEST_NAME);
                canvas.hint_mark(at, format!("{name}: {}", told(&estimate, cell.of.unit)));
            }
        }
        let middle = (area.left + area.right) / 2.0;
        let label = match axis.spread() {
            Spread::Linear => "time from start call to READY",
            Spread::Log => "time from start call to READY (logarithmic)",
        };
        canvas.text(label, (middle, bottom + 34.0), Font::SMALL, Align::Middle)
    })
}

/// Horizontal grid lines at quarters of the samples.
fn shares(canvas: &Canvas<'_>, area: Area, height: impl Fn(f64) -> f64) -> Result<(), Error> {
    for percent in [0, 25, 50, 75, 100] {
        let y = height(f64::from(percent) / 100.0);
        let ink = if percent == 50 { Ink::Muted } else { Ink::Grid };
        canvas.line(&[(area.left + 44.0, y), (area.right - 12.0, y)], ink, 1.0)?;
        canvas.text(&format!("{percent} %"), (area.left + 38.0, y), Font::SMALL, Align::End)?;
    }
    Ok(())
}

fn curve(
    canvas: &Canvas<'_>,
    place: usize,
    cell: &Cell<'_>,
    axis: &Axis,
    height: impl Fn(f64) -> f64,
) -> Result<(), Error> {
    let steps = ecdf(&cell.of.samples).into_iter();
    let points = outline(steps.map(|(value, share)| (axis.pixel(value), height(share))), height(0.0));
    canvas.line(&points, Ink::Backend(place), 2.2)
}

/// In pixels: less than this nobody sees.
const FINEST: f64 = 0.25;

/// The line through steps (where one is, how high it leads) that starts at height `from`. Of steps closer together than
/// [`FINEST`] some are left out, so that a million samples are no larger a picture than a thousand.
pub(super) fn outline(steps: impl Iterator<Item = (f64, f64)>, from: f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut skipped = None;
    for (x, y) in steps {
        let last = points.last().copied();
        let reached = last.map_or(from, |last| last.1);
        if last.is_some_and(|last| (x - last.0).abs() < FINEST && (y - reached).abs() < FINEST) {
            skipped = Some((x, y));
            continue;
        }
        points.extend([(x, reached), (x, y)]);
        skipped = None;
    }
    // The end is never left out: it is the slowest start.
    if let (Some((x, y)), Some((_, reached))) = (skipped, points.last().copied()) {
        points.extend([(x, reached), (x, y)]);
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_a_few_samples_is_drawn() {
        let steps = [(10.0, 60.0), (10.1, 30.0), (90.0, 0.0)];
        let line = outline(steps.into_iter(), 90.0);
        assert_eq!(line, [(10.0, 90.0), (10.0, 60.0), (10.1, 60.0), (10.1, 30.0), (90.0, 30.0), (90.0, 0.0)]);
    }

    #[test]
    fn a_million_samples_are_drawn_as_finely_as_can_be_seen_and_to_their_ends() {
        let steps = (0..1_000_000).map(|n| (f64::from(n) / 1e3, 290.0 - f64::from(n) / 1e6 * 290.0));
        let line = outline(steps, 290.0);
        assert!(line.len() < 10_000, "{}", line.len());
        assert_eq!(line.first(), Some(&(0.0, 290.0)));
        assert!(line.last().is_some_and(|end| (end.0 - 1e3).abs() < 0.01 && end.1 < 0.01));
        assert!(line.windows(2).all(|pair| (pair[1].0 - pair[0].0).abs() <= 2.0 * FINEST));
    }
}

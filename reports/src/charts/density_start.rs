//! Start latencies of many instances as cumulative distributions: a panel for one after another, one for each number of
//! starts at once, all over one axis, so that panels can be compared by eye. Published data gets panels of its own.

use results::stats::ecdf;
use results::{Experiment, Metric, Unit};

use super::startup::outline;
use super::{Area, Frame, LEGEND_LINE, LONGEST_NAME, MOST_BACKENDS, Plot, grid, legend, legend_lines};
use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, shorten};
use crate::format::quantity;
use crate::nsdi::{STOPPING_POINT, Starts};
use crate::palette::Ink;

pub(super) const PLOT: Plot = Plot {
    name: "density-start",
    title: "Start latency of many instances",
    experiment: Experiment::Density,
    caption: "Every start of every round, from its call to READY, while the instances before it stay; the mark is the \
              median. The upper panel starts one after another on one CPU; the others keep that many starts going at a \
              time on all CPUs, so a curve that moves right from panel to panel waits for CPUs or for locks of the \
              kernel. The scale is logarithmic and the same for all panels. Panels of published data, if there are any, \
              come from other hardware and stop the clock elsewhere: they show how curves spread, not who is faster.",
    draw,
    other: None,
};

const PANEL: f64 = 104.0;
/// Above a panel, for its heading; published data says in a second line where its clock stops.
const HEADING: f64 = 40.0;
const SECOND: f64 = 17.0;
/// Room for the axis' labels.
const BELOW: f64 = 44.0;
/// Room for the labels of shares.
const LABELS: f64 = 44.0;
/// More panels make a picture too tall; the table has all.
const MOST_PANELS: usize = 8;

/// One panel.
struct Panel {
    heading: String,
    second: Option<String>,
    curves: Vec<Curve>,
}

/// One distribution.
struct Curve {
    seat: usize,
    /// Whose it is, and of how much.
    name: String,
    /// Time, and the share of starts that took no longer.
    steps: Vec<(f64, f64)>,
    median: f64,
}

fn draw(analysis: &Analysis<'_>, frame: &Frame<'_>) -> Result<Option<String>, Error> {
    let mut panels = measured(analysis);
    if panels.is_empty() {
        return Ok(None);
    }
    panels.truncate(MOST_PANELS);
    let mut entries: Vec<(usize, String)> = analysis
        .backends()
        .filter(|(seat, _)| panels.iter().flat_map(|panel| &panel.curves).any(|curve| curve.seat == *seat))
        .map(|(seat, backend)| (seat, shorten(&backend.name, LONGEST_NAME)))
        .collect();
    entries.extend(analysis.published_seats().map(|(seat, vmm)| (seat, format!("{vmm} (published)"))));
    panels.extend(published(analysis, frame.narrow()));
    let key = legend_lines(entries, frame.width());
    let head = key.len() as f64 * LEGEND_LINE + 6.0;
    let values: Vec<f64> = panels
        .iter()
        .flat_map(|panel| &panel.curves)
        .flat_map(|curve| &curve.steps)
        .map(|point| point.0)
        .collect();
    if Axis::log(values.iter().copied(), (0.0, 1.0)).is_none() {
        return Ok(None);
    }
    let tall = |panel: &Panel| HEADING + panel.second.as_ref().map_or(0.0, |_| SECOND) + PANEL;
    let height: f64 = panels.iter().map(tall).sum();
    frame.around(head + height + BELOW, |canvas, area| {
        legend(canvas, &key, area)?;
        let Some(axis) = Axis::log(values.iter().copied(), (area.left + LABELS, area.right - 12.0)) else {
            return Ok(());
        };
        let ticks = axis.ticks(if frame.narrow() { 4 } else { 9 }, Unit::Nanoseconds);
        let mut top = area.top + head;
        for (place, panel) in panels.iter().enumerate() {
            let bottom = top + tall(panel);
            canvas.text(&panel.heading, (area.left, top + HEADING - 14.0), Font::NAME, Align::Start)?;
            if let Some(second) = &panel.second {
                canvas.text(second, (area.left, top + HEADING + 4.0), Font::SMALL, Align::Start)?;
            }
            if place + 1 == panels.len() {
                grid(canvas, &axis, &ticks, Unit::Nanoseconds, (bottom - PANEL, bottom))?;
            } else {
                for &tick in &ticks {
                    let x = axis.pixel(tick);
                    canvas.line(&[(x, bottom - PANEL), (x, bottom)], Ink::Grid, 1.0)?;
                }
            }
            panel.draw(canvas, area, &axis, bottom)?;
            top = bottom;
        }
        let middle = (area.left + area.right) / 2.0;
        canvas.text("start latency (logarithmic)", (middle, top + 34.0), Font::SMALL, Align::Middle)
    })
}

impl Panel {
    fn draw(&self, canvas: &Canvas<'_>, area: Area, axis: &Axis, bottom: f64) -> Result<(), Error> {
        let height = |share: f64| bottom - share * (PANEL - 8.0);
        for percent in [0, 50, 100] {
            let y = height(f64::from(percent) / 100.0);
            canvas.line(&[(area.left + LABELS, y), (area.right - 12.0, y)], Ink::Grid, 1.0)?;
            canvas.text(&format!("{percent} %"), (area.left + LABELS - 6.0, y), Font::SMALL, Align::End)?;
        }
        for Curve { seat, steps, .. } in &self.curves {
            let steps = steps.iter().map(|&(value, share)| (axis.pixel(value), height(share)));
            canvas.line(&outline(steps, height(0.0)), Ink::Backend(*seat), 2.0)?;
        }
        // Marks last: no curve may hide one.
        self.curves.iter().try_for_each(|of| {
            let at = (axis.pixel(of.median), height(0.5));
            canvas.hint_mark(at, format!("{}, median {}", of.name, quantity(of.median, Unit::Nanoseconds)));
            canvas.mark(of.seat, at)
        })
    }
}

/// The run's own panels.
fn measured(analysis: &Analysis<'_>) -> Vec<Panel> {
    let backends: Vec<_> = analysis.backends().take(MOST_BACKENDS).collect();
    let panel = |workload: &str| {
        let curve = |(seat, name): (usize, &str)| {
            let cell = analysis.cell(Experiment::Density, workload, name, &Metric::StartupTime)?;
            let median = results::stats::median(&cell.of.samples)?;
            let name = format!("{}, {} starts", shorten(name, LONGEST_NAME), cell.of.samples.len());
            Some(Curve { seat, name, steps: ecdf(&cell.of.samples), median })
        };
        let curves: Vec<_> =
            backends.iter().filter_map(|(seat, backend)| curve((*seat, &backend.name))).collect();
        (!curves.is_empty()).then(|| Panel { heading: heading(workload), second: None, curves })
    };
    analysis.workloads(Experiment::Density).into_iter().filter_map(panel).collect()
}

/// A workload of the experiment in words.
fn heading(workload: &str) -> String {
    match workload.strip_prefix("parallel-") {
        _ if workload == "serial" => "One after another, on one CPU".to_owned(),
        Some("1") => "1 at a time, all CPUs".to_owned(),
        Some(count) => format!("{} at a time, all CPUs", shorten(count, 6)),
        None => shorten(workload, LONGEST_NAME),
    }
}

/// The panels of published data.
fn published(analysis: &Analysis<'_>, narrow: bool) -> Vec<Panel> {
    let Some(data) = analysis.published else { return Vec::new() };
    let seat = |vmm: &str| analysis.published_seats().find(|(_, of)| *of == vmm).map(|(seat, _)| seat);
    let curve = |of: &Starts| {
        Some(Curve {
            seat: seat(of.vmm)?,
            name: format!("{}, published", of.vmm),
            steps: of.curve.clone(),
            median: of.quantile(0.5)?,
        })
    };
    let counts = data.counts();
    let panels = counts.iter().map(|&count| {
        let own: Vec<&Starts> = data.starts.iter().filter(|starts| starts.at_once == count).collect();
        let how = if count == 1 { "one after another".to_owned() } else { format!("{count} at a time") };
        let tails = own.iter().filter_map(|of| {
            let time = |q| of.quantile(q).map(|time| quantity(time, Unit::Nanoseconds));
            Some(format!("{} {} (p99 {})", of.vmm, time(0.5)?, time(0.99)?))
        });
        let tails = tails.collect::<Vec<_>>().join(", ");
        // A phone has room for one line only.
        let where_from = format!("{}; {STOPPING_POINT}", shorten(&data.machine, 60));
        Panel {
            heading: format!("Published, NSDI ’20: {how}"),
            second: Some(match (narrow, count) {
                (true, _) => shorten(&data.machine, 50),
                (false, 1) => shorten(&where_from, 150),
                (false, _) => tails,
            }),
            curves: own.into_iter().filter_map(curve).collect(),
        }
    });
    panels.collect()
}

#[cfg(test)]
mod tests {
    use super::heading;

    #[test]
    fn panels_say_what_was_done() {
        assert_eq!(heading("serial"), "One after another, on one CPU");
        assert_eq!(heading("parallel-8"), "8 at a time, all CPUs");
        assert_eq!(heading("parallel-1"), "1 at a time, all CPUs");
    }
}

//! The charts: each is one file with one [`Plot`], listed in [`CATALOGUE`].
//!
//! Sizes are logical pixels. Every plot is drawn for three uses ([`Use`]) from the same code: only the width and the
//! frame differ. Invariant: a plot without data is `None`, never an empty picture.

mod cpu;
mod density_memory;
mod density_size;
mod density_start;
mod dots;
mod frame;
mod ladder;
mod ladder_costs;
mod lanes;
mod marginal;
mod memory;
mod neighbour;
mod phases;
mod program;
mod stack;
mod startup;
mod syscalls;
mod trend;
mod waterfall;

pub(crate) use cpu::slowdown;
pub(crate) use frame::{Area, Frame, Use};
pub use frame::{Picture, Size};
pub(crate) use lanes::{Group, Lane as RunLane, Lanes, Panel, Surroundings, Value};
pub(crate) use trend::{Lane, Trend, spark};

use results::{Experiment, Host, Run, Unit};

use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, fit};
use crate::format::moment;
use crate::palette::{Ink, Theme};

/// A chart as a picture of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// File name without extension.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The picture: SVG on paper, with title and origin.
    pub svg: String,
}

/// Everything there is to know about one kind of chart.
pub(crate) struct Plot {
    /// File name without extension, and anchor on the page.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Section of the page it stands in.
    pub experiment: Experiment,
    /// How to read it.
    pub caption: &'static str,
    /// Draws it; `None` if the run has nothing to show.
    pub draw: Draw,
    /// The same measurements seen another way, for the page.
    pub other: Option<Other>,
}

/// Draws a plot; `None` if the run has nothing to show.
pub(crate) type Draw = fn(&Analysis<'_>, &Frame<'_>) -> Result<Option<String>, Error>;

/// A second drawing of a plot's measurements, which the page shows in place of the first on demand.
pub(crate) struct Other {
    /// What the first one is called where one is chosen.
    pub first: &'static str,
    /// What this one is called.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// How to read it.
    pub caption: &'static str,
    /// Draws it.
    pub draw: Draw,
}

/// All charts, in the order of the page.
pub(crate) const CATALOGUE: [Plot; 13] = [
    startup::PLOT,
    phases::PLOT,
    memory::PLOT,
    marginal::PLOT,
    syscalls::PLOT,
    cpu::PLOT,
    ladder::PLOT,
    ladder_costs::PLOT,
    density_start::PLOT,
    density_memory::PLOT,
    density_size::PLOT,
    neighbour::PLOT,
    program::PLOT,
];

/// What a picture from an emulated machine says.
pub(crate) const EMULATED: &str = "measured in an emulator: not a result";

/// More backends than this make a chart unreadable; the tables hold them all.
pub(crate) const MOST_BACKENDS: usize = 24;

/// More workloads than this would make a picture too tall to show; the tables hold them all.
pub(crate) const MOST_WORKLOADS: usize = 40;

/// Names longer than this are shortened in pictures.
pub(crate) const LONGEST_NAME: usize = 24;

/// Draws all charts that this run has data for, each as a picture of its own.
pub fn charts(run: &Run) -> Result<Vec<Chart>, Error> {
    files(&Analysis::new(run), Theme::Light)
}

/// The same from statistics already computed.
pub(crate) fn files(analysis: &Analysis<'_>, theme: Theme) -> Result<Vec<Chart>, Error> {
    let style = Picture { size: None, theme };
    CATALOGUE.iter().filter_map(|plot| plot.alone(analysis, style).transpose()).collect()
}

/// The names of all charts, in the order of the page.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|plot| plot.name)
}

/// Draws one chart by its name, as a picture of its own.
///
/// # Errors
/// If there is no such chart, the run has nothing to show in it, or it does not fit.
pub fn chart(run: &Run, name: &str, style: Picture) -> Result<Chart, Error> {
    let plot = CATALOGUE.iter().find(|plot| plot.name == name);
    let plot = plot.ok_or_else(|| Error::UnknownChart {
        name: name.to_owned(),
        known: names().collect::<Vec<_>>().join(", "),
    })?;
    let drawn = plot.alone(&Analysis::new(run), style)?;
    drawn.ok_or_else(|| Error::NothingToShow { name: plot.name, needs: plot.experiment })
}

impl Plot {
    /// The picture for one use.
    pub(crate) fn drawn_for(&self, analysis: &Analysis<'_>, usage: Use) -> Result<Option<String>, Error> {
        drawn(analysis, usage, self.title, self.draw)
    }

    fn alone(&self, analysis: &Analysis<'_>, style: Picture) -> Result<Option<Chart>, Error> {
        let svg = self.drawn_for(analysis, Use::File(style))?;
        Ok(svg.map(|svg| Chart { name: self.name.to_owned(), title: self.title.to_owned(), svg }))
    }
}

impl Other {
    /// The picture for one use.
    pub(crate) fn drawn_for(&self, analysis: &Analysis<'_>, usage: Use) -> Result<Option<String>, Error> {
        drawn(analysis, usage, self.title, self.draw)
    }
}

fn drawn(analysis: &Analysis<'_>, usage: Use, title: &str, draw: Draw) -> Result<Option<String>, Error> {
    let origin = [origin(&analysis.run.host, &moment(&analysis.run.started_at))];
    let warning = analysis.emulator().map(|_| EMULATED);
    draw(analysis, &Frame { usage, title, origin: &origin, warning })
}

/// Where and when numbers come from.
pub(crate) fn origin(host: &Host, when: &str) -> String {
    format!("{} · Linux {} · {when}", host.cpu_model, host.kernel)
}

/// Vertical grid lines from `top` to `bottom`, with their values below.
fn grid(
    canvas: &Canvas<'_>,
    axis: &Axis,
    ticks: &[f64],
    unit: Unit,
    (top, bottom): (f64, f64),
) -> Result<(), Error> {
    for &tick in ticks {
        let x = axis.pixel(tick);
        canvas.line(&[(x, top), (x, bottom)], Ink::Grid, 1.0)?;
        canvas.text(&crate::format::tick(tick, unit), (x, bottom + 12.0), Font::SMALL, Align::Middle)?;
    }
    Ok(())
}

/// A legend's entry: a backend's mark and a text.
type Entry = (usize, String);

const LEGEND_LINE: f64 = 22.0;

/// Breaks a legend into lines; each entry gets its horizontal place.
fn legend_lines(entries: Vec<Entry>, width: f64) -> Vec<Vec<(f64, Entry)>> {
    let mut lines: Vec<Vec<(f64, Entry)>> = Vec::new();
    let mut x = f64::INFINITY;
    for entry in entries {
        let entry = (entry.0, fit(&entry.1, Font::BODY, width - 18.0));
        let wide = 16.0 + Font::BODY.width(&entry.1);
        if x + wide > width {
            lines.push(Vec::new());
            x = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            line.push((x, entry));
        }
        x += wide + 22.0;
    }
    lines
}

/// Draws a legend from the area's top on.
fn legend(canvas: &Canvas<'_>, lines: &[Vec<(f64, Entry)>], area: Area) -> Result<(), Error> {
    for (number, line) in lines.iter().enumerate() {
        let y = area.top + (number as f64 + 0.5) * LEGEND_LINE;
        for (x, (backend, text)) in line {
            canvas.mark(*backend, (area.left + x + 6.0, y))?;
            canvas.text(text, (area.left + x + 18.0, y), Font::BODY, Align::Start)?;
        }
    }
    Ok(())
}

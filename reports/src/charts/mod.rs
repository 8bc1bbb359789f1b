//! The charts: each is one file with one [`Plot`], listed in [`CATALOGUE`].
//!
//! Sizes are logical pixels. Every plot is drawn for three uses ([`Use`]) from the same code: only the width and the
//! frame differ. Invariant: a plot without data is `None`, never an empty picture.

mod cpu;
mod dots;
mod memory;
mod neighbour;
mod phases;
mod stack;
mod startup;
mod syscalls;
mod trend;

pub(crate) use cpu::slowdown;
pub(crate) use trend::{Lane, Trend, spark};

use results::{Experiment, Host, Run, Unit};

use crate::Error;
use crate::analysis::Analysis;
use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Font, shorten, sketch};
use crate::format::moment;
use crate::palette::Ink;

/// A chart as a picture of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// File name without extension.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The picture: SVG on white, with title and origin.
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
    pub draw: fn(&Analysis<'_>, &Frame<'_>) -> Result<Option<String>, Error>,
}

/// All charts, in the order of the page.
pub(crate) const CATALOGUE: [Plot; 6] =
    [startup::PLOT, phases::PLOT, memory::PLOT, syscalls::PLOT, cpu::PLOT, neighbour::PLOT];

/// Where a chart will be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// As a file of its own: it has to say what it is and where it comes from.
    File,
    /// In the page, which has a heading beside it.
    Page,
    /// In the page on a phone.
    Phone,
}

/// What surrounds a drawing.
pub(crate) struct Frame<'r> {
    /// Where it will be looked at.
    pub usage: Use,
    /// What it shows.
    pub title: &'r str,
    /// Where and when the numbers come from.
    pub origin: &'r str,
    /// Whether they come from an emulated machine.
    pub emulated: bool,
}

/// The part of a picture that a plot may draw on.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
}

/// A screen of 390 pixels less the page's margins; 960 fills the page's column.
const WIDTHS: (f64, f64) = (350.0, 960.0);
const MARGIN: f64 = 28.0;
const HEAD: f64 = 64.0;
const FOOT: f64 = 44.0;

/// What a picture from an emulated machine says.
const EMULATED: &str = "measured in an emulator: not a result";

/// More backends than this make a chart unreadable; the tables hold them all.
pub(crate) const MOST_BACKENDS: usize = 12;

/// More workloads than this would make a picture too tall to show; the tables hold them all.
pub(crate) const MOST_WORKLOADS: usize = 40;

/// Names longer than this are shortened in pictures.
pub(crate) const LONGEST_NAME: usize = 24;

impl Frame<'_> {
    /// Whether there is little room.
    fn narrow(&self) -> bool {
        self.usage == Use::Phone
    }

    /// Width of the part that a plot may draw on.
    fn width(&self) -> f64 {
        match self.usage {
            Use::Phone => WIDTHS.0,
            Use::Page => WIDTHS.1,
            Use::File => WIDTHS.1 - 2.0 * MARGIN,
        }
    }

    /// Draws a plot `height` tall within this frame.
    fn around(
        &self,
        height: f64,
        draw: impl FnOnce(&Canvas<'_>, Area) -> Result<(), Error>,
    ) -> Result<Option<String>, Error> {
        let label = format!("Chart: {}. The numbers are in the table below it.", self.title);
        if self.usage != Use::File {
            let area = Area { left: 0.0, right: self.width(), top: 0.0 };
            return sketch((self.width(), height), Some(&label), |canvas| draw(canvas, area)).map(Some);
        }
        let size = (WIDTHS.1, HEAD + height + FOOT);
        sketch(size, Some(self.title), |canvas| {
            canvas.rect((0.0, 0.0), size, Ink::Paper, 1.0)?;
            canvas.text(self.title, (MARGIN, 34.0), Font::TITLE, Align::Start)?;
            if self.emulated {
                // A picture is shown without the page that would say so.
                canvas.text(EMULATED, (size.0 - MARGIN, 34.0), Font::NAME, Align::End)?;
            }
            canvas.text(&shorten(self.origin, 110), (MARGIN, size.1 - 20.0), Font::SMALL, Align::Start)?;
            canvas.text("bench", (size.0 - MARGIN, size.1 - 20.0), Font::SMALL, Align::End)?;
            draw(canvas, Area { left: MARGIN, right: size.0 - MARGIN, top: HEAD })
        })
        .map(Some)
    }
}

/// Draws all charts that this run has data for, each as a picture of its own.
pub fn charts(run: &Run) -> Result<Vec<Chart>, Error> {
    files(&Analysis::new(run))
}

/// The same from statistics already computed.
pub(crate) fn files(analysis: &Analysis<'_>) -> Result<Vec<Chart>, Error> {
    let drawn = CATALOGUE.iter().filter_map(|plot| {
        let svg = plot.drawn_for(analysis, Use::File).transpose()?;
        Some(svg.map(|svg| Chart { name: plot.name.to_owned(), title: plot.title.to_owned(), svg }))
    });
    drawn.collect()
}

impl Plot {
    /// The picture for one use.
    pub(crate) fn drawn_for(&self, analysis: &Analysis<'_>, usage: Use) -> Result<Option<String>, Error> {
        let origin = origin(&analysis.run.host, &moment(&analysis.run.started_at));
        let emulated = analysis.emulator().is_some();
        (self.draw)(analysis, &Frame { usage, title: self.title, origin: &origin, emulated })
    }
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

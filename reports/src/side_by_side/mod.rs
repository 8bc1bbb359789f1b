//! The page of several runs, usually of several machines, side by side.
//!
//! Machines differ in everything, so that their times say little about isolation; what can be compared is how many times
//! the bare process *of the same run* something takes, and the page shows both. Invariants: runs are told apart by letters,
//! backends by colour and shape, as everywhere; what is missing is said with its reason and never filled in; every string
//! of a run is escaped by the template.

mod cautions;
mod choose;
mod lineup;
mod machines;
mod tables;

use std::path::Path;

use askama::Template;
use results::stats::Estimate;
use results::{Experiment, Run};

use crate::Error;
use crate::analysis::BASELINE;
use crate::charts::{Chart, Lanes, Picture, Surroundings, Use};
use crate::format::number;
use crate::palette::{self, Theme};
use crate::write::{Rendered, write};

use choose::{HEADLINES, Headline, RATIOS, Ratios};
use lineup::{Entry, Lineup};
use tables::{Matrix, Table};

/// More lanes than this are not told apart by eye.
pub const MOST_RUNS: usize = 12;

/// Without the runs that are given twice, and the ids of those.
pub fn distinct(runs: Vec<Run>) -> (Vec<Run>, Vec<String>) {
    let (mut kept, mut repeated): (Vec<Run>, Vec<String>) = (Vec::new(), Vec::new());
    for run in runs {
        if kept.contains(&run) {
            repeated.push(run.run_id);
        } else {
            kept.push(run);
        }
    }
    (kept, repeated)
}

/// Writes `side-by-side.html` and, into `side-by-side/`, its charts as SVG and PNG, in these colours.
///
/// # Errors
/// If there are fewer than two runs or more than [`MOST_RUNS`], or a file cannot be written.
pub fn render(runs: &[Run], dir: &Path, theme: Theme) -> Result<Rendered, Error> {
    let lineup = lineup(runs)?;
    let (page, charts) = (page(&lineup)?, files(&lineup, theme)?);
    write(&page, &charts, &dir.join("side-by-side.html"), &dir.join("side-by-side"))
}

/// Renders the page.
///
/// # Errors
/// If there are fewer than two runs or more than [`MOST_RUNS`].
pub fn html(runs: &[Run]) -> Result<String, Error> {
    page(&lineup(runs)?)
}

/// Draws the charts, each as a picture of its own.
///
/// # Errors
/// If there are fewer than two runs or more than [`MOST_RUNS`].
pub fn charts(runs: &[Run], theme: Theme) -> Result<Vec<Chart>, Error> {
    files(&lineup(runs)?, theme)
}

fn lineup(runs: &[Run]) -> Result<Lineup<'_>, Error> {
    match runs.len() {
        0 | 1 => Err(Error::TooFewRuns),
        2..=MOST_RUNS => Ok(Lineup::new(runs)),
        many => Err(Error::TooManyRuns { many, most: MOST_RUNS }),
    }
}

fn files(lineup: &Lineup<'_>, theme: Theme) -> Result<Vec<Chart>, Error> {
    let style = Use::File(Picture { size: None, theme });
    let named = HEADLINES.iter().map(|of| (of.name, of.lanes(lineup)));
    let named = named.chain(RATIOS.iter().map(|of| (of.name, of.lanes(lineup))));
    let drawn = named.filter_map(|(name, lanes)| {
        let svg = drawn(&lanes, lineup, style).transpose()?;
        Some(svg.map(|svg| Chart { name: name.to_owned(), title: lanes.title.to_owned(), svg }))
    });
    drawn.collect()
}

fn drawn(lanes: &Lanes, lineup: &Lineup<'_>, usage: Use) -> Result<Option<String>, Error> {
    let origin: Vec<String> = lineup.entries.iter().map(|entry| entry.origin()).collect();
    let warning = lineup.emulated().map(|labels| format!("{labels} measured in an emulator: not a result"));
    lanes.drawn_for(usage, &Surroundings { origin: &origin, warning: warning.as_deref() })
}

#[derive(Template)]
#[template(path = "side-by-side.html")]
struct Page {
    dark: String,
    baseline: &'static str,
    title: String,
    emulated: Option<String>,
    headline: Vec<String>,
    cautions: Vec<String>,
    labels: Vec<char>,
    key: Vec<String>,
    machines: Vec<machines::Row>,
    sections: Vec<Section>,
}

/// An experiment.
struct Section {
    id: &'static str,
    title: &'static str,
    blocks: Vec<Block>,
}

/// A chart with the numbers behind it.
struct Block {
    figure: Option<Figure>,
    table: Option<Table>,
    matrix: Option<Matrix>,
    title: &'static str,
}

/// A chart in the page, drawn for a wide and for a narrow screen.
struct Figure {
    name: &'static str,
    caption: &'static str,
    wide: String,
    phone: String,
}

fn page(lineup: &Lineup<'_>) -> Result<String, Error> {
    let sections = [
        (Experiment::Startup, "startup-and-teardown", "Startup and teardown"),
        (Experiment::Memory, "memory-use", "Memory"),
        (Experiment::Syscalls, "system-calls", "System calls"),
        (Experiment::Cpu, "computation", "Computation and memory system"),
    ];
    let section = |(of, id, title)| Ok(Section { id, title, blocks: blocks(lineup, of)? });
    let page = Page {
        dark: palette::style_sheet(),
        baseline: BASELINE,
        title: title(lineup),
        emulated: lineup.emulated(),
        headline: HEADLINES.iter().filter_map(|of| sentence(lineup, of)).collect(),
        cautions: cautions::cautions(lineup),
        labels: lineup.entries.iter().map(|entry| entry.label).collect(),
        key: lineup.entries.iter().map(|entry| entry.origin()).collect(),
        machines: machines::table(lineup),
        sections: sections.into_iter().map(section).collect::<Result<_, Error>>()?,
    };
    Ok(page.render()?)
}

fn blocks(lineup: &Lineup<'_>, of: Experiment) -> Result<Vec<Block>, Error> {
    let mut blocks = Vec::new();
    for one in HEADLINES.iter().filter(|one| one.experiment == of) {
        let Headline { name, caption, title, .. } = one;
        let table = tables::headline(lineup, one)?;
        if !table.groups.is_empty() {
            let figure = figure(lineup, &one.lanes(lineup), name, caption)?;
            blocks.push(Block { figure, table: Some(table), matrix: None, title });
        }
    }
    for one in RATIOS.iter().filter(|one| one.experiment == of) {
        let Ratios { name, caption, title, .. } = one;
        if let Some(matrix) = tables::matrix(lineup, of)? {
            let figure = figure(lineup, &one.lanes(lineup), name, caption)?;
            blocks.push(Block { figure, table: None, matrix: Some(matrix), title });
        }
    }
    Ok(blocks)
}

fn figure(
    lineup: &Lineup<'_>,
    lanes: &Lanes,
    name: &'static str,
    caption: &'static str,
) -> Result<Option<Figure>, Error> {
    let (wide, phone) = (drawn(lanes, lineup, Use::Page)?, drawn(lanes, lineup, Use::Phone)?);
    Ok(wide.zip(phone).map(|(wide, phone)| Figure { name, caption, wide, phone }))
}

/// `3 runs on 2 machines`.
fn title(lineup: &Lineup<'_>) -> String {
    let machines = lineup.machines();
    let plural = if machines == 1 { "" } else { "s" };
    format!("{} runs on {machines} machine{plural}", lineup.entries.len())
}

/// The span over the runs of each backend's ratio to the bare process of the same run. What is emulated counts only where
/// all is.
fn sentence(lineup: &Lineup<'_>, of: &Headline) -> Option<String> {
    let real = |entry: &&Entry<'_>| entry.analysis.emulator().is_none();
    let any_real = lineup.entries.iter().any(|entry| real(&entry));
    let entries: Vec<_> = lineup.entries.iter().filter(|entry| !any_real || real(entry)).collect();
    let clause = |(_, backend): (usize, &str)| {
        let ratio = |entry: &&Entry<'_>| of.cell(entry, backend).and_then(|cell| cell.ratio);
        let ratios: Vec<Estimate> = entries.iter().filter_map(ratio).collect();
        let medians = || ratios.iter().map(|ratio| ratio.median);
        let (least, most) = (medians().reduce(f64::min)?, medians().reduce(f64::max)?);
        let (least, most) = (number(least), number(most));
        let range = if least == most { least } else { format!("{least} to {most}") };
        let all = entries.len();
        let some =
            if ratios.len() < all { format!(" in {} of {all} runs", ratios.len()) } else { String::new() };
        Some(format!("{backend} {range}\u{a0}×{some}"))
    };
    let clauses: Vec<String> = of.backends(lineup).into_iter().filter_map(clause).collect();
    (!clauses.is_empty()).then(|| format!("{}: {}.", of.title, clauses.join(", ")))
}

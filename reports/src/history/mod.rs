//! The page of many runs: what changed its level, when, and by how much.
//!
//! Invariant: as for a run's report, every string that may come from a hostile file is escaped by the template, and the
//! page stays readable however many runs and measurements there are: what is left out is said.

mod choose;
mod tables;

use std::collections::HashSet;
use std::path::Path;

use askama::Template;
use results::history::{History, Series};

use crate::charts::{Chart, Picture, Use};
use crate::format::{interval, moment, quantity};
use crate::write::{Rendered, write};
use crate::{Error, palette, words};

use choose::{Chosen, choose, seats};
use tables::{ChangeRow, RunRow, Section, SettingRow};

/// A file that was found among the runs but could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where it is.
    pub path: String,
    /// Why not.
    pub reason: String,
}

/// Writes `history.html` and, into `history/`, its charts as SVG and PNG.
pub fn render(history: &History, unread: &[Unread], dir: &Path) -> Result<Rendered, Error> {
    let (page, charts) = (html(history, unread)?, charts(history)?);
    write(&page, &charts, &dir.join("history.html"), &dir.join("history"))
}

/// Draws the charts, each as a picture of its own.
pub fn charts(history: &History) -> Result<Vec<Chart>, Error> {
    let (chosen, _) = choose(history, &seats(history));
    let drawn = chosen.into_iter().filter_map(|Chosen { name, trend, .. }| {
        let svg = trend.drawn_for(Use::File(Picture::default())).transpose()?;
        Some(svg.map(|svg| Chart { name, title: trend.title, svg }))
    });
    drawn.collect()
}

/// Renders the page.
pub fn html(history: &History, unread: &[Unread]) -> Result<String, Error> {
    let seats = seats(history);
    let (chosen, charts_left_out) = choose(history, &seats);
    let mut figures = Vec::new();
    for Chosen { name, trend, changed } in &chosen {
        if let (Some(wide), Some(phone)) = (trend.drawn_for(Use::Page)?, trend.drawn_for(Use::Phone)?) {
            figures.push(Figure {
                name: name.clone(),
                title: trend.title.clone(),
                changed: *changed,
                wide,
                phone,
            });
        }
    }
    let (sections, rows_left_out) = tables::sections(history, &seats)?;
    let (changes, changes_left_out) = tables::changes(history, &seats)?;
    let page = Page {
        dark: palette::style_sheet(),
        title: title(history),
        place: place(history),
        emulators: history.settings.iter().filter_map(|setting| setting.host.emulator()).collect(),
        headline: headline(history),
        several: history.settings.len() > 1,
        changes,
        changes_left_out,
        figures,
        charts_left_out,
        sections,
        rows_left_out,
        settings: tables::settings(history),
        runs: tables::runs(history),
        runs_left_out: history.runs.len().saturating_sub(tables::MOST_RUNS),
        unread,
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page<'h> {
    dark: String,
    title: String,
    place: String,
    emulators: Vec<&'h str>,
    headline: String,
    /// Whether there are several settings.
    several: bool,
    changes: Vec<ChangeRow>,
    changes_left_out: usize,
    figures: Vec<Figure>,
    charts_left_out: usize,
    sections: Vec<Section>,
    rows_left_out: usize,
    settings: Vec<SettingRow>,
    runs: Vec<RunRow<'h>>,
    runs_left_out: usize,
    unread: &'h [Unread],
}

/// A chart in the page, drawn for a wide and for a narrow screen.
struct Figure {
    name: String,
    title: String,
    changed: bool,
    wide: String,
    phone: String,
}

/// A count with its noun: `1 run`, `2 runs`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn title(history: &History) -> String {
    let ends = history.runs.first().zip(history.runs.last());
    let when =
        ends.map(|(first, last)| format!(", {} to {}", moment(&first.started_at), moment(&last.started_at)));
    format!("{}{}", count(history.runs.len(), "run"), when.unwrap_or_default())
}

/// The machine of the newest run.
fn place(history: &History) -> String {
    let newest = history.runs.last().and_then(|run| history.settings.get(run.setting));
    let mut text = newest.map_or(String::new(), |setting| {
        let host = &setting.host;
        format!("{}, {} CPUs, Linux {}", host.cpu_model, host.cpus, host.kernel)
    });
    if history.settings.len() > 1 {
        text.push_str(&format!(" (the newest of {} settings)", history.settings.len()));
    }
    text
}

/// What there is to say in one sentence.
pub fn headline(history: &History) -> String {
    // In several settings, a measurement is one all the same.
    let distinct = |series: &[&Series]| series.iter().map(|one| &one.key).collect::<HashSet<_>>().len();
    let all: Vec<&Series> = history.series.iter().filter(|series| !series.key.metric.is_part()).collect();
    let (changed, all) = (history.changed(), distinct(&all));
    let Some((largest, (step, point))) =
        changed.iter().find_map(|series| Some((series, series.last_step()?)))
    else {
        let longest = history.series.iter().map(|series| series.points.len()).max().unwrap_or_default();
        let too_few = if longest < tables::FEWEST { ", of which a dozen are needed to tell" } else { "" };
        let runs = count(longest, "comparable run");
        return format!(
            "{} of {} changed over {runs}{too_few}.",
            distinct(&changed),
            count(all, "measurement")
        );
    };
    let key = &largest.key;
    let run = &history.runs[point.run];
    format!(
        "{} of {} changed. The newest step of {} on {} is the largest: {} ({}) since {}.",
        distinct(&changed),
        count(all, "measurement"),
        words::measurement(key.experiment, &key.workload, &key.metric),
        key.backend,
        quantity(step.ratio, results::Unit::Ratio),
        interval(step.low, step.high, results::Unit::Count),
        tables::when(run),
    )
}

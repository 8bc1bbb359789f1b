//! The page: one self-contained HTML file, charts inline, no script, no network.
//!
//! This module gathers what the template (`templates/report.html`) shows; the template escapes every string that is not
//! marked `safe`, and only pictures and the style sheet, which escape for themselves, are.

mod headline;
mod host;
mod isolation;
mod kernels;
mod tables;

use askama::Template;
use results::{BackendStatus, Experiment, Run, RunState};

use crate::Error;
use crate::analysis::{Analysis, BASELINE};
use crate::canvas::sketch;
use crate::charts::{CATALOGUE, Use};
use crate::{format, palette};

use headline::{Card, Span};
use host::Fact;
use tables::{Gap, Matrix, Table};

/// Renders the page of a run.
pub fn html(run: &Run) -> Result<String, Error> {
    page(&Analysis::new(run))
}

/// The same from statistics already computed.
pub(crate) fn page(analysis: &Analysis<'_>) -> Result<String, Error> {
    let run = analysis.run;
    let sections = [
        (Experiment::Startup, "startup", "Startup"),
        (Experiment::Memory, "memory-use", "Memory"),
        (Experiment::Syscalls, "system-calls", "System calls"),
        (Experiment::Cpu, "computation", "Computation and memory system"),
        (Experiment::Isolation, "isolation", "Isolation: limits and neighbours"),
    ];
    let sections: Result<Vec<_>, _> =
        sections.into_iter().map(|(of, id, title)| Section::of(analysis, of, id, title)).collect();
    let page = Page {
        run,
        baseline: BASELINE,
        started: format::moment(&run.started_at),
        interrupted: run.state == RunState::Interrupted,
        emulator: analysis.emulator(),
        kernels: kernels::sentences(analysis),
        dark: palette::style_sheet(),
        headline: headline::sentences(analysis),
        cards: headline::cards(analysis)?,
        sections: sections?,
        backends: backends(analysis)?,
        evidence: tables::evidence(analysis)?,
        disturbances: host::disturbances(analysis),
        host: host::facts(run),
        plan: host::plan(run),
        command: host::command(run),
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    run: &'r Run,
    baseline: &'static str,
    started: String,
    interrupted: bool,
    emulator: Option<&'r str>,
    kernels: Vec<String>,
    dark: String,
    headline: Vec<Vec<Span>>,
    cards: Vec<Card>,
    sections: Vec<Section>,
    backends: Vec<BackendRow<'r>>,
    evidence: Option<Matrix>,
    disturbances: Vec<String>,
    host: Vec<Fact>,
    plan: Vec<Fact>,
    command: String,
}

/// One experiment: its charts, and the numbers behind them.
struct Section {
    id: &'static str,
    title: &'static str,
    figures: Vec<Figure>,
    matrix: Option<Matrix>,
    tables: Vec<Table>,
    gaps: Vec<Gap>,
    /// Instead of all that: why there is nothing.
    nothing: Option<&'static str>,
}

/// A chart in the page, drawn for a wide and for a narrow screen.
struct Figure {
    name: &'static str,
    title: &'static str,
    caption: &'static str,
    wide: String,
    phone: String,
}

impl Section {
    fn of(
        analysis: &Analysis<'_>,
        of: Experiment,
        id: &'static str,
        title: &'static str,
    ) -> Result<Self, Error> {
        let mut figures = Vec::new();
        for plot in CATALOGUE.iter().filter(|plot| plot.experiment == of) {
            let (wide, phone) = (plot.drawn_for(analysis, Use::Page)?, plot.drawn_for(analysis, Use::Phone)?);
            if let (Some(wide), Some(phone)) = (wide, phone) {
                figures.push(Figure {
                    name: plot.name,
                    title: plot.title,
                    caption: plot.caption,
                    wide,
                    phone,
                });
            }
        }
        let nothing = if analysis.cells(of).any(|cell| cell.estimate.is_some()) {
            None
        } else if analysis.run.config.experiments.contains(&of) {
            Some("This run asked for it, but holds no sample of it.")
        } else {
            Some("Not part of this run.")
        };
        Ok(Section {
            id,
            title,
            figures,
            matrix: tables::matrix(analysis, of)?,
            tables: tables::tables(analysis, of)?,
            gaps: tables::gaps(analysis, of),
            nothing,
        })
    }
}

/// One backend's line in the list of backends.
struct BackendRow<'r> {
    mark: String,
    name: &'r str,
    status: &'static str,
    reason: Option<&'r str>,
    details: Vec<(&'r str, &'r str)>,
}

fn backends<'r>(analysis: &Analysis<'r>) -> Result<Vec<BackendRow<'r>>, Error> {
    let rows = analysis.asked_for().map(|(seat, backend)| {
        Ok(BackendRow {
            mark: mark(seat)?,
            name: &backend.name,
            status: match backend.status {
                BackendStatus::Ok => "ok",
                BackendStatus::Unavailable => "unavailable",
                BackendStatus::Failed => "failed",
            },
            reason: backend.reason.as_deref(),
            details: backend.details.iter().map(|(key, value)| (&**key, &**value)).collect(),
        })
    });
    rows.collect()
}

/// A backend's mark as a small picture to stand in a line of text.
pub(crate) fn mark(seat: usize) -> Result<String, Error> {
    sketch((14.0, 14.0), None, |canvas| canvas.mark(seat, (7.0, 7.0)))
}

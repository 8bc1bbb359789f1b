//! The page: one self-contained HTML file, charts inline, no network, and readable without its small script.
//!
//! This module gathers what the template (`templates/report.html`) shows; the template escapes every string that is not
//! marked `safe`, and only what holds no string of the run, or escapes for itself, is: pictures, style sheet, script.

mod anchors;
mod cards;
mod claims;
mod density;
mod headline;
mod history_table;
mod host;
mod isolation;
mod kernels;
mod ladder;
mod program;
mod raw;
mod script;
mod section;
mod sheet;
mod systems;
mod tables;

use askama::Template;
use results::{BackendStatus, Experiment, Run, RunState};

use crate::Error;
use crate::analysis::{Analysis, BASELINE};
use crate::canvas::sketch;
use crate::{format, palette};

use anchors::Anchors;
use cards::Card;
use claims::Claims;
use headline::Span;
use history_table::Line;
use host::Fact;
use raw::{Count, Median};
use section::Section;
use tables::Matrix;

/// Renders the page of a run.
pub fn html(run: &Run) -> Result<String, Error> {
    page(&Analysis::new(run))
}

/// The same from statistics already computed.
pub(crate) fn page(analysis: &Analysis<'_>) -> Result<String, Error> {
    let run = analysis.run;
    let (medians, medians_left_out) = raw::medians(analysis);
    // Who measured nothing but a program wants to see that first.
    let (program, sections) = section::sections(analysis)?
        .into_iter()
        .partition(|section| section.of == Experiment::Exec && analysis.only(section.of));
    let page = Page {
        run,
        baseline: BASELINE,
        started: format::moment(&run.started_at),
        interrupted: run.state == RunState::Interrupted,
        emulator: analysis.emulator(),
        kernels: kernels::sentences(analysis),
        dark: palette::style_sheet(),
        headline: headline::sentences(analysis),
        policy: script::policy(),
        script: script::SCRIPT,
        compared: host::compared(run),
        cards: cards::cards(analysis)?,
        single: host::single(run),
        program,
        sections,
        systems: history_table::lines(analysis),
        claims: claims::claims(analysis),
        anchors: anchors::anchors(analysis),
        backends: backends(analysis)?,
        evidence: tables::evidence(analysis)?,
        disturbances: host::disturbances(analysis),
        host: host::facts(run),
        plan: host::plan(run),
        versions: host::versions(run),
        command: host::command(run),
        counts: raw::counts(run),
        medians,
        medians_left_out,
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
    policy: String,
    script: &'static str,
    compared: String,
    cards: Vec<Card>,
    single: bool,
    claims: Claims,
    anchors: Anchors,
    /// What stands before the claims.
    program: Vec<Section>,
    sections: Vec<Section>,
    systems: Vec<Line>,
    backends: Vec<BackendRow<'r>>,
    evidence: Option<Matrix>,
    disturbances: Vec<String>,
    host: Vec<Fact>,
    plan: Vec<Fact>,
    versions: Vec<Fact>,
    command: String,
    counts: Vec<Count>,
    medians: Vec<Median>,
    medians_left_out: usize,
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

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
mod owners;
mod program;
mod raw;
mod script;
mod section;
mod sheet;
mod systems;
mod tables;
mod terms;

use askama::Template;
use results::{BackendStatus, Experiment, Run, RunState};

use crate::Error;
use crate::analysis::{Analysis, BASELINE};
use crate::canvas::sketch;
use crate::family::Family;
use crate::{format, palette};

use anchors::Anchors;
use cards::Card;
use claims::Claims;
use headline::Span;
use history_table::Line;
use host::Fact;
use raw::{Count, Median};
use section::Section;
use sheet::Sheet;
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
    let (cards, absent) = cards::cards(analysis)?.into_iter().partition(|card| card.missing.is_empty());
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
        cards,
        absent,
        single: host::single(run),
        program,
        sections,
        systems: history_table::lines(analysis),
        claims: claims::claims(analysis),
        families: families(analysis)?,
        anchors: anchors::anchors(analysis),
        backends: backends(analysis)?,
        evidence: tables::evidence(analysis)?,
        terms: terms::sheet(analysis)?,
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
    /// Those without a figure.
    absent: Vec<Card>,
    single: bool,
    claims: Claims,
    anchors: Anchors,
    /// What stands before the claims.
    program: Vec<Section>,
    sections: Vec<Section>,
    systems: Vec<Line>,
    families: Vec<(Vec<String>, &'static str)>,
    backends: Vec<BackendRow<'r>>,
    evidence: Option<Matrix>,
    terms: Option<Sheet>,
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
    /// What it is in short.
    details: Vec<(String, &'r str)>,
    /// What takes many lines, behind a button.
    long: Vec<(&'r str, &'r str)>,
}

/// What comes first of a backend's details, in this order; what is not named here follows.
const FIRST: [&str; 6] = ["version", "tool", "sha256", "kernel", "cgroup", "not_equal"];

/// What takes many lines.
const LONG: [&str; 2] = ["command", "configuration"];

/// The key of a detail for people.
fn words(key: &str) -> String {
    match key {
        "sha256" => "SHA-256".to_owned(),
        "not_equal" => "not as in container".to_owned(),
        key => key.replace('_', " "),
    }
}

/// The families of others' runtimes that are part of the run: marks of their members, and what they are.
fn families(analysis: &Analysis<'_>) -> Result<Vec<(Vec<String>, &'static str)>, Error> {
    let mut found = Vec::new();
    for family in Family::ALL {
        let own = analysis.backends().filter(|(seat, _)| palette::family(*seat) == Some(family));
        let marks = own.map(|(seat, _)| mark(seat)).collect::<Result<Vec<_>, Error>>()?;
        if !marks.is_empty() {
            found.push((marks, family.words()));
        }
    }
    Ok(found)
}

fn backends<'r>(analysis: &Analysis<'r>) -> Result<Vec<BackendRow<'r>>, Error> {
    let rows = analysis.asked_for().map(|(seat, backend)| {
        let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
        let details = backend.details.iter().map(|(key, value)| (&**key, &**value));
        let (long, mut details): (Vec<_>, Vec<_>) = details.partition(|(key, _)| LONG.contains(key));
        details.sort_by_key(|(key, _)| place(key));
        Ok(BackendRow {
            mark: mark(seat)?,
            name: &backend.name,
            status: match backend.status {
                BackendStatus::Ok => "ok",
                BackendStatus::Unavailable => "unavailable",
                BackendStatus::Failed => "failed",
            },
            reason: backend.reason.as_deref(),
            details: details.into_iter().map(|(key, value)| (words(key), value)).collect(),
            long,
        })
    });
    rows.collect()
}

/// A backend's mark as a small picture to stand in a line of text.
pub(crate) fn mark(seat: usize) -> Result<String, Error> {
    sketch((14.0, 14.0), None, |canvas| canvas.mark(seat, (7.0, 7.0)))
}

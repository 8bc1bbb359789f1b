//! The numbers behind the charts.

use std::collections::{HashMap, HashSet};

use results::evidence::is_of_limits;
use results::{Experiment, Metric, Status, Unit};

use super::mark;
use crate::Error;
use crate::analysis::{Analysis, BASELINE, Cell};
use crate::format::{interval, quantity};
use crate::words;

/// Every measurement of something, with all there is to say about each.
pub(super) struct Table {
    pub caption: &'static str,
    /// Whether it is shown only on demand.
    pub folded: bool,
    pub groups: Vec<Group>,
}

/// What is compared directly: one metric of one workload.
pub(super) struct Group {
    pub title: String,
    pub rows: Vec<Row>,
}

/// One measurement.
pub(super) struct Row {
    pub mark: String,
    pub backend: String,
    pub median: String,
    pub interval: String,
    pub n: usize,
    pub ratio: String,
    pub ratio_interval: String,
    pub flagged: usize,
}

/// Something against backends.
pub(super) struct Matrix {
    pub caption: &'static str,
    pub corner: &'static str,
    /// Mark and name of each backend.
    pub columns: Vec<(String, String)>,
    /// Name and cells of each line.
    pub rows: Vec<(String, Vec<Entry>)>,
}

/// A cell of a matrix.
#[derive(Default)]
pub(super) struct Entry {
    pub main: String,
    /// Whether that tells of a difference.
    pub main_differs: bool,
    /// In small type behind it.
    pub aside: String,
    /// Whether the aside tells of a difference.
    pub differs: bool,
}

/// Why something has no number.
pub(super) struct Gap {
    pub backend: String,
    pub what: String,
    pub status: &'static str,
    pub reason: String,
}

/// Whether a table holds a metric.
type Wanted = fn(&Metric) -> bool;

/// The full tables of an experiment.
pub(super) fn tables(analysis: &Analysis<'_>, of: Experiment) -> Result<Vec<Table>, Error> {
    let plan: &[(&str, bool, Wanted)] = match of {
        Experiment::Startup => &[
            ("Startup and teardown", false, |metric| !matches!(metric, Metric::Phase(_))),
            ("Phases of the startup", true, |metric| matches!(metric, Metric::Phase(_))),
        ],
        Experiment::Memory => &[("Memory of one idle instance", false, |_| true)],
        Experiment::Syscalls => &[("Every system call in full", true, |_| true)],
        Experiment::Cpu => &[("Every workload in full", true, |_| true)],
        Experiment::Isolation => &[("Every figure of the limits", true, |_| true)],
    };
    let mut tables = Vec::new();
    for (caption, folded, wanted) in plan {
        let groups = groups(analysis, of, *wanted)?;
        if !groups.is_empty() {
            tables.push(Table { caption, folded: *folded, groups });
        }
    }
    Ok(tables)
}

fn groups(analysis: &Analysis<'_>, of: Experiment, wanted: Wanted) -> Result<Vec<Group>, Error> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for cell in analysis.cells(of).filter(|cell| wanted(&cell.of.metric)) {
        let Some(estimate) = cell.estimate else { continue };
        let title = words::measurement(cell.of.experiment, &cell.of.workload, &cell.of.metric);
        let place = *places.entry(title.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { title, rows: Vec::new() });
        }
        let unit = cell.of.unit;
        groups[place].rows.push(Row {
            mark: mark_of(analysis, &cell.of.backend)?,
            backend: cell.of.backend.clone(),
            median: quantity(estimate.median, unit),
            interval: interval(estimate.low, estimate.high, unit),
            n: estimate.n,
            ratio: match cell.ratio {
                Some(ratio) => quantity(ratio.median, Unit::Ratio),
                None if cell.of.backend == BASELINE => "1".to_owned(),
                None => String::new(),
            },
            ratio_interval: cell
                .ratio
                .map(|ratio| interval(ratio.low, ratio.high, Unit::Count))
                .unwrap_or_default(),
            flagged: cell.flagged,
        });
    }
    Ok(groups)
}

fn mark_of(analysis: &Analysis<'_>, backend: &str) -> Result<String, Error> {
    let found = analysis.asked_for().find(|(_, of)| of.name == backend);
    found.map_or(Ok(String::new()), |(seat, _)| mark(seat))
}

/// Workloads against backends, for the experiments that have many workloads.
pub(super) fn matrix(analysis: &Analysis<'_>, of: Experiment) -> Result<Option<Matrix>, Error> {
    let caption = match of {
        Experiment::Startup | Experiment::Memory => return Ok(None),
        Experiment::Isolation => return super::isolation::limits(analysis),
        Experiment::Syscalls => {
            "Median time per call, and how many times the bare process’s that is (coloured where the interval excludes 1)"
        }
        Experiment::Cpu => {
            "Median per operation or per second, and how many times the bare process’s that is (coloured where the interval excludes 1)"
        }
    };
    let backends: Vec<_> = analysis.backends().collect();
    let entry = |workload: &str, backend: &str| {
        let metrics = [Metric::TimePerOp, Metric::Bandwidth];
        let mut cells = metrics.iter().filter_map(|metric| analysis.cell(of, workload, backend, metric));
        let Some(cell) = cells.next() else { return Entry::default() };
        let Some(estimate) = cell.estimate else {
            return Entry { main: status(cell.of.status).to_owned(), ..Entry::default() };
        };
        let differs = cell.ratio.is_some_and(|ratio| ratio.low > 1.0 || ratio.high < 1.0);
        let aside = cell.ratio.map(|ratio| quantity(ratio.median, Unit::Ratio)).unwrap_or_default();
        Entry { main: quantity(estimate.median, cell.of.unit), aside, differs, ..Entry::default() }
    };
    let rows: Vec<_> = analysis
        .workloads(of)
        .into_iter()
        .map(|workload| {
            let entries = backends.iter().map(|(_, backend)| entry(workload, &backend.name));
            (workload.to_owned(), entries.collect())
        })
        .collect();
    if rows.is_empty() || backends.is_empty() {
        return Ok(None);
    }
    Ok(Some(Matrix { caption, corner: "workload", columns: columns(analysis)?, rows }))
}

/// A column a backend that ran.
pub(super) fn columns(analysis: &Analysis<'_>) -> Result<Vec<(String, String)>, Error> {
    analysis.backends().map(|(seat, backend)| Ok((mark(seat)?, backend.name.clone()))).collect()
}

/// What was seen from inside, key by key; `None` if nothing was.
pub(super) fn evidence(analysis: &Analysis<'_>) -> Result<Option<Matrix>, Error> {
    // What came of trying limits has a table of its own.
    let facts = || analysis.run.evidence.iter().filter(|fact| !is_of_limits(&fact.key));
    let mut known = HashSet::new();
    let keys: Vec<&str> = facts().map(|fact| &*fact.key).filter(|key| known.insert(*key)).collect();
    let seen: HashMap<(&str, &str), &str> =
        facts().map(|fact| ((&*fact.key, &*fact.backend), &*fact.value)).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let backends: Vec<_> = analysis.backends().collect();
    let row = |key: &str| {
        let plain = seen.get(&(key, BASELINE));
        let entry = |backend: &str| {
            let own = seen.get(&(key, backend));
            Entry {
                main: own.copied().unwrap_or_default().to_owned(),
                // What cannot be seen is not seen to differ.
                main_differs: plain.is_some()
                    && own.is_some_and(|own| !own.starts_with("n/a"))
                    && own != plain,
                ..Entry::default()
            }
        };
        (key.to_owned(), backends.iter().map(|(_, backend)| entry(&backend.name)).collect())
    };
    let rows = keys.into_iter().map(row).collect();
    Ok(Some(Matrix {
        caption: "What the agent sees of the place it is in (coloured where it is not what the bare process sees)",
        corner: "fact",
        columns: columns(analysis)?,
        rows,
    }))
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "no sample",
        Status::NotApplicable => "n/a",
        Status::Unavailable => "unavailable",
        Status::Failed => "failed",
    }
}

/// What has no number, or fewer than planned, with the reason.
pub(super) fn gaps(analysis: &Analysis<'_>, of: Experiment) -> Vec<Gap> {
    let missing = analysis.cells(of).filter(|cell| cell.of.status != Status::Ok || cell.of.reason.is_some());
    let gap = |cell: &Cell<'_>| Gap {
        backend: cell.of.backend.clone(),
        what: words::measurement(cell.of.experiment, &cell.of.workload, &cell.of.metric),
        status: if cell.of.status == Status::Ok { "remark" } else { status(cell.of.status) },
        reason: cell.of.reason.clone().unwrap_or_else(|| "no reason was recorded".to_owned()),
    };
    missing.map(gap).collect()
}

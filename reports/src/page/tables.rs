//! The numbers behind the charts.

use std::collections::{HashMap, HashSet};

use results::evidence::{
    CPU_LIMIT, LIMITED_BY, MEMORY_LIMIT, MEMORY_OWNERS, PIDS_LIMIT, TERMS, is_of_limits,
};
use results::ladder::is_rung;
use results::stats::Estimate;
use results::{Experiment, Metric, Status, Unit};

use super::{density, ladder, mark, program};
use crate::Error;
use crate::analysis::{Analysis, BASELINE, Cell};
use crate::format::{FEWEST, interval, quantity};
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
    pub median: Value,
    pub interval: String,
    pub n: usize,
    pub ratio: Value,
    pub ratio_interval: String,
    pub flagged: usize,
}

/// A number for people, and what to sort it by.
#[derive(Default)]
pub(super) struct Value {
    pub text: String,
    pub key: String,
}

impl Value {
    pub(super) fn of(value: f64, unit: Unit) -> Self {
        Value { text: quantity(value, unit), key: key(value) }
    }
}

/// A number as a script reads it, exact enough to sort by.
pub(super) fn key(value: f64) -> String {
    format!("{value:.4e}")
}

/// Something against backends.
pub(super) struct Matrix {
    pub caption: &'static str,
    pub corner: &'static str,
    /// Whether its cells are numbers, or words.
    pub numeric: bool,
    /// Mark and name of each backend.
    pub columns: Vec<(String, String)>,
    /// Name and cells of each line.
    pub rows: Vec<(String, Vec<Entry>)>,
}

/// A cell of a matrix.
#[derive(Default)]
pub(super) struct Entry {
    pub main: String,
    /// What to sort by, if it is a number.
    pub key: String,
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
pub(super) type Wanted = fn(&Metric) -> bool;

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
        Experiment::Density => density::TABLES,
        Experiment::Isolation => &[("Every figure of the limits", true, |_| true)],
        Experiment::Ladder => &[("Every rung in full", true, |_| true)],
        Experiment::Exec => &[("Every figure of the program", true, |_| true)],
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
            median: Value::of(estimate.median, unit),
            interval: range(&estimate, unit),
            n: estimate.n,
            ratio: match cell.ratio {
                Some(ratio) => Value::of(ratio.median, Unit::Ratio),
                None if cell.of.backend == BASELINE => Value { text: "1".to_owned(), key: key(1.0) },
                None => Value::default(),
            },
            ratio_interval: cell.ratio.map(|ratio| range(&ratio, Unit::Count)).unwrap_or_default(),
            flagged: cell.flagged,
        });
    }
    Ok(groups)
}

/// An interval; of one sample there is none, and of equal samples it is one value.
fn range(of: &Estimate, unit: Unit) -> String {
    match of.n {
        1 => "none".to_owned(),
        _ if of.low == of.high => quantity(of.low, unit),
        _ => interval(of.low, of.high, unit),
    }
}

/// Whether a ratio's interval excludes 1, which that of a few pairs does too often to mean much.
fn differs(ratio: &Estimate) -> bool {
    differs_from(ratio, 1.0)
}

/// The same of another value than 1.
pub(super) fn differs_from(of: &Estimate, value: f64) -> bool {
    of.n >= FEWEST && (of.low > value || of.high < value)
}

pub(super) fn mark_of(analysis: &Analysis<'_>, backend: &str) -> Result<String, Error> {
    analysis.seat(backend).map_or(Ok(String::new()), mark)
}

/// Workloads against backends, for the experiments that have many workloads.
pub(super) fn matrix(analysis: &Analysis<'_>, of: Experiment) -> Result<Option<Matrix>, Error> {
    let caption = match of {
        Experiment::Startup | Experiment::Memory | Experiment::Ladder | Experiment::Exec => return Ok(None),
        Experiment::Density => return density::latencies(analysis),
        Experiment::Isolation => return super::isolation::limits(analysis),
        Experiment::Syscalls => {
            "Median time per call, and how many times the bare process’s that is (coloured where the 95 % interval excludes 1)"
        }
        Experiment::Cpu => {
            "Median per operation or per second, and how many times the bare process’s that is (coloured where the 95 % interval excludes 1)"
        }
    };
    // Those that take no part have no column.
    let backends: Vec<_> = analysis
        .backends()
        .filter(|(_, backend)| analysis.cells(of).any(|cell| cell.of.backend == backend.name))
        .collect();
    let entry = |workload: &str, backend: &str| {
        let metrics = [Metric::TimePerOp, Metric::Bandwidth];
        let mut cells = metrics.iter().filter_map(|metric| analysis.cell(of, workload, backend, metric));
        let Some(cell) = cells.next() else { return Entry::default() };
        let Some(estimate) = cell.estimate else {
            return Entry { main: status(cell.of.status).to_owned(), ..Entry::default() };
        };
        let Value { text: main, key } = Value::of(estimate.median, cell.of.unit);
        let aside = cell.ratio.map(|ratio| quantity(ratio.median, Unit::Ratio)).unwrap_or_default();
        Entry { main, key, aside, differs: cell.ratio.as_ref().is_some_and(differs), ..Entry::default() }
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
    let columns = backends.iter().map(|(seat, backend)| Ok((mark(*seat)?, backend.name.clone())));
    let columns = columns.collect::<Result<_, Error>>()?;
    Ok(Some(Matrix { caption, corner: "workload", numeric: true, columns, rows }))
}

/// A column a backend that ran.
pub(super) fn columns(analysis: &Analysis<'_>) -> Result<Vec<(String, String)>, Error> {
    analysis.backends().map(|(seat, backend)| Ok((mark(seat)?, backend.name.clone()))).collect()
}

/// Evidence that is not of the place: it has tables of its own.
const OF_OTHER_TABLES: [&str; 6] = [TERMS, MEMORY_OWNERS, CPU_LIMIT, MEMORY_LIMIT, PIDS_LIMIT, LIMITED_BY];

/// What was seen from inside, key by key; `None` if nothing was.
pub(super) fn evidence(analysis: &Analysis<'_>) -> Result<Option<Matrix>, Error> {
    // What came of trying limits has a table of its own, and a rung is no place that anybody would be in.
    let facts = analysis.run.evidence.iter();
    let told_apart = |key: &str| is_of_limits(key) || OF_OTHER_TABLES.contains(&key);
    let facts = || facts.clone().filter(|fact| !told_apart(&fact.key) && !is_rung(&fact.backend));
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
        numeric: false,
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
    let unseen = match of {
        Experiment::Ladder => ladder::gaps(analysis),
        Experiment::Exec => program::gaps(analysis),
        _ => Vec::new(),
    };
    missing.map(gap).chain(unseen).collect()
}

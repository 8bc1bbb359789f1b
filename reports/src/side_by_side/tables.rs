//! The numbers behind the charts.

use std::collections::HashSet;

use results::{Experiment, Metric, Unit};

use super::choose::Headline;
use super::lineup::{Entry, Lineup};
use crate::Error;
use crate::analysis::{BASELINE, Cell};
use crate::format::{interval, quantity};
use crate::page::mark;

/// One metric: a group a backend, a row a run.
pub(super) struct Table {
    pub groups: Vec<Group>,
    /// Whether any row has a ratio.
    pub ratios: bool,
}

/// A backend.
pub(super) struct Group {
    pub mark: String,
    pub backend: String,
    pub rows: Vec<Row>,
}

/// A run.
pub(super) struct Row {
    pub label: char,
    pub numbers: Result<Numbers, String>,
}

/// What it measured; instead, there is a reason.
pub(super) struct Numbers {
    pub median: String,
    pub interval: String,
    pub ratio: String,
    pub ratio_interval: String,
    pub n: usize,
    pub flagged: usize,
}

/// Workloads × runs against backends.
pub(super) struct Matrix {
    /// Mark and name of each backend.
    pub columns: Vec<(String, String)>,
    pub groups: Vec<Workload>,
    /// Workloads that are not shown.
    pub left_out: usize,
    /// Why backends have no number at all in some runs.
    pub gaps: Vec<Gap>,
}

/// Why some backends have no number in some runs.
pub(super) struct Gap {
    /// `A, C`
    pub labels: String,
    /// `microvm, microvm-linux`
    pub backends: String,
    pub why: String,
}

/// One workload: a row a run.
pub(super) struct Workload {
    pub name: String,
    pub rows: Vec<(char, Vec<Square>)>,
}

/// A cell of a matrix.
pub(super) struct Square {
    /// The median, or why there is none.
    pub main: String,
    pub interval: String,
    pub ratio: String,
    /// Whether the ratio's interval excludes 1.
    pub differs: bool,
}

/// More workloads than this are of files made up.
const MOST_WORKLOADS: usize = 60;

/// The table of a headline metric.
pub(super) fn headline(lineup: &Lineup<'_>, of: &Headline) -> Result<Table, Error> {
    let group = |(seat, backend): (usize, &str)| {
        let row = |entry: &Entry<'_>| {
            let cell = of.cell(entry, backend);
            let numbers = cell.and_then(|cell| numbers(cell));
            let missing = || entry.why_missing(of.experiment, backend, cell);
            Row { label: entry.label, numbers: numbers.ok_or_else(missing) }
        };
        let rows = lineup.entries.iter().map(row).collect();
        Ok(Group { mark: mark(seat)?, backend: backend.to_owned(), rows })
    };
    let groups = of.backends(lineup).into_iter().map(group).collect::<Result<Vec<_>, Error>>()?;
    let rows = || groups.iter().flat_map(|group| &group.rows).filter_map(|row| row.numbers.as_ref().ok());
    let ratios = rows().any(|numbers| !numbers.ratio_interval.is_empty());
    Ok(Table { ratios, groups })
}

fn numbers(cell: &Cell<'_>) -> Option<Numbers> {
    let estimate = cell.estimate?;
    Some(Numbers {
        median: quantity(estimate.median, cell.of.unit),
        interval: interval(estimate.low, estimate.high, cell.of.unit),
        ratio: match cell.ratio {
            Some(ratio) => quantity(ratio.median, Unit::Ratio),
            None if cell.of.backend == BASELINE => "1".to_owned(),
            None => String::new(),
        },
        ratio_interval: cell
            .ratio
            .map(|ratio| interval(ratio.low, ratio.high, Unit::Count))
            .unwrap_or_default(),
        n: estimate.n,
        flagged: cell.flagged,
    })
}

/// Every workload of an experiment; `None` if there is none.
pub(super) fn matrix(lineup: &Lineup<'_>, of: Experiment) -> Result<Option<Matrix>, Error> {
    let mut known = HashSet::new();
    let all = lineup.entries.iter().flat_map(|entry| entry.analysis.workloads(of));
    let workloads: Vec<&str> = all.filter(|workload| known.insert(*workload)).collect();
    let has = |backend: &str| lineup.entries.iter().any(|entry| took_part(entry, of, backend));
    let backends: Vec<_> = lineup.backends.iter().copied().filter(|(_, backend)| has(backend)).collect();
    if workloads.is_empty() || backends.is_empty() {
        return Ok(None);
    }
    let group = |workload: &&str| {
        let row = |entry: &Entry<'_>| {
            let squares = backends.iter().map(|(_, backend)| square(entry, of, workload, backend));
            (entry.label, squares.collect())
        };
        Workload { name: (*workload).to_owned(), rows: lineup.entries.iter().map(row).collect() }
    };
    let columns = backends.iter().map(|(seat, backend)| Ok((mark(*seat)?, (*backend).to_owned())));
    Ok(Some(Matrix {
        columns: columns.collect::<Result<_, Error>>()?,
        groups: workloads.iter().take(MOST_WORKLOADS).map(group).collect(),
        left_out: workloads.len().saturating_sub(MOST_WORKLOADS),
        gaps: gaps(lineup, of, &backends),
    }))
}

/// Whether a run says anything of a backend in an experiment.
fn took_part(entry: &Entry<'_>, of: Experiment, backend: &str) -> bool {
    entry.analysis.cells(of).any(|cell| cell.of.backend == backend)
}

/// Reasons for empty columns, each once.
fn gaps(lineup: &Lineup<'_>, of: Experiment, backends: &[(usize, &str)]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for (_, backend) in backends {
        // The letters of the runs for each reason.
        let mut reasons: Vec<(String, String)> = Vec::new();
        for entry in lineup.entries.iter().filter(|entry| !took_part(entry, of, backend)) {
            let why = entry.why_missing(of, backend, None);
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, labels)) => labels.push_str(&format!(", {}", entry.label)),
                None => reasons.push((why, entry.label.to_string())),
            }
        }
        for (why, labels) in reasons {
            match gaps.iter_mut().find(|gap| gap.why == why && gap.labels == labels) {
                Some(gap) => gap.backends.push_str(&format!(", {backend}")),
                None => gaps.push(Gap { labels, backends: (*backend).to_owned(), why }),
            }
        }
    }
    gaps
}

fn square(entry: &Entry<'_>, of: Experiment, workload: &str, backend: &str) -> Square {
    let metrics = [Metric::TimePerOp, Metric::Bandwidth];
    let mut cells = metrics.iter().filter_map(|metric| entry.analysis.cell(of, workload, backend, metric));
    let cell = cells.next();
    let Some((cell, estimate)) = cell.and_then(|cell| Some((cell, cell.estimate?))) else {
        let mut main = entry.why_missing(of, backend, cell);
        if !took_part(entry, of, backend) {
            // The whole reason stands once below the table.
            main.truncate(main.find(':').unwrap_or(main.len()));
        }
        return Square { main, interval: String::new(), ratio: String::new(), differs: false };
    };
    Square {
        main: quantity(estimate.median, cell.of.unit),
        interval: interval(estimate.low, estimate.high, cell.of.unit),
        ratio: cell.ratio.map(|ratio| quantity(ratio.median, Unit::Ratio)).unwrap_or_default(),
        differs: cell.ratio.is_some_and(|ratio| ratio.low > 1.0 || ratio.high < 1.0),
    }
}

//! The table of limits: what each backend's did when they were tried, and what a neighbour noticed.

use results::evidence::{
    HELD, LIMIT_CPU, LIMIT_HOST, LIMIT_MEMORY, LIMIT_NEIGHBOUR, LIMIT_PIDS, NOT_APPLICABLE, NOT_HELD,
};
use results::{Experiment, Metric, Status, Unit};

use super::tables::{Entry, Matrix, columns, status};
use crate::Error;
use crate::analysis::Analysis;
use crate::format::{interval, quantity};

/// A limit: its row's name, its evidence, its metric.
const LIMITS: [(&str, &str, Metric); 3] = [
    ("memory hog", LIMIT_MEMORY, Metric::PeakMemory),
    ("fork storm", LIMIT_PIDS, Metric::PeakProcesses),
    ("CPU quota", LIMIT_CPU, Metric::CpuShare),
];

/// What is said once a backend: a row's name and its evidence.
const REMARKS: [(&str, &str); 2] =
    [("where the neighbour ran", LIMIT_NEIGHBOUR), ("the host meanwhile", LIMIT_HOST)];

/// Limits against backends; `None` if none was tried.
pub(super) fn limits(analysis: &Analysis<'_>) -> Result<Option<Matrix>, Error> {
    let workloads = analysis.workloads(Experiment::Isolation);
    let backends: Vec<&str> = analysis.backends().map(|(_, backend)| &*backend.name).collect();
    if workloads.is_empty() || backends.is_empty() {
        return Ok(None);
    }
    let row = |name: &str, entry: &dyn Fn(&str) -> Entry| {
        (name.to_owned(), backends.iter().map(|backend| entry(backend)).collect::<Vec<_>>())
    };
    let mut rows: Vec<_> = LIMITS
        .iter()
        .map(|(name, key, metric)| row(name, &|backend| limit(analysis, backend, key, metric)))
        .collect();
    for workload in workloads {
        rows.push(row(&format!("neighbour beside {workload}"), &|backend| {
            neighbour(analysis, workload, backend)
        }));
    }
    for (name, key) in REMARKS {
        rows.push(row(name, &|backend| Entry {
            main: said(analysis, backend, key).unwrap_or_default().to_owned(),
            ..Entry::default()
        }));
    }
    rows.retain(|(_, entries)| entries.iter().any(|entry| !entry.main.is_empty()));
    let caption = "Limits, enforced (coloured where one did not hold, or where a neighbour is slowed down or sped up: \
                   its interval excludes 1)";
    Ok(Some(Matrix { caption, corner: "tried", numeric: false, columns: columns(analysis)?, rows }))
}

fn said<'r>(analysis: &Analysis<'r>, backend: &str, key: &str) -> Option<&'r str> {
    let facts = analysis.run.evidence.iter();
    facts.rev().find(|fact| fact.backend == backend && fact.key == key).map(|fact| &*fact.value)
}

/// In the words of the evidence; of a run that was killed before it, the figure alone.
fn limit(analysis: &Analysis<'_>, backend: &str, key: &str, metric: &Metric) -> Entry {
    if let Some(value) = said(analysis, backend, key) {
        for verdict in [HELD, NOT_HELD, NOT_APPLICABLE] {
            if let Some(how) = value.strip_prefix(verdict) {
                let main = verdict.trim_end_matches([':', ' ']).to_owned();
                let main_differs = verdict == NOT_HELD;
                return Entry { main, main_differs, aside: how.to_owned(), ..Entry::default() };
            }
        }
        return Entry { main: value.to_owned(), ..Entry::default() };
    }
    let Some(cell) = analysis.first(Experiment::Isolation, backend, metric) else { return Entry::default() };
    let main = match cell.estimate {
        Some(estimate) => quantity(estimate.median, cell.of.unit),
        None => status(cell.of.status).to_owned(),
    };
    Entry { main, ..Entry::default() }
}

fn neighbour(analysis: &Analysis<'_>, workload: &str, backend: &str) -> Entry {
    let of = |metric: &Metric| analysis.cell(Experiment::Isolation, workload, backend, metric);
    // Where there is no neighbour's figure, that of the limit says why.
    let refused = || LIMITS.iter().filter_map(|limit| of(&limit.2)).find(|cell| cell.of.status != Status::Ok);
    let Some(cell) = of(&Metric::NeighbourSlowdown).or_else(refused) else { return Entry::default() };
    let Some(estimate) = cell.estimate else {
        return Entry { main: status(cell.of.status).to_owned(), ..Entry::default() };
    };
    Entry {
        main: quantity(estimate.median, Unit::Ratio),
        main_differs: estimate.low > 1.0 || estimate.high < 1.0,
        aside: interval(estimate.low, estimate.high, Unit::Count),
        ..Entry::default()
    }
}

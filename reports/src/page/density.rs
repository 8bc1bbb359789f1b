//! The numbers behind the charts of many instances.

use results::stats::quantile;
use results::{Experiment, Metric};

use super::headline::Span;
use super::tables::{Entry, Matrix, Value, Wanted, columns, status};
use crate::Error;
use crate::analysis::Analysis;
use crate::format::{interval, number};

/// Caption, whether it is folded, and what it holds.
pub(super) const TABLES: &[(&str, bool, Wanted)] = &[
    ("Rates, marginal memory, and stopping all; the median of the rounds", false, |metric| {
        matches!(metric, Metric::StartRate | Metric::MarginalMemory | Metric::StopAllTime)
    }),
    ("Memory of one instance over the memory that it may have", true, |metric| {
        matches!(metric, Metric::Uss | Metric::GuestRam | Metric::VmmOverhead)
    }),
];

/// What the workloads of several starts at once are called before their number.
const PARALLEL: &str = "parallel-";

/// The most starts at once that the run has, in words.
pub(super) fn rates_at(analysis: &Analysis<'_>) -> Option<(u32, String)> {
    let counts = analysis.workloads(Experiment::Density).into_iter();
    let most = counts.filter_map(|workload| workload.strip_prefix(PARALLEL)?.parse::<u32>().ok()).max()?;
    Some((most, format!("Instances ready per second with {most} starts at a time: ")))
}

/// `656 of microvm`.
pub(super) fn rate(analysis: &Analysis<'_>, at_once: u32, backend: &str) -> Option<Vec<Span>> {
    let workload = format!("{PARALLEL}{at_once}");
    let cell = analysis.cell(Experiment::Density, &workload, backend, &Metric::StartRate)?;
    let rate = Span::Number(number(cell.estimate?.median));
    Some(vec![rate, Span::Plain(" of ".to_owned()), Span::Name(backend.to_owned())])
}

/// Start latencies with their tails; `None` if there are none.
pub(super) fn latencies(analysis: &Analysis<'_>) -> Result<Option<Matrix>, Error> {
    let backends: Vec<_> = analysis.backends().collect();
    let cell = |workload: &str, backend: &str| {
        analysis.cell(Experiment::Density, workload, backend, &Metric::StartupTime)
    };
    let entry = |workload: &str, backend: &str| {
        let Some(cell) = cell(workload, backend) else { return Entry::default() };
        let at = |share| quantile(&cell.of.samples, share);
        let (Some(half), Some(p95), Some(p99)) = (at(0.5), at(0.95), at(0.99)) else {
            return Entry { main: status(cell.of.status).to_owned(), ..Entry::default() };
        };
        let Value { text: main, key } = Value::of(half, cell.of.unit);
        let tail = interval(p95, p99, cell.of.unit);
        Entry { main, key, aside: format!("{tail}, {} starts", cell.of.samples.len()), ..Entry::default() }
    };
    let timed = |workload: &&str| backends.iter().any(|(_, of)| cell(workload, &of.name).is_some());
    let rows: Vec<_> = analysis
        .workloads(Experiment::Density)
        .into_iter()
        .filter(timed)
        .map(|workload| {
            let entries = backends.iter().map(|(_, backend)| entry(workload, &backend.name));
            (workload.to_owned(), entries.collect())
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Matrix {
        caption: "Start latency of every instance: median, then 95th to 99th percentile",
        corner: "starts",
        numeric: true,
        columns: columns(analysis)?,
        rows,
    }))
}

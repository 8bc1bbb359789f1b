//! The result tables on the terminal: a row per workload or metric, a column per backend, the median
//! with its 95 % interval and the ratio to the first backend that was measured; of many backends, a row each. The ladder has a table
//! of its own.

mod ladder;
mod outcome;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use reports::format::{interval, number, quantity};
use results::stats::{bootstrap_median, paired_ratio};
use results::{BackendStatus, Experiment, Measurement, Metric, Run, Status};

use crate::progress::name;

/// Columns to fill where there is no terminal to ask.
pub(crate) const WIDTH: u16 = 120;

/// All tables of a run, and what could not be measured.
pub fn tables(run: &Run) -> String {
    let mut text = String::new();
    // Of a series, rounds are the observations.
    let condensed = run.condensed();
    for &experiment in &run.config.experiments {
        if experiment == Experiment::Ladder {
            if let Some(ladder) = ladder::text(run) {
                text.push_str(&format!("\n{}\n{ladder}", title(experiment, None)));
            }
            continue;
        }
        let rows = rows(&condensed, experiment);
        if !rows.is_empty() {
            let backends = measured(&condensed, experiment);
            text.push_str(&format!("\n{}\n", title(experiment, backends.first().copied())));
            for table in tables_of(&condensed, experiment, &rows, &backends) {
                text.push_str(&format!("{table}\n"));
            }
        }
        if experiment == Experiment::Exec {
            text.push_str(&outcome::lines(run));
        }
    }
    for (who, why) in failures(run) {
        text.push_str(&format!("\n{who}: {why}"));
    }
    for backend in run.backends.iter().filter(|backend| backend.status != BackendStatus::Ok) {
        let state = if backend.status == BackendStatus::Failed { "failed" } else { "unavailable" };
        let reason = backend.reason.as_deref().unwrap_or("no reason recorded");
        text.push_str(&format!("\n{} {state}: {reason}", backend.name));
    }
    let marked: usize =
        run.measurements.iter().flat_map(|m| &m.flags).flatten().filter(|f| !f.is_empty()).count();
    if marked > 0 {
        let all: usize = run.measurements.iter().map(|m| m.samples.len()).sum();
        text.push_str(&format!(
            "\n{marked} of {all} samples were disturbed (kept and marked; see the report)."
        ));
    }
    text
}

/// What broke in single cells, each reason once, of backends that did not fail as a whole.
fn failures(run: &Run) -> Vec<(String, &str)> {
    let whole = |name: &str| run.backend(name).is_some_and(|backend| backend.status != BackendStatus::Ok);
    let mut found: Vec<(String, &str)> = Vec::new();
    for m in run.measurements.iter().filter(|m| matches!(m.status, Status::Failed | Status::Unavailable)) {
        let why = m.reason.as_deref().unwrap_or("no reason recorded");
        if !whole(&m.backend) && !found.iter().any(|(_, known)| *known == why) {
            found.push((format!("{}: {} {}", m.backend, m.workload, m.metric), why));
        }
    }
    found
}

/// What a table shows, and what its ratios are to.
fn title(experiment: Experiment, baseline: Option<&str>) -> String {
    let what = match experiment {
        Experiment::Startup => "start call to READY, and back to nothing",
        Experiment::Memory => "one idle instance",
        Experiment::Syscalls => "time per operation",
        Experiment::Cpu => "time per operation, or bandwidth",
        Experiment::Density => "many instances at once; median over rounds",
        Experiment::Isolation => "limits tried, and what a neighbour notices",
        Experiment::Exec => "the program from the start call to its exit",
        Experiment::Ladder => {
            return format!(
                "{} — one mechanism more from row to row, and what it adds; medians",
                name(experiment)
            );
        }
    };
    let ratios = baseline.map_or(String::new(), |baseline| format!(", × {baseline}"));
    format!("{} — {what}; median [95 % interval]{ratios}", name(experiment))
}

/// The backends that an experiment has anything of.
fn measured(run: &Run, experiment: Experiment) -> Vec<&str> {
    let has = |name: &str| run.measurements.iter().any(|m| m.experiment == experiment && m.backend == name);
    run.backends.iter().map(|backend| backend.name.as_str()).filter(|name| has(name)).collect()
}

/// Phases and memory over sizes stay in the report: they would drown the rest here.
fn rows(run: &Run, experiment: Experiment) -> Vec<(&str, &Metric)> {
    let mut rows: Vec<(&str, &Metric)> = Vec::new();
    for m in run.measurements.iter().filter(|m| m.experiment == experiment) {
        let row = (m.workload.as_str(), &m.metric);
        let of_size = experiment == Experiment::Density && m.workload.starts_with("size-");
        // There is no hog here: what the program took is what it costs.
        let peak = experiment == Experiment::Exec && m.metric == Metric::PeakMemory;
        // What daemons do is in no other row.
        let daemon = matches!(m.metric, Metric::DaemonCpuTime | Metric::DaemonMemory);
        let shown = (!m.metric.is_part() || peak || daemon) && !of_size;
        if shown && !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// More columns of figures than this break their words on a usual terminal.
const MOST_COLUMNS: usize = 6;

/// The tables of an experiment: a column a backend; of many, a row a backend, and what few of them have in a table of its own.
fn tables_of(run: &Run, experiment: Experiment, rows: &[(&str, &Metric)], backends: &[&str]) -> Vec<Table> {
    if backends.len() <= MOST_COLUMNS || rows.len() >= backends.len() {
        return vec![table(run, experiment, rows, backends)];
    }
    let having = |(workload, metric): (&str, &Metric)| -> Vec<&str> {
        let has = |backend: &&&str| run.measurement(experiment, workload, backend, metric).is_some();
        backends.iter().filter(has).copied().collect()
    };
    let (usual, rare): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| having(**row).len() * 2 > backends.len());
    let of_few: Vec<&str> =
        backends.iter().filter(|name| rare.iter().any(|row| having(*row).contains(*name))).copied().collect();
    let mut tables = Vec::new();
    if !usual.is_empty() {
        tables.push(turned(run, experiment, &usual, backends));
    }
    if !rare.is_empty() {
        tables.push(table(run, experiment, &rare, &of_few));
    }
    tables
}

fn label(experiment: Experiment, (workload, metric): (&str, &Metric)) -> String {
    match experiment {
        Experiment::Syscalls | Experiment::Cpu => workload.to_owned(),
        Experiment::Density => format!("{workload} {metric}"),
        Experiment::Isolation => format!("{workload}: {metric}"),
        _ => metric.to_string(),
    }
}

/// What stands in one cell; ratios are to the first of all backends.
fn text(run: &Run, experiment: Experiment, backend: &str, (workload, metric): (&str, &Metric)) -> String {
    let find = |backend: &str| run.measurement(experiment, workload, backend, metric);
    let baseline = measured(run, experiment).first().and_then(|name| find(name));
    find(backend).map_or("—".to_owned(), |m| cell(m, baseline, run.config.seed))
}

/// A column a backend.
fn table(run: &Run, experiment: Experiment, rows: &[(&str, &Metric)], backends: &[&str]) -> Table {
    let mut table = empty();
    table.set_header([Cell::new("")].into_iter().chain(backends.iter().map(|name| head(name))));
    for row in rows {
        let cells = backends.iter().map(|backend| value(text(run, experiment, backend, *row)));
        table.add_row([Cell::new(label(experiment, *row))].into_iter().chain(cells));
    }
    table
}

/// A row a backend.
fn turned(run: &Run, experiment: Experiment, columns: &[(&str, &Metric)], backends: &[&str]) -> Table {
    let mut table = empty();
    let heads = columns.iter().map(|column| head(&label(experiment, *column)));
    table.set_header([Cell::new("")].into_iter().chain(heads));
    for backend in backends {
        let cells = columns.iter().map(|column| value(text(run, experiment, backend, *column)));
        table.add_row([Cell::new(backend)].into_iter().chain(cells));
    }
    table
}

/// A table without rows in the look of all, as wide as the terminal at most.
fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table
}

fn head(name: &str) -> Cell {
    Cell::new(name).add_attribute(Attribute::Bold)
}

fn value(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn cell(m: &Measurement, baseline: Option<&Measurement>, seed: u64) -> String {
    let Some(estimate) = bootstrap_median(&m.samples, seed) else {
        let reason = m.reason.as_deref().unwrap_or("no sample");
        return match m.status {
            Status::NotApplicable => format!("n/a: {reason}"),
            // The reasons may be long, and stand below the tables.
            Status::Failed => "failed".to_owned(),
            Status::Unavailable => "unavailable".to_owned(),
            Status::Ok => "—".to_owned(),
        };
    };
    let ratio = baseline
        .filter(|baseline| baseline.backend != m.backend)
        .and_then(|baseline| paired_ratio(m, baseline, seed));
    let times = ratio.as_ref().map_or(String::new(), |ratio| format!("  ×{}", number(ratio.median)));
    // Of a user's own program there is nothing but this table to tell how sure the ratio is.
    let sure = ratio.filter(|ratio| m.experiment == Experiment::Exec && ratio.n > 1);
    let sure =
        sure.map_or(String::new(), |ratio| format!("  ×[{}–{}]", number(ratio.low), number(ratio.high)));
    // One sample says nothing of how far it lies from the next.
    let range = match estimate.n {
        1 => "one sample".to_owned(),
        _ => format!("[{}]", interval(estimate.low, estimate.high, m.unit)),
    };
    format!("{}{times}\n{range}{sure}", quantity(estimate.median, m.unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_backends_are_rows_and_what_few_have_is_apart() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/tests/data/others.json");
        let run = results::load(std::path::Path::new(path)).unwrap();
        let text = tables(&run);
        let headings: Vec<&str> = text.lines().filter(|line| line.contains("┆ uss")).collect();
        assert!(headings[0].contains("memory_current") && !headings[0].contains("daemon"), "{text}");
        let daemons = text.lines().find(|line| line.contains("│ daemon_memory")).unwrap();
        assert!(daemons.contains("MiB"), "{daemons}");
        assert!(text.contains("│ docker"), "a row");
        assert!(
            text.lines().any(|line| line.contains("gvisor") && line.contains("process")),
            "columns of few"
        );
        assert!(text.contains("× process"));
    }
}

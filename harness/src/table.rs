//! The result tables on the terminal: a row per workload or metric, a column per backend, the median
//! with its 95 % interval and the ratio to the first backend that was measured. The ladder, whose backends are many, has
//! a row per backend instead.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table};
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
        let rows = rows(&condensed, experiment);
        if !rows.is_empty() {
            text.push_str(&format!("\n{}\n{}\n", title(experiment), table(&condensed, experiment, &rows)));
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

fn title(experiment: Experiment) -> String {
    let what = match experiment {
        Experiment::Startup => "start call to READY, and back to nothing",
        Experiment::Memory => "one idle instance",
        Experiment::Syscalls => "time per operation",
        Experiment::Cpu => "time per operation, or bandwidth",
        Experiment::Density => "many instances at once; median over rounds",
        Experiment::Isolation => "limits tried, and what a neighbour notices",
        Experiment::Ladder => "one mechanism after another from a bare process on",
        Experiment::Exec => "the program from the start call to its exit",
    };
    format!("{} — {what}; median [95 % interval], × the first {}", name(experiment), side(experiment))
}

/// On which side of a table the backends stand.
fn side(experiment: Experiment) -> &'static str {
    if experiment == Experiment::Ladder { "row" } else { "column" }
}

/// Phases and memory over sizes stay in the report: they would drown the rest here. So does the CPU time of rungs.
fn rows(run: &Run, experiment: Experiment) -> Vec<(&str, &Metric)> {
    let mut rows: Vec<(&str, &Metric)> = Vec::new();
    for m in run.measurements.iter().filter(|m| m.experiment == experiment) {
        let row = (m.workload.as_str(), &m.metric);
        let of_size = experiment == Experiment::Density && m.workload.starts_with("size-");
        let of_rung = experiment == Experiment::Ladder && m.metric == Metric::CpuTime;
        let shown = !m.metric.is_part() && !of_size && !of_rung;
        if shown && !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn table(run: &Run, experiment: Experiment, rows: &[(&str, &Metric)]) -> Table {
    let measured =
        |name: &str| run.measurements.iter().any(|m| m.experiment == experiment && m.backend == name);
    let backends: Vec<&str> =
        run.backends.iter().map(|backend| backend.name.as_str()).filter(|name| measured(name)).collect();
    let label = |workload: &str, metric: &Metric| match experiment {
        Experiment::Syscalls | Experiment::Cpu => workload.to_owned(),
        // Six of them stand side by side.
        Experiment::Ladder => match metric {
            Metric::StartupTime => "startup".to_owned(),
            Metric::TeardownTime => "teardown".to_owned(),
            Metric::MarginalMemory => "memory".to_owned(),
            _ => workload.to_owned(),
        },
        Experiment::Density => format!("{workload} {metric}"),
        Experiment::Isolation => format!("{workload}: {metric}"),
        _ => metric.to_string(),
    };
    let text = |backend: &str, workload: &str, metric: &Metric| {
        let find = |backend| run.measurement(experiment, workload, backend, metric);
        let baseline = backends.first().and_then(|name| find(name));
        find(backend).map_or("—".to_owned(), |m| cell(m, baseline, run.config.seed))
    };

    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED.with_rounded_corners());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    let head = |name: &str| Cell::new(name).add_attribute(Attribute::Bold);
    let value = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    if side(experiment) == "row" {
        let heads = rows.iter().map(|(workload, metric)| head(&label(workload, metric)));
        table.set_header([Cell::new("")].into_iter().chain(heads));
        for backend in &backends {
            let cells = rows.iter().map(|(workload, metric)| value(text(backend, workload, metric)));
            table.add_row([head(backend)].into_iter().chain(cells));
        }
        // What runs out of room is the numbers, not the names.
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(ColumnConstraint::ContentWidth);
        }
    } else {
        table.set_header([Cell::new("")].into_iter().chain(backends.iter().map(|name| head(name))));
        for (workload, metric) in rows {
            let cells = backends.iter().map(|backend| value(text(backend, workload, metric)));
            table.add_row([Cell::new(label(workload, metric))].into_iter().chain(cells));
        }
    }
    table
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
        .and_then(|baseline| paired_ratio(m, baseline, seed))
        .map_or(String::new(), |ratio| format!("  ×{}", number(ratio.median)));
    // One sample says nothing of how far it lies from the next.
    let range = match estimate.n {
        1 => "one sample".to_owned(),
        _ => format!("[{}]", interval(estimate.low, estimate.high, m.unit)),
    };
    format!("{}{ratio}\n{range}", quantity(estimate.median, m.unit))
}

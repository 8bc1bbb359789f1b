//! The ladder on the terminal: a row per rung with what it adds, since its backends are too many for columns; then who
//! stands beside it, and whether its steps make a container.

use comfy_table::{ColumnConstraint, Table};
use reports::format::{interval, quantity, signed};
use results::claims::LEAST_BLOCKS;
use results::ladder::{Agreement, Found, RUNGS, Step, agreement, steps};
use results::stats::bootstrap_median;
use results::{Experiment, Metric, Run, Unit};

use super::{empty, head, value};

const WORKLOAD: &str = "noop";

/// The table, and a line on what it adds up to; `None` if no rung was measured.
pub fn text(run: &Run) -> Option<String> {
    let seed = run.config.seed;
    let steps = steps(run, WORKLOAD, &Metric::StartupTime, seed);
    let measured = |backend: &str| {
        run.measurements.iter().any(|m| m.experiment == Experiment::Ladder && m.backend == backend)
    };
    let others = others(run);
    let mut table = empty();
    let heads = ["", "startup", "added [95 % interval]"].into_iter().map(head);
    table.set_header(heads.chain(others.iter().map(|(workload, metric)| match metric {
        Metric::TeardownTime => head("teardown"),
        Metric::MarginalMemory => head("one more idle"),
        Metric::TimePerOp => head(workload),
        _ => head(&metric.to_string()),
    })));
    let median = |backend: &str, workload: &str, metric: &Metric| {
        run.measurement(Experiment::Ladder, workload, backend, metric)
            .and_then(|m| bootstrap_median(&m.samples, seed))
            .map_or("—".to_owned(), |estimate| quantity(estimate.median, metric.unit()))
    };
    let row = |table: &mut Table, label: &str, backend: &str, added: String| {
        let cells = others.iter().map(|(workload, metric)| value(median(backend, workload, metric)));
        let startup = median(backend, WORKLOAD, &Metric::StartupTime);
        table.add_row([head(label), value(startup), value(added)].into_iter().chain(cells));
    };
    for step in steps.iter().filter(|step| measured(step.rung.backend)) {
        let is_ground = step.rung == &RUNGS[0];
        let label = if is_ground { step.rung.name.into() } else { format!("+ {}", step.rung.name) };
        row(&mut table, &label, step.rung.backend, added(step));
    }
    let on_ladder = |name: &str| RUNGS.iter().any(|rung| rung.backend == name);
    for backend in run.backends.iter().filter(|backend| !on_ladder(&backend.name) && measured(&backend.name))
    {
        row(&mut table, &backend.name, &backend.name, String::new());
    }
    // Where room is short, names of calls are what wraps.
    for column in table.column_iter_mut().take(3) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    (!table.is_empty()).then(|| {
        let sum = agreement(run, &steps, WORKLOAD, &Metric::StartupTime, seed);
        format!(
            "{table}\n{}\n",
            sum.map_or_else(|why| format!("the sum of the steps cannot be told: {why}"), in_words)
        )
    })
}

/// What is measured of rungs beside the startup, each once. CPU time stays in the report.
fn others(run: &Run) -> Vec<(&str, &Metric)> {
    let mut others = Vec::new();
    for m in run.measurements.iter().filter(|m| m.experiment == Experiment::Ladder) {
        let shown = !m.metric.is_part() && !matches!(m.metric, Metric::CpuTime | Metric::StartupTime);
        let other = (m.workload.as_str(), &m.metric);
        if shown && !others.contains(&other) {
            others.push(other);
        }
    }
    others
}

fn added(step: &Step) -> String {
    let Ok(Found { added: Some(added), .. }) = &step.found else { return String::new() };
    let (cost, unit) = (&added.cost, Unit::Nanoseconds);
    // One difference says nothing of how far it lies from the next.
    let range =
        if cost.n > 1 { format!(" [{}]", interval(cost.low, cost.high, unit)) } else { String::new() };
    format!("{}{range}", signed(cost.median, unit))
}

fn in_words(found: Agreement) -> String {
    let time = |ns| quantity(ns, Unit::Nanoseconds);
    format!(
        "a container's own steps (all but overlay root and user namespace) add up to {}, a container takes {} [{}]: {}",
        time(found.sum.median),
        time(found.container.median),
        interval(found.container.low, found.container.high, Unit::Nanoseconds),
        match found.agrees {
            _ if found.difference.n < LEAST_BLOCKS => "too few blocks to tell whether they agree",
            true => "they agree",
            false => "they do NOT agree",
        },
    )
}

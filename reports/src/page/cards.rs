//! One card a backend: three figures that answer the question, and a few more in small.
//!
//! Medians; ratios are multiples of the baseline. Invariant: every backend that ran has all three figures or says which
//! one was not measured, so that cards can be compared line by line.

use results::stats::median;
use results::{Backend, BackendStatus, Experiment, Metric, Unit};

use super::headline::{memory_metric, slowdowns};
use super::mark;
use crate::Error;
use crate::analysis::{Analysis, BASELINE, Cell};
use crate::format::quantity;

/// One backend at a glance.
pub(super) struct Card {
    pub mark: String,
    pub name: String,
    /// Why it has no numbers.
    pub missing: Option<String>,
    pub figures: Vec<Figure>,
    /// Label and value.
    pub lines: Vec<(&'static str, String)>,
}

/// A number that the page is about.
pub(super) struct Figure {
    /// What it is the cost of.
    pub label: String,
    /// Empty if it was not measured.
    pub value: String,
    /// How it compares, in small type behind it.
    pub times: String,
}

/// The system call that stands for all: nothing but the way into the kernel and back.
const CALL: &str = "getpid";

/// One card a backend, also for those that could not run.
pub(super) fn cards(analysis: &Analysis<'_>) -> Result<Vec<Card>, Error> {
    let call = call(analysis);
    let (metric, _) = memory_metric(analysis);
    let card = |(seat, backend): (usize, &Backend)| {
        let name = &*backend.name;
        let memory = match metric {
            Metric::MarginalMemory => "one more idle instance",
            Metric::MemoryCurrent => "charged to an idle instance",
            _ => "an idle instance (PSS)",
        };
        let timed = call.and_then(|call| analysis.cell(Experiment::Syscalls, call, name, &Metric::TimePerOp));
        let figures = vec![
            figure("to start", analysis.startup(name)),
            figure(memory, analysis.first(Experiment::Memory, name, &metric)),
            figure(&call.map_or("a system call".to_owned(), |call| format!("a {call} call")), timed),
        ];
        let lines = lines(analysis, name);
        let nothing = lines.is_empty() && figures.iter().all(|figure| figure.value.is_empty());
        let missing = match backend.status {
            BackendStatus::Ok => nothing.then(|| "not measured".to_owned()),
            BackendStatus::Unavailable => Some(because("unavailable", backend)),
            BackendStatus::Failed => Some(because("failed", backend)),
        };
        Ok(Card { mark: mark(seat)?, name: name.to_owned(), missing, figures, lines })
    };
    analysis.asked_for().map(card).collect()
}

/// The system call of the cards: [`CALL`], else the first that was measured.
fn call<'r>(analysis: &Analysis<'r>) -> Option<&'r str> {
    let timed = |call: &&str| {
        let mut cells = analysis.cells(Experiment::Syscalls).filter(|cell| cell.of.workload == *call);
        cells.any(|cell| cell.estimate.is_some() && cell.of.metric == Metric::TimePerOp)
    };
    let calls: Vec<&str> = analysis.workloads(Experiment::Syscalls).into_iter().filter(timed).collect();
    calls.iter().find(|call| **call == CALL).or(calls.first()).copied()
}

fn figure(label: &str, cell: Option<&Cell<'_>>) -> Figure {
    let (mut value, mut times) = (String::new(), String::new());
    if let Some((cell, of)) = cell.and_then(|cell| Some((cell, cell.estimate?))) {
        if of.low > 0.0 {
            value = quantity(of.median, cell.of.unit);
        } else {
            value = format!("≤ {}", quantity(of.high, cell.of.unit));
            times = "within noise".to_owned();
        }
        if let Some(ratio) = cell.ratio {
            times = quantity(ratio.median, Unit::Ratio);
        }
    }
    Figure { label: label.to_owned(), value, times }
}

/// What else there is to say.
fn lines(analysis: &Analysis<'_>, name: &str) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for (label, metric) in [("teardown", Metric::TeardownTime), ("CPU time, whole life", Metric::CpuTime)] {
        let estimate = analysis.first(Experiment::Startup, name, &metric).and_then(|cell| cell.estimate);
        lines.extend(estimate.map(|of| (label, quantity(of.median, Unit::Nanoseconds))));
    }
    if name != BASELINE {
        for (label, of) in [("all system calls", Experiment::Syscalls), ("CPU work", Experiment::Cpu)] {
            let middle = median(&slowdowns(analysis, of, name));
            lines.extend(middle.map(|middle| (label, quantity(middle, Unit::Ratio))));
        }
    }
    lines
}

fn because(word: &str, backend: &Backend) -> String {
    backend.reason.as_ref().map_or(word.to_owned(), |reason| format!("{word}: {reason}"))
}

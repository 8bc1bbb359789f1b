//! One card a backend: three figures that answer the question, and a few more in small.
//!
//! Medians; ratios are multiples of the baseline. Invariant: every backend that ran has all three figures or says which
//! one was not measured, so that cards can be compared line by line.

use results::stats::median;
use results::{Backend, BackendStatus, Experiment, Metric, Unit};

use super::headline::{memory_metric, slowdowns};
use super::mark;
use super::tables::status;
use crate::Error;
use crate::analysis::{Analysis, BASELINE, Cell};
use crate::format::quantity;

/// One backend at a glance.
pub(super) struct Card {
    pub mark: String,
    pub name: String,
    /// Why it has no numbers; empty if it has some.
    pub missing: String,
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
    let figures_of: &dyn Fn(&str) -> Vec<Figure> = if analysis.only(Experiment::Exec) {
        &|name| of_program(analysis, name)
    } else {
        &|name| of_instances(analysis, name)
    };
    let card = |(seat, backend): (usize, &Backend)| {
        let name = &*backend.name;
        let (figures, lines) = (figures_of(name), lines(analysis, name));
        let nothing = lines.is_empty() && figures.iter().all(|figure| figure.value.is_empty());
        let missing = match backend.status {
            BackendStatus::Ok => nothing.then(|| why_nothing(analysis, name)),
            BackendStatus::Unavailable => Some(because("unavailable", backend)),
            BackendStatus::Failed => Some(because("failed", backend)),
        };
        let missing = missing.unwrap_or_default();
        Ok(Card { mark: mark(seat)?, name: name.to_owned(), missing, figures, lines })
    };
    analysis.asked_for().map(card).collect()
}

/// Where cards have their figures from.
const SOURCES: [Experiment; 3] = [Experiment::Startup, Experiment::Memory, Experiment::Syscalls];

/// What instances cost; of a run that has that from the ladder only, there.
fn of_instances(analysis: &Analysis<'_>, name: &str) -> Vec<Figure> {
    let climbed = analysis.has(Experiment::Ladder) && !SOURCES.iter().any(|of| analysis.has(*of));
    let at = |of| if climbed { Experiment::Ladder } else { of };
    let (metric, _) = match at(Experiment::Memory) {
        Experiment::Ladder => (Metric::MarginalMemory, ""),
        _ => memory_metric(analysis),
    };
    let memory = match metric {
        Metric::MarginalMemory => "one more idle instance",
        Metric::MemoryCurrent => "charged to an idle instance",
        _ => "an idle instance (PSS)",
    };
    let calls = at(Experiment::Syscalls);
    let call = call(analysis, calls);
    let timed = call.and_then(|call| analysis.cell(calls, call, name, &Metric::TimePerOp));
    let startup = analysis.first(at(Experiment::Startup), name, &Metric::StartupTime);
    vec![
        figure("to start", startup),
        figure(memory, analysis.first(at(Experiment::Memory), name, &metric)),
        figure(&call.map_or("a system call".to_owned(), |call| format!("a {call} call")), timed),
    ]
}

/// What the user's own program costs, in a run of nothing else.
fn of_program(analysis: &Analysis<'_>, name: &str) -> Vec<Figure> {
    let of = |label, metric| figure(label, analysis.first(Experiment::Exec, name, &metric));
    vec![
        of("from start to exit", Metric::WallTime),
        of("CPU time, whole life", Metric::CpuTime),
        of("memory at most", Metric::PeakMemory),
    ]
}

/// Why a backend that ran has no figure.
fn why_nothing(analysis: &Analysis<'_>, name: &str) -> String {
    if analysis.first(Experiment::Ladder, name, &Metric::StartupTime).is_some_and(|of| of.estimate.is_some())
    {
        return "measured on the ladder only".to_owned();
    }
    let mut cells = analysis.cells(Experiment::Exec).filter(|cell| cell.of.backend == name);
    let told = cells.find_map(|cell| Some((status(cell.of.status), cell.of.reason.as_ref()?)));
    told.map_or("not measured".to_owned(), |(status, reason)| format!("{status}: {reason}"))
}

/// The system call of the cards: [`CALL`], else the first that was measured.
fn call<'r>(analysis: &Analysis<'r>, of: Experiment) -> Option<&'r str> {
    let timed = |call: &&str| {
        let mut cells = analysis.cells(of).filter(|cell| cell.of.workload == *call);
        cells.any(|cell| cell.estimate.is_some() && cell.of.metric == Metric::TimePerOp)
    };
    let calls: Vec<&str> = analysis.workloads(of).into_iter().filter(timed).collect();
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
    for (label, of, metric, unit) in [
        ("its daemons’ CPU time", Experiment::Startup, Metric::DaemonCpuTime, Unit::Nanoseconds),
        ("its daemons’ memory", Experiment::Memory, Metric::DaemonMemory, Unit::Bytes),
    ] {
        let estimate = analysis.first(of, name, &metric).and_then(|cell| cell.estimate);
        lines.extend(estimate.map(|of| (label, quantity(of.median, unit))));
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

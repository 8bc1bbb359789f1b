//! The answer in plain words, and one card a backend.
//!
//! Ratios are multiples of the baseline. Invariant: a difference whose interval contains 1 is called none.

use results::stats::{Estimate, median};
use results::{BackendStatus, Experiment, Metric, Unit};

use super::mark;
use crate::Error;
use crate::analysis::{Analysis, BASELINE, Cell};
use crate::charts::slowdown;
use crate::format::{interval, number, quantity};

/// A stretch of a sentence.
pub(super) struct Span {
    /// The words.
    pub text: String,
    /// Whether they are what the sentence is about.
    pub strong: bool,
}

/// One backend at a glance.
pub(super) struct Card {
    pub mark: String,
    pub name: String,
    /// Why it has no numbers.
    pub missing: Option<String>,
    /// Label, value, and how it compares.
    pub lines: Vec<(&'static str, String, String)>,
}

fn plain(text: impl Into<String>) -> Span {
    Span { text: text.into(), strong: false }
}

fn strong(text: impl Into<String>) -> Span {
    Span { text: text.into(), strong: true }
}

/// Joins clauses as people do: `a, b and c`.
fn list(clauses: Vec<Vec<Span>>) -> Vec<Span> {
    let count = clauses.len();
    let mut all = Vec::new();
    for (place, clause) in clauses.into_iter().enumerate() {
        match place {
            0 => {}
            _ if place + 1 == count => all.push(plain(" and ")),
            _ => all.push(plain(", ")),
        }
        all.extend(clause);
    }
    all
}

/// `2.05 × a bare process, 95 % interval 2.01–2.11`, or that there is no difference.
fn compared(ratio: Estimate) -> String {
    let ends = interval(ratio.low, ratio.high, Unit::Count);
    if ratio.low <= 1.0 && 1.0 <= ratio.high {
        format!("no measurable difference: {} ×, 95 % interval {ends}", number(ratio.median))
    } else {
        format!("{} × a bare process, 95 % interval {ends}", number(ratio.median))
    }
}

/// What the run says, a sentence an experiment; experiments without numbers say nothing here.
pub(super) fn sentences(analysis: &Analysis<'_>) -> Vec<Vec<Span>> {
    let each = |clause: &dyn Fn(&str) -> Option<Vec<Span>>| -> Vec<Vec<Span>> {
        analysis.backends().filter_map(|(_, backend)| clause(&backend.name)).collect()
    };
    let measured = |cell: &Cell<'_>, verb: &str| {
        let estimate = cell.estimate?;
        let mut clause = vec![
            plain(format!("{} {verb} ", cell.of.backend)),
            strong(quantity(estimate.median, cell.of.unit)),
        ];
        clause.extend(cell.ratio.map(|ratio| plain(format!(" ({})", compared(ratio)))));
        Some(clause)
    };
    let startup = each(&|backend| measured(analysis.startup(backend)?, "starts in"));
    let (metric, words) = memory_metric(analysis);
    let memory = each(&|backend| measured(analysis.first(Experiment::Memory, backend, &metric)?, words));
    let calls = each(&|backend| spread(analysis, Experiment::Syscalls, backend));
    let work = each(&|backend| spread(analysis, Experiment::Cpu, backend));
    let groups = [
        ("On this machine ", startup, "."),
        ("Idle, an instance of ", memory, "."),
        ("A system call takes, in times of the bare process, ", calls, "."),
        ("Computation and memory work takes ", work, " times as long as in the bare process."),
    ];
    let sentence = |(head, clauses, tail): (&str, Vec<Vec<Span>>, &str)| {
        if clauses.is_empty() {
            return None;
        }
        let mut all = vec![plain(head)];
        all.extend(list(clauses));
        all.push(plain(tail));
        Some(all)
    };
    groups.into_iter().filter_map(sentence).collect()
}

/// The fairest memory figure that this run has: the marginal cost, else what the cgroup is charged, else PSS.
fn memory_metric(analysis: &Analysis<'_>) -> (Metric, &'static str) {
    let has = |metric: &Metric| {
        analysis.cells(Experiment::Memory).any(|cell| cell.of.metric == *metric && cell.estimate.is_some())
    };
    let choices = [(Metric::MarginalMemory, "adds"), (Metric::MemoryCurrent, "is charged")];
    choices.into_iter().find(|(metric, _)| has(metric)).unwrap_or((Metric::Pss, "occupies (PSS)"))
}

/// How many times the baseline's time the workloads of an experiment take, ascending.
fn slowdowns(analysis: &Analysis<'_>, of: Experiment, backend: &str) -> Vec<f64> {
    let cells = analysis.cells(of).filter(|cell| cell.of.backend == backend);
    let cells = cells.filter(|cell| matches!(cell.of.metric, Metric::TimePerOp | Metric::Bandwidth));
    let mut medians: Vec<f64> =
        cells.filter_map(|cell| Some(slowdown(cell.ratio?, cell.of.better)?.median)).collect();
    medians.sort_by(f64::total_cmp);
    medians
}

/// `0.98 to 1.04 in container`.
fn spread(analysis: &Analysis<'_>, of: Experiment, backend: &str) -> Option<Vec<Span>> {
    let all = slowdowns(analysis, of, backend);
    let (least, most) = (number(*all.first()?), number(*all.last()?));
    let middle = number(median(&all)?);
    let range = if least == most { least } else { format!("{least} to {most}") };
    let tail = if all.len() > 2 {
        format!(" in {backend} (the middle one of {}: {middle})", all.len())
    } else {
        format!(" in {backend}")
    };
    Some(vec![strong(range), plain(tail)])
}

/// One card a backend, also for those that could not run.
pub(super) fn cards(analysis: &Analysis<'_>) -> Result<Vec<Card>, Error> {
    let (metric, _) = memory_metric(analysis);
    let memory_label = match metric {
        Metric::MarginalMemory => "memory, each further one",
        Metric::MemoryCurrent => "memory charged, idle",
        _ => "memory (PSS), idle",
    };
    let card = |(place, backend): (usize, &results::Backend)| {
        let mut lines = Vec::new();
        let mut measured = |label, cell: Option<&Cell<'_>>| {
            if let Some((estimate, cell)) = cell.and_then(|cell| Some((cell.estimate?, cell))) {
                let times = cell.ratio.map(|ratio| quantity(ratio.median, Unit::Ratio)).unwrap_or_default();
                lines.push((label, quantity(estimate.median, cell.of.unit), times));
            }
        };
        let name = &*backend.name;
        measured("to start", analysis.startup(name));
        measured("to tear down", analysis.first(Experiment::Startup, name, &Metric::TeardownTime));
        measured(memory_label, analysis.first(Experiment::Memory, name, &metric));
        for (label, of) in [("a system call", Experiment::Syscalls), ("computation", Experiment::Cpu)] {
            if let Some(middle) = median(&slowdowns(analysis, of, name)) {
                lines.push((label, quantity(middle, Unit::Ratio), "middle workload".to_owned()));
            } else if name == BASELINE && analysis.cells(of).any(|cell| cell.estimate.is_some()) {
                lines.push((label, quantity(1.0, Unit::Ratio), "by definition".to_owned()));
            }
        }
        let missing = match backend.status {
            BackendStatus::Ok if lines.is_empty() => Some("not measured".to_owned()),
            BackendStatus::Ok => None,
            BackendStatus::Unavailable => Some(because("unavailable", backend.reason.as_deref())),
            BackendStatus::Failed => Some(because("failed", backend.reason.as_deref())),
        };
        Ok(Card { mark: mark(place)?, name: name.to_owned(), missing, lines })
    };
    analysis.run.backends.iter().enumerate().map(card).collect()
}

fn because(word: &str, reason: Option<&str>) -> String {
    reason.map_or(word.to_owned(), |reason| format!("{word}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_contains_one_is_no_difference() {
        let ratio = |low, high| Estimate { median: 1.02, low, high, n: 20 };
        assert!(compared(ratio(0.98, 1.05)).starts_with("no measurable difference"));
        assert_eq!(compared(ratio(1.01, 1.05)), "1.02 × a bare process, 95 % interval 1.01–1.05");
    }

    #[test]
    fn clauses_are_joined_as_people_do() {
        let joined = |n| {
            list((0..n).map(|i| vec![plain(i.to_string())]).collect())
                .into_iter()
                .map(|s| s.text)
                .collect::<String>()
        };
        assert_eq!([joined(1), joined(2), joined(3)], ["0", "0 and 1", "0, 1 and 2"]);
    }
}

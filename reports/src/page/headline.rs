//! The answer in plain words, and one card a backend.
//!
//! Ratios are multiples of the baseline. Invariant: a difference whose interval contains 1 is called none.

use results::stats::{Estimate, median};
use results::{BackendStatus, Experiment, Metric, Unit};

use super::mark;
use crate::Error;
use crate::analysis::{Analysis, Cell};
use crate::charts::slowdown;
use crate::format::{interval, number, quantity};

/// A stretch of a sentence.
#[derive(Debug, PartialEq)]
pub(super) enum Span {
    /// Words.
    Plain(String),
    /// A number that the sentence is about.
    Number(String),
    /// The name of a backend.
    Name(String),
}

/// One backend at a glance.
pub(super) struct Card {
    pub mark: String,
    pub name: String,
    /// Why it has no numbers.
    pub missing: Option<String>,
    /// Its startup time, and how that compares.
    pub startup: Option<(String, String)>,
    /// Label, value, and how it compares.
    pub lines: Vec<(&'static str, String, String)>,
}

fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
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
    let times = quantity(ratio.median, Unit::Ratio);
    let ends = interval(ratio.low, ratio.high, Unit::Count);
    if ratio.low <= 1.0 && 1.0 <= ratio.high {
        format!("no measurable difference: {times}, 95\u{a0}% interval {ends}")
    } else {
        format!("{times} a bare process, 95\u{a0}% interval {ends}")
    }
}

/// What the run says, a sentence an experiment; experiments without numbers say nothing here.
pub(super) fn sentences(analysis: &Analysis<'_>) -> Vec<Vec<Span>> {
    let each = |clause: &dyn Fn(&str) -> Option<Vec<Span>>| -> Vec<Vec<Span>> {
        analysis.backends().filter_map(|(_, backend)| clause(&backend.name)).collect()
    };
    let (metric, words) = memory_metric(analysis);
    let groups = [
        ("On this machine ", each(&|backend| measured(analysis.startup(backend)?, " starts in "))),
        ("An idle ", each(&|backend| measured(analysis.first(Experiment::Memory, backend, &metric)?, words))),
        (
            "Compared with the bare process, a system call takes ",
            each(&|backend| spread(analysis, Experiment::Syscalls, backend)),
        ),
        (
            "Compared with the bare process, computation and memory work takes ",
            each(&|backend| spread(analysis, Experiment::Cpu, backend)),
        ),
    ];
    let sentence = |(head, clauses): (&str, Vec<Vec<Span>>)| {
        let first = (!clauses.is_empty()).then(|| plain(head))?;
        Some([first].into_iter().chain(list(clauses)).chain([plain(".")]).collect())
    };
    groups.into_iter().filter_map(sentence).collect()
}

/// `container starts in 1.02 ms (2.05 × a bare process, …)`.
fn measured(cell: &Cell<'_>, verb: &str) -> Option<Vec<Span>> {
    let median = quantity(cell.estimate?.median, cell.of.unit);
    let mut clause = vec![Span::Name(cell.of.backend.clone()), plain(verb), Span::Number(median)];
    clause.extend(cell.ratio.map(|ratio| plain(format!(" ({})", compared(ratio)))));
    Some(clause)
}

/// The fairest memory figure that this run has: the marginal cost, else what the cgroup is charged, else PSS.
fn memory_metric(analysis: &Analysis<'_>) -> (Metric, &'static str) {
    let has = |metric: &Metric| {
        analysis.cells(Experiment::Memory).any(|cell| cell.of.metric == *metric && cell.estimate.is_some())
    };
    let choices = [(Metric::MarginalMemory, " adds "), (Metric::MemoryCurrent, " is charged ")];
    choices.into_iter().find(|(metric, _)| has(metric)).unwrap_or((Metric::Pss, " occupies (PSS) "))
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

/// `0.98 to 1.04 × as long in container (median of 10: 1.01 ×)`.
fn spread(analysis: &Analysis<'_>, of: Experiment, backend: &str) -> Option<Vec<Span>> {
    let all = slowdowns(analysis, of, backend);
    let (least, most) = (number(*all.first()?), number(*all.last()?));
    let range = if least == most { format!("{least}\u{a0}×") } else { format!("{least} to {most}\u{a0}×") };
    let mut clause = vec![Span::Number(range), plain(" as long in "), Span::Name(backend.to_owned())];
    if all.len() > 2 {
        clause.push(plain(format!(" (median of {}: {})", all.len(), quantity(median(&all)?, Unit::Ratio))));
    }
    Some(clause)
}

/// One card a backend, also for those that could not run.
pub(super) fn cards(analysis: &Analysis<'_>) -> Result<Vec<Card>, Error> {
    let (metric, _) = memory_metric(analysis);
    let values = |cell: Option<&Cell<'_>>| {
        let cell = cell?;
        let times = cell.ratio.map(|ratio| quantity(ratio.median, Unit::Ratio)).unwrap_or_default();
        Some((quantity(cell.estimate?.median, cell.of.unit), times))
    };
    let card = |(seat, backend): (usize, &results::Backend)| {
        let name = &*backend.name;
        let mut lines = Vec::new();
        let teardown = analysis.first(Experiment::Startup, name, &Metric::TeardownTime);
        for (label, cell) in
            [("memory", analysis.first(Experiment::Memory, name, &metric)), ("teardown", teardown)]
        {
            lines.extend(values(cell).map(|(value, times)| (label, value, times)));
        }
        for (label, of) in [("system call", Experiment::Syscalls), ("computation", Experiment::Cpu)] {
            let middle = median(&slowdowns(analysis, of, name));
            lines.extend(middle.map(|middle| (label, String::new(), quantity(middle, Unit::Ratio))));
        }
        let startup = values(analysis.startup(name));
        let missing = match backend.status {
            BackendStatus::Ok if lines.is_empty() && startup.is_none() => Some("not measured".to_owned()),
            BackendStatus::Ok => None,
            BackendStatus::Unavailable => Some(because("unavailable", backend.reason.as_deref())),
            BackendStatus::Failed => Some(because("failed", backend.reason.as_deref())),
        };
        Ok(Card { mark: mark(seat)?, name: name.to_owned(), missing, startup, lines })
    };
    analysis.asked_for().map(card).collect()
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
        assert_eq!(compared(ratio(1.01, 1.05)), "1.02\u{a0}× a bare process, 95\u{a0}% interval 1.01–1.05");
    }

    #[test]
    fn clauses_are_joined_as_people_do() {
        let spans = |texts: &[&str]| -> Vec<Span> { texts.iter().map(|text| plain(*text)).collect() };
        let joined = |names: &[&str]| list(names.iter().map(|name| spans(&[name])).collect());
        assert_eq!(joined(&["a"]), spans(&["a"]));
        assert_eq!(joined(&["a", "b", "c"]), spans(&["a", ", ", "b", " and ", "c"]));
    }
}

//! The answer in plain words.
//!
//! Ratios are multiples of the baseline. Invariant: a difference whose interval contains 1 is called none, and so few
//! samples that they have no interval are called few.

use results::stats::{Estimate, median};
use results::{Experiment, Metric, Unit};

use super::{density, ladder};
use crate::analysis::{Analysis, Cell};
use crate::charts::slowdown;
use crate::format::{FEWEST, interval, number, quantity};
use crate::palette;

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
    if ratio.n == 1 {
        format!("{times} a bare process, in one pair of trials")
    } else if ratio.n < FEWEST {
        format!("{times} a bare process, in {} pairs of trials {ends}", ratio.n)
    } else if ratio.low <= 1.0 && 1.0 <= ratio.high {
        format!("no measurable difference: {times}, 95\u{a0}% interval {ends}")
    } else {
        format!("{times} a bare process, 95\u{a0}% interval {ends}")
    }
}

/// What the run says, a sentence an experiment; experiments without numbers say nothing here.
pub(super) fn sentences(analysis: &Analysis<'_>) -> Vec<Vec<Span>> {
    let of = |others: bool, clause: &dyn Fn(&str) -> Option<Vec<Span>>| -> Vec<Vec<Span>> {
        let backends = analysis.backends().filter(|(seat, _)| palette::family(*seat).is_some() == others);
        backends.filter_map(|(_, backend)| clause(&backend.name)).collect()
    };
    let each = |clause: &dyn Fn(&str) -> Option<Vec<Span>>| of(false, clause);
    // There may be a dozen of others: their intervals are in the tables.
    let each_of_others = |clause: &dyn Fn(&str) -> Option<Vec<Span>>| of(true, clause);
    let both = |clause: &dyn Fn(&str) -> Option<Vec<Span>>| {
        let mut clauses = of(false, clause);
        clauses.extend(of(true, clause));
        clauses
    };
    let (metric, words) = memory_metric(analysis);
    let (at_once, rates) = density::rates_at(analysis).unwrap_or_default();
    let program = format!("From start to exit of {}, ", analysis.workloads(Experiment::Exec).join(", "));
    let groups = [
        ("On this machine ", each(&|backend| measured(analysis.startup(backend)?, " starts in "))),
        (
            "Of runtimes of others, ",
            each_of_others(&|backend| brief(analysis.startup(backend)?, " starts in ")),
        ),
        ("An idle ", each(&|backend| measured(analysis.first(Experiment::Memory, backend, &metric)?, words))),
        (
            "Of others, an idle ",
            each_of_others(&|backend| brief(analysis.first(Experiment::Memory, backend, &metric)?, words)),
        ),
        (
            "Compared with the bare process, a system call takes ",
            both(&|backend| spread(analysis, Experiment::Syscalls, backend)),
        ),
        (
            "Compared with the bare process, computation and memory work takes ",
            both(&|backend| spread(analysis, Experiment::Cpu, backend)),
        ),
        (&*rates, both(&|backend| density::rate(analysis, at_once, backend))),
        (
            &*program,
            both(&|backend| {
                measured(analysis.first(Experiment::Exec, backend, &Metric::WallTime)?, " takes ")
            }),
        ),
    ];
    let sentence = |(head, clauses): (&str, Vec<Vec<Span>>)| {
        let first = (!clauses.is_empty()).then(|| plain(head))?;
        Some([first].into_iter().chain(list(clauses)).chain([plain(".")]).collect())
    };
    groups.into_iter().filter_map(sentence).chain(ladder::sentence(analysis)).collect()
}

/// `container starts in 1.02 ms (2.05 × a bare process, …)`.
fn measured(cell: &Cell<'_>, verb: &str) -> Option<Vec<Span>> {
    let name = Span::Name(cell.of.backend.clone());
    let of = cell.estimate?;
    if of.low <= 0.0 {
        // A cost that may as well be nothing has no median worth a sentence.
        let most = Span::Number(quantity(of.high, cell.of.unit));
        return Some(vec![name, plain(verb), plain("at most "), most, plain(" (within noise)")]);
    }
    let mut clause = vec![name, plain(verb), Span::Number(quantity(of.median, cell.of.unit))];
    clause.extend(cell.ratio.map(|ratio| plain(format!(" ({})", compared(ratio)))));
    Some(clause)
}

/// `bwrap starts in 6.41 ms (18.4 ×)`.
fn brief(cell: &Cell<'_>, verb: &str) -> Option<Vec<Span>> {
    let of = cell.estimate?;
    if of.low <= 0.0 {
        return measured(cell, verb);
    }
    let name = Span::Name(cell.of.backend.clone());
    let mut clause = vec![name, plain(verb), Span::Number(quantity(of.median, cell.of.unit))];
    clause.extend(cell.ratio.map(|ratio| plain(format!(" ({})", quantity(ratio.median, Unit::Ratio)))));
    Some(clause)
}

/// The fairest memory figure that this run has: the marginal cost, else what the cgroup is charged, else PSS.
pub(super) fn memory_metric(analysis: &Analysis<'_>) -> (Metric, &'static str) {
    let has = |metric: &Metric| {
        analysis.cells(Experiment::Memory).any(|cell| cell.of.metric == *metric && cell.estimate.is_some())
    };
    let choices = [(Metric::MarginalMemory, " adds "), (Metric::MemoryCurrent, " is charged ")];
    choices.into_iter().find(|(metric, _)| has(metric)).unwrap_or((Metric::Pss, " occupies (PSS) "))
}

/// How many times the baseline's time the workloads of an experiment take, ascending.
pub(super) fn slowdowns(analysis: &Analysis<'_>, of: Experiment, backend: &str) -> Vec<f64> {
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
    fn few_trials_are_no_interval() {
        let ratio = |n| Estimate { median: 2.0, low: 1.9, high: 2.1, n };
        assert_eq!(compared(ratio(1)), "2.00\u{a0}× a bare process, in one pair of trials");
        assert_eq!(compared(ratio(3)), "2.00\u{a0}× a bare process, in 3 pairs of trials 1.90–2.10");
    }

    #[test]
    fn clauses_are_joined_as_people_do() {
        let spans = |texts: &[&str]| -> Vec<Span> { texts.iter().map(|text| plain(*text)).collect() };
        let joined = |names: &[&str]| list(names.iter().map(|name| spans(&[name])).collect());
        assert_eq!(joined(&["a"]), spans(&["a"]));
        assert_eq!(joined(&["a", "b", "c"]), spans(&["a", ", ", "b", " and ", "c"]));
    }
}

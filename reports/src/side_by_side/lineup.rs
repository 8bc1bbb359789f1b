//! The runs of a page: which letter each has, which backends there are in any, and why a number is missing.
//!
//! Invariant: a backend has one seat, hence one colour and shape, in all runs.

use std::collections::HashSet;

use results::compare::{Difference, differences};
use results::ladder::is_rung;
use results::{BackendStatus, Experiment, Run, RunState, Status};

use crate::analysis::{Analysis, Cell};
use crate::format::moment;
use crate::palette;

/// A run among others.
pub(super) struct Entry<'r> {
    /// `A`, `B`, …
    pub label: char,
    pub analysis: Analysis<'r>,
    /// In what it differs from the first.
    pub differences: Vec<Difference>,
}

/// All of them.
pub(super) struct Lineup<'r> {
    pub entries: Vec<Entry<'r>>,
    /// Every backend that any run asked for, with its seat.
    pub backends: Vec<(usize, &'r str)>,
}

impl<'r> Lineup<'r> {
    /// In the order given.
    pub fn new(runs: &'r [Run]) -> Self {
        let entries = ('A'..='Z').zip(runs).map(|(label, run)| Entry {
            label,
            analysis: Analysis::new(run),
            differences: differing(&runs[0], run),
        });
        let mut known = HashSet::new();
        let names = runs.iter().flat_map(|run| &run.backends).map(|backend| &*backend.name);
        let names: Vec<&str> = names.filter(|name| !is_rung(name) && known.insert(*name)).collect();
        let seats = palette::seats(names.iter().copied());
        Lineup { entries: entries.collect(), backends: seats.into_iter().zip(names).collect() }
    }

    /// The letters of those runs of which something holds: `A, C`.
    pub fn labels(&self, of: impl Fn(&Entry<'r>) -> bool) -> Option<String> {
        let labels: Vec<String> =
            self.entries.iter().filter(|entry| of(entry)).map(|entry| entry.label.to_string()).collect();
        (!labels.is_empty()).then(|| labels.join(", "))
    }

    /// The letters of runs whose processor is software.
    pub fn emulated(&self) -> Option<String> {
        self.labels(|entry| entry.analysis.emulator().is_some())
    }

    /// How many machines they were taken on, as far as one can tell.
    pub fn machines(&self) -> usize {
        let runs: Vec<&Run> = self.entries.iter().map(|entry| entry.analysis.run).collect();
        let same = |a: &Run, b: &Run| !differences(a, b).iter().any(|one| one.field.starts_with("host."));
        (0..runs.len()).filter(|&at| !runs[..at].iter().any(|earlier| same(earlier, runs[at]))).count()
    }
}

/// The differences of two runs, without what is said of a backend that ran in one of them only.
fn differing(first: &Run, run: &Run) -> Vec<Difference> {
    let idle = |run: &Run| {
        let idle = run.backends.iter().filter(|backend| backend.status != BackendStatus::Ok);
        idle.map(|backend| format!("backends.{}.", backend.name)).collect::<Vec<_>>()
    };
    let idle = [idle(first), idle(run)].concat();
    let concerns_idle = |one: &Difference| idle.iter().any(|prefix| one.field.starts_with(prefix));
    differences(first, run).into_iter().filter(|one| !concerns_idle(one)).collect()
}

impl<'r> Entry<'r> {
    /// The run.
    pub fn run(&self) -> &'r Run {
        self.analysis.run
    }

    /// Machine and time in a line.
    pub fn origin(&self) -> String {
        let host = &self.run().host;
        let when = moment(&self.run().started_at);
        format!("{}: {}, {} CPUs, Linux {}, {when}", self.label, host.cpu_model, host.cpus, host.kernel)
    }

    /// Why there is no number of a backend in an experiment.
    pub fn why_missing(&self, experiment: Experiment, backend: &str, cell: Option<&Cell<'_>>) -> String {
        let because = |word: &str, reason: Option<&str>| match reason {
            Some(reason) => format!("{word}: {reason}"),
            None => word.to_owned(),
        };
        let Some(of) = self.run().backend(backend) else {
            return "n/a: this run did not ask for it".to_owned();
        };
        match (of.status, cell) {
            (BackendStatus::Unavailable, _) => because("unavailable", of.reason.as_deref()),
            (BackendStatus::Failed, _) => because("failed", of.reason.as_deref()),
            (BackendStatus::Ok, Some(cell)) => {
                let word = match cell.of.status {
                    Status::Ok => "no sample",
                    Status::NotApplicable => "n/a",
                    Status::Unavailable => "unavailable",
                    Status::Failed => "failed",
                };
                because(word, cell.of.reason.as_deref())
            }
            (BackendStatus::Ok, None) if !self.run().config.experiments.contains(&experiment) => {
                format!("n/a: {experiment} is not part of this run")
            }
            (BackendStatus::Ok, None) if self.run().state == RunState::Interrupted => {
                "n/a: interrupted before it".to_owned()
            }
            (BackendStatus::Ok, None) => "n/a: not measured".to_owned(),
        }
    }
}

//! What is put side by side: the headline metrics one by one, then the ratios of all workloads of an experiment.

use results::stats::Estimate;
use results::{Experiment, Metric, Unit};

use super::lineup::{Entry, Lineup};
use crate::analysis::{BASELINE, Cell};
use crate::charts::{Group, Lanes, MOST_BACKENDS, Panel, RunLane, Value, slowdown};

/// One metric of the one workload of an experiment.
pub(super) struct Headline {
    pub experiment: Experiment,
    pub metric: Metric,
    /// File name without extension, and anchor.
    pub name: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
    axis: &'static str,
}

/// In the order of the page.
pub(super) const HEADLINES: [Headline; 4] = [
    Headline {
        experiment: Experiment::Startup,
        metric: Metric::StartupTime,
        name: "startup",
        title: "Startup time",
        caption: "From the call that starts an instance to its READY: median and 95 % interval of each run. Beside it how \
                  many times that is the start of a bare process in the same run, which is what machines can be compared by.",
        axis: "time to READY (logarithmic)",
    },
    Headline {
        experiment: Experiment::Startup,
        metric: Metric::TeardownTime,
        name: "teardown",
        title: "Teardown time",
        caption: "From the stop request to the last resource reaped: median and 95 % interval of each run, and the ratio to \
                  the bare process of the same run.",
        axis: "time to teardown (logarithmic)",
    },
    Headline {
        experiment: Experiment::Memory,
        metric: Metric::MarginalMemory,
        name: "marginal-memory",
        title: "Marginal memory",
        caption: "What one more idle instance takes from the machine, whoever it is charged to, and the ratio to the bare \
                  process of the same run.",
        axis: "memory of one more (logarithmic)",
    },
    Headline {
        experiment: Experiment::Memory,
        metric: Metric::VmmOverhead,
        name: "vmm-overhead",
        title: "VMM overhead",
        caption: "Private memory of the VMM without the guest’s. A bare process has none, so there is no ratio.",
        axis: "memory of the VMM (logarithmic)",
    },
];

/// All workloads of an experiment, as ratios.
pub(super) struct Ratios {
    pub experiment: Experiment,
    /// File name without extension, and anchor.
    pub name: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
}

/// In the order of the page.
pub(super) const RATIOS: [Ratios; 2] = [
    Ratios {
        experiment: Experiment::Syscalls,
        name: "syscalls",
        title: "System calls, relative to a bare process of the same run",
        caption: "A mark is one system call: how many times the bare process’s time it takes in this backend, in the same \
                  run. The stroke is the median over the calls, also in figures. Further right is slower.",
    },
    Ratios {
        experiment: Experiment::Cpu,
        name: "cpu",
        title: "Computation and memory work, relative to a bare process of the same run",
        caption: "A mark is one workload: how many times the bare process’s time it takes in this backend, in the same run \
                  (for bandwidths: how many times less is moved per second). The stroke is the median over the workloads. Further right is slower.",
    },
];

/// Lanes of a backend that say nothing in any run are left out.
fn is_there(value: &Value) -> bool {
    matches!(value, Value::One(_) | Value::Many(_))
}

impl Headline {
    /// Its measurement in a run.
    pub fn cell<'e, 'r>(&self, entry: &'e Entry<'r>, backend: &str) -> Option<&'e Cell<'r>> {
        entry.analysis.first(self.experiment, backend, &self.metric)
    }

    /// The backends that have it in any run.
    pub fn backends<'r>(&self, lineup: &Lineup<'r>) -> Vec<(usize, &'r str)> {
        let has = |backend: &str| {
            lineup
                .entries
                .iter()
                .any(|entry| self.cell(entry, backend).is_some_and(|cell| cell.estimate.is_some()))
        };
        lineup.backends.iter().copied().filter(|(_, backend)| has(backend)).collect()
    }

    /// Its chart.
    pub fn lanes(&self, lineup: &Lineup<'_>) -> Lanes {
        let group = |(seat, backend): (usize, &str)| {
            let lane = |entry: &Entry<'_>| {
                let cell = self.cell(entry, backend);
                let one = |estimate: Option<Estimate>| estimate.map(Value::One);
                let value = one(cell.and_then(|cell| cell.estimate))
                    .unwrap_or_else(|| Value::Missing(entry.why_missing(self.experiment, backend, cell)));
                let ratio = one(cell.and_then(|cell| cell.ratio)).unwrap_or(Value::Empty);
                RunLane { label: entry.label, values: vec![value, ratio] }
            };
            Group { seat, name: backend.to_owned(), lanes: lineup.entries.iter().map(lane).collect() }
        };
        Lanes {
            title: self.title,
            panels: vec![
                Panel { unit: self.metric.unit(), label: self.axis, rule: None },
                Panel { unit: Unit::Ratio, label: "times the bare process", rule: Some(1.0) },
            ],
            groups: self.backends(lineup).into_iter().take(MOST_BACKENDS).map(group).collect(),
        }
    }
}

impl Ratios {
    /// Its chart.
    pub fn lanes(&self, lineup: &Lineup<'_>) -> Lanes {
        let group = |(seat, backend): (usize, &str)| {
            let lane =
                |entry: &Entry<'_>| RunLane { label: entry.label, values: vec![self.value(entry, backend)] };
            Group { seat, name: backend.to_owned(), lanes: lineup.entries.iter().map(lane).collect() }
        };
        let others = lineup.backends.iter().copied().filter(|(_, backend)| *backend != BASELINE);
        let mut groups: Vec<Group> = others.map(group).collect();
        groups.retain(|group| group.lanes.iter().any(|lane| lane.values.iter().any(is_there)));
        groups.truncate(MOST_BACKENDS);
        Lanes {
            title: self.title,
            panels: vec![Panel {
                unit: Unit::Ratio,
                label: "times the bare process (logarithmic)",
                rule: Some(1.0),
            }],
            groups,
        }
    }

    fn value(&self, entry: &Entry<'_>, backend: &str) -> Value {
        let own = || entry.analysis.cells(self.experiment).filter(|cell| cell.of.backend == backend);
        let timed = own().filter(|cell| matches!(cell.of.metric, Metric::TimePerOp | Metric::Bandwidth));
        let slowdowns = timed.filter_map(|cell| Some(slowdown(cell.ratio?, cell.of.better)?.median));
        let slowdowns: Vec<f64> = slowdowns.filter(|ratio| *ratio > 0.0).collect();
        if !slowdowns.is_empty() {
            return Value::Many(slowdowns);
        }
        let measured = own().any(|cell| cell.estimate.is_some());
        Value::Missing(if measured {
            format!("n/a: no {BASELINE} in this run to compare with")
        } else {
            entry.why_missing(self.experiment, backend, own().next())
        })
    }
}

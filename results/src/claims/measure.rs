//! What a rule about numbers compares: one measurement, or a family of workloads as one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::{Experiment, Measurement, Metric, Run, Status};

/// A cost that two backends are compared by.
#[derive(Debug)]
pub enum Measure {
    /// One metric of one workload.
    One {
        /// In words.
        name: &'static str,
        /// The plan it belongs to.
        experiment: Experiment,
        /// The workload.
        workload: &'static str,
        /// What is measured.
        metric: Metric,
    },
    /// Several metrics of one workload, added up in each block.
    Sum {
        /// In words.
        name: &'static str,
        /// The plan they belong to.
        experiment: Experiment,
        /// The workload.
        workload: &'static str,
        /// What is measured, of one unit.
        metrics: [Metric; 2],
    },
    /// Time per operation (of a bandwidth: time per byte) of many workloads.
    Family {
        /// In words.
        name: &'static str,
        /// The plan they belong to.
        experiment: Experiment,
        /// Which of its workloads.
        workloads: Family,
    },
}

/// Workloads of an experiment.
#[derive(Debug)]
pub enum Family {
    /// Whatever it has.
    All,
    /// These, as far as it has them.
    Only(&'static [&'static str]),
}

impl Family {
    /// Whether this workload belongs to it.
    pub fn contains(&self, workload: &str) -> bool {
        match self {
            Family::All => true,
            Family::Only(names) => names.contains(&workload),
        }
    }
}

impl Measure {
    /// The plan it belongs to.
    pub fn experiment(&self) -> Experiment {
        match self {
            Measure::One { experiment, .. }
            | Measure::Sum { experiment, .. }
            | Measure::Family { experiment, .. } => *experiment,
        }
    }

    /// Its samples on a backend; `None` if the run has none of them, or it is a family, whose workloads have no sum.
    pub(super) fn find<'r>(&self, run: &'r Run, backend: &str) -> Option<Cow<'r, Measurement>> {
        match self {
            Measure::One { experiment, workload, metric, .. } => {
                run.measurement(*experiment, workload, backend, metric).map(Cow::Borrowed)
            }
            Measure::Sum { experiment, workload, metrics: [first, second], .. } => {
                let of = |metric| run.measurement(*experiment, workload, backend, metric);
                Some(sum(of(first)?, of(second)?))
            }
            Measure::Family { .. } => None,
        }
    }

    /// Which measurements these are, by their names in `run.json`.
    pub fn looks_at(&self) -> String {
        match self {
            Measure::One { experiment, workload, metric, .. } => {
                format!("{metric} of {workload} (experiment {experiment})")
            }
            Measure::Sum { experiment, workload, metrics: [first, second], .. } => {
                format!("{first} + {second} of {workload} (experiment {experiment})")
            }
            Measure::Family { experiment, workloads, .. } => {
                let which = match workloads {
                    Family::All => "every workload".to_owned(),
                    Family::Only(names) => names.join(", "),
                };
                format!("time_per_op, or the inverse of bandwidth, of {which} (experiment {experiment})")
            }
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::One { name, .. } | Measure::Sum { name, .. } | Measure::Family { name, .. } => {
                f.write_str(name)
            }
        }
    }
}

/// The sum over the blocks that hold both, with the flags of both; of one that has no samples that one, for its reason.
fn sum<'r>(first: &'r Measurement, second: &'r Measurement) -> Cow<'r, Measurement> {
    if let Some(without) = [first, second].into_iter().find(|m| m.status != Status::Ok) {
        return Cow::Borrowed(without);
    }
    let place: HashMap<u32, usize> =
        second.blocks.iter().enumerate().map(|(at, block)| (*block, at)).collect();
    let marks = |m: &Measurement, at: usize| -> Vec<String> {
        m.flags.iter().filter_map(|all| all.get(at)).flatten().cloned().collect()
    };
    let mut both = Measurement { blocks: vec![], samples: vec![], flags: Some(vec![]), ..first.clone() };
    for (at, block) in first.blocks.iter().enumerate() {
        let Some(&other) = place.get(block) else { continue };
        both.blocks.push(*block);
        both.samples.push(first.samples[at] + second.samples[other]);
        both.flags.get_or_insert_default().push([marks(first, at), marks(second, other)].concat());
    }
    Cow::Owned(both)
}

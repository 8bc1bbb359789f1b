//! What a rule about numbers compares: one measurement, or a family of workloads as one.

use std::fmt;

use crate::{Experiment, Metric};

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
            Measure::One { experiment, .. } | Measure::Family { experiment, .. } => *experiment,
        }
    }

    /// Which measurements these are, by their names in `run.json`.
    pub fn looks_at(&self) -> String {
        match self {
            Measure::One { experiment, workload, metric, .. } => {
                format!("{metric} of {workload} (experiment {experiment})")
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
            Measure::One { name, .. } | Measure::Family { name, .. } => f.write_str(name),
        }
    }
}

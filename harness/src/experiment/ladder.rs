//! Ladder: what each mechanism of isolation adds, one after another from a bare process on. The rungs are backends; here
//! is what a trial of one is: a start and the way back, now and then what one more idle instance takes, and a few system
//! calls that the mechanisms lie in the way of.
//!
//! Nothing gets a cgroup for the accounting: from which rung on there is one is the point.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use results::{Experiment, Metric};
use workloads::{Group, Workload};

use super::memory::{Ramp, marginal};
use super::{Finding, MIB, Plan, Rig, of_group, startup, throughput};
use crate::backend::Backend;
use crate::trial::TrialError;

/// Calls that something lies in the way of: the seccomp filter of each, the layers of `openat`, the memory cgroup of a page.
const CALLS: [&str; 3] = ["getpid", "openat-close", "mmap-touch-munmap"];

/// Shorter than in `memory`: there are many rungs, and neighbours differ by pages that few instances show.
const RAMP: Ramp = Ramp { most: 8, time: Duration::from_secs(4) };
/// A ramp takes as long as dozens of starts, so that not every block has one.
const RAMP_EVERY: u32 = 4;

/// The experiment `ladder`.
#[derive(Debug, Default)]
pub struct Ladder {
    /// Starts so far, by backend.
    starts: RefCell<HashMap<&'static str, u32>>,
}

impl Plan for Ladder {
    fn id(&self) -> Experiment {
        Experiment::Ladder
    }

    fn summary(&self) -> &'static str {
        "one mechanism after another from a bare process to a container: what each adds to startup, memory and system calls"
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        let calls = of_group(Group::Syscalls).into_iter().filter(|workload| CALLS.contains(&workload.name));
        of_group(Group::Startup).into_iter().chain(calls).collect()
    }

    fn primary(&self, workload: &Workload) -> Metric {
        match workload.group {
            Group::Startup => Metric::StartupTime,
            _ => Metric::TimePerOp,
        }
    }

    fn memory_bytes(&self) -> u64 {
        32 * MIB
    }

    fn share(&self) -> f64 {
        0.2
    }

    fn trial(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        workload: &Workload,
    ) -> Result<Finding, TrialError> {
        if workload.group != Group::Startup {
            return throughput::measure(rig, backend, workload, self.memory_bytes(), false);
        }
        let mut finding = startup::measure(rig, backend, workload, self.memory_bytes())?;
        let before = {
            let mut starts = self.starts.borrow_mut();
            let count = starts.entry(backend.name()).or_default();
            std::mem::replace(count, *count + 1)
        };
        if let Finding::Observed(observations, _) = &mut finding
            && before.is_multiple_of(RAMP_EVERY)
        {
            observations.push(marginal(rig, backend, workload, self.memory_bytes(), RAMP)?);
        }
        Ok(finding)
    }

    /// A start alone: what a ramp warms up besides is counted by none.
    fn warm_up(&self, rig: &Rig, backend: &mut dyn Backend, workload: &Workload) -> Result<(), TrialError> {
        startup::measure(rig, backend, workload, self.memory_bytes()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_ladder_is_in_the_catalogue() {
        let names: Vec<&str> = Ladder::default().workloads().iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["noop", CALLS[0], CALLS[1], CALLS[2]]);
    }
}

//! Isolation: whether limits hold when somebody tries them, and what a neighbour notices of it.
//!
//! A trial starts a neighbour, a measured instance of the same backend on another CPU, lets it run alone for a while, and
//! then starts the instance that tries a limit: a memory hog, a fork storm, or a program that only computes. A hog that is
//! stopped is what the trial is for, and no failure; a limit that does not hold is a finding and is said.
//!
//! Units: bytes, processes, CPUs (CPU time over time), nanoseconds of the host's clock. Invariant: what tries a limit has a
//! ceiling of its own and is started only where the host has several times that to spare.

mod host;
mod judge;
mod ledger;
mod neighbour;
mod tried;
mod witness;

use std::cell::RefCell;
use std::time::Duration;

use container::now_ns;
use results::{Evidence, Experiment, Metric};
use workloads::{Group, Workload};

use self::host::Host;
use self::judge::Figures;
use self::ledger::Ledger;
use self::neighbour::{Neighbour, Stretches};
use self::tried::Said;
use super::{Finding, LAST_WORDS, MIB, Observation, Plan, Rig, explain, of_group};
use crate::backend::{Backend, Ended, Job, JobLimits};
use crate::trial::{Follower, TrialError};

const LIMIT: Duration = Duration::from_secs(60);
/// The memory limit: as for other idle or small instances.
const MEMORY: u64 = 32 * MIB;
/// That of a storm, so that nothing but its own limit stops it: the kernel frees what a refused fork has cost only later.
const STORM_MEMORY: u64 = 4 * MEMORY;
/// Where a hog ends by itself, in MiB: well above every limit, the kernel of a Linux guest included.
const CEILING_MIB: u64 = 256;
/// What a host must have to spare before a hog is let loose.
const SPARE: u64 = 4 * CEILING_MIB * MIB;
/// Processes; a storm ends by itself at four times as many.
const PIDS: u64 = 64;
/// The CPU quota that is tried.
const QUOTA: f64 = 0.5;
/// How long the neighbour is measured alone before anything else starts.
const ALONE: Duration = Duration::from_millis(60);

/// What is tried, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Limit {
    Memory,
    Pids,
    Cpu,
}

impl Limit {
    /// The one that a workload tries.
    fn of(workload: &Workload) -> Self {
        match workload.name {
            "hog" => Self::Memory,
            "fork-storm" => Self::Pids,
            _ => Self::Cpu,
        }
    }

    fn metric(self) -> Metric {
        match self {
            Self::Memory => Metric::PeakMemory,
            Self::Pids => Metric::PeakProcesses,
            Self::Cpu => Metric::CpuShare,
        }
    }

    /// Options of the workload. A quota is counted in periods of 100 ms, so a spin lasts some whole ones.
    fn options(self) -> [&'static str; 4] {
        match self {
            Self::Memory => ["--most", "256", "--batch-ns", "1"],
            Self::Pids => ["--most", "256", "--batch-ns", "100000000"],
            Self::Cpu => ["--most", "1", "--batch-ns", "600000000"],
        }
    }

    /// The neighbour's life, alone, beside what tries the limit, and a little longer: how many batches, of at least how many
    /// nanoseconds. What is soon over takes short ones.
    fn neighbour(self) -> [&'static str; 2] {
        match self {
            Self::Memory => ["200", "1000000"],
            Self::Pids => ["110", "2000000"],
            Self::Cpu => ["170", "4000000"],
        }
    }

    fn memory_bytes(self) -> u64 {
        if self == Self::Pids { STORM_MEMORY } else { MEMORY }
    }

    fn job_limits(self) -> JobLimits {
        let cpu = if self == Self::Cpu { QUOTA } else { JobLimits::USUAL.cpu };
        JobLimits { cpu, pids: PIDS }
    }
}

/// The experiment `isolation`.
#[derive(Debug, Default)]
pub struct Isolation {
    ledger: RefCell<Ledger>,
}

impl Plan for Isolation {
    fn id(&self) -> Experiment {
        Experiment::Isolation
    }

    fn summary(&self) -> &'static str {
        "limits on memory, processes and CPU tried for real, and what a neighbour notices of it"
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        of_group(Group::Limits)
    }

    fn primary(&self, workload: &Workload) -> Metric {
        Limit::of(workload).metric()
    }

    fn memory_bytes(&self) -> u64 {
        MEMORY
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
        let limit = Limit::of(workload);
        if let Err(why) = host::can_spare(SPARE) {
            self.ledger.borrow_mut().not_applicable(backend, limit, &why);
            let observations = vec![Observation { metric: limit.metric(), value: Err(why) }];
            return Ok(Finding::Observed(observations, Vec::new()));
        }
        let watch = rig.watch();
        let neighbour = Neighbour::start(rig, backend, limit.neighbour())?;
        // From here on this thread stays where the neighbour is not.
        rig.pin.enter().map_err(TrialError::Backend)?;
        std::thread::sleep(ALONE);

        let host = Host::look().map_err(TrialError::Backend)?;
        let alone_until = now_ns();
        let Tried { said, figures, ended } = match attempt(rig, backend, workload)? {
            Ok(tried) => tried,
            Err(why) => {
                self.ledger.borrow_mut().not_applicable(backend, limit, &why);
                return Ok(Finding::NotApplicable(why));
            }
        };
        let alone_again = now_ns();
        let disturbance = host.disturbed(figures.oom_kills.unwrap_or(0)).map_err(TrialError::Backend)?;

        let judged = judge::judge(limit, &said, &figures, ended.failure.as_deref())?;
        let stretches = Stretches { alone_until, beside: said.window, alone_again };
        let slowdown = neighbour.end()?.slowdown(&stretches);
        let mut flags = watch.end();
        flags.extend(disturbance.is_some().then(|| host::FLAG.to_owned()));
        self.ledger.borrow_mut().tried(rig.pin, backend, limit, judged.verdict, disturbance);
        let mut observations = vec![
            Observation { metric: limit.metric(), value: judged.reached },
            Observation { metric: Metric::NeighbourSlowdown, value: slowdown },
        ];
        if let Some(count) = ended.unknown_syscalls {
            observations.push(Observation::new(Metric::UnknownSyscalls, count as f64));
        }
        Ok(Finding::Observed(observations, flags))
    }

    /// A neighbour alone: a hog for caches to be filled would be a trial that nobody sees.
    fn warm_up(&self, rig: &Rig, backend: &mut dyn Backend, _: &Workload) -> Result<(), TrialError> {
        Neighbour::start(rig, backend, ["1", "1000000"])?.end().map(drop)
    }

    fn evidence(&self) -> Vec<Evidence> {
        self.ledger.borrow().evidence()
    }
}

/// What came of letting something try a limit.
struct Tried {
    said: Said,
    figures: Figures,
    ended: Ended,
}

/// Starts what tries the limit and follows it to its end; or the reason why there is nothing to try.
fn attempt(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
) -> Result<Result<Tried, String>, TrialError> {
    let limit = Limit::of(workload);
    let [a, b, c, d] = limit.options();
    let (args, deadline) = ([workload.name, a, b, c, d], Some(LIMIT));
    let (memory_bytes, limits) = (limit.memory_bytes(), limit.job_limits());
    let job = Job { args: &args, env: &[], memory_bytes, limits, accounted: true, deadline };
    let mut follower = Follower::new(rig.interrupt, LIMIT + LAST_WORDS);
    let mut instance = backend.start(&job).map_err(TrialError::Backend)?;
    let ready = follower.ready(&*instance);
    let ready = explain(ready, &mut *instance)?;
    // Not before: some runtimes make it on the way.
    if instance.cgroup().is_none() {
        // It has a ceiling of its own, and dropping it kills it.
        return Ok(Err("it has no cgroup here, so there is no limit to hold".to_owned()));
    }
    let (said, seen) = witness::beside(instance.cgroup(), || tried::follow(&mut follower, &*instance, ready));
    let said = said?;
    // Before it is reaped: the cgroup goes with it, if it has not gone already.
    let now = Figures::of(instance.cgroup());
    let figures = seen.map_or(now.clone(), |seen| now.or(seen));
    let mut ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    ended.failure = said.panicked.clone().or(ended.failure);
    // What ended of itself has said how.
    let is_silent = said.ceiling_mib.is_none() && said.refused.is_none() && ended.failure.is_some();
    Ok(match said.skipped {
        Some(why) => Err(why),
        None if limit == Limit::Memory && is_silent && figures.memory.is_err() => {
            Err("the runtime removed its cgroup with it, and with that what the kernel had counted"
                .to_owned())
        }
        None => Ok(Tried { said, figures, ended }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_and_quotas_are_those_that_the_workloads_are_told() {
        assert_eq!(Limit::Memory.options()[1], CEILING_MIB.to_string());
        assert_eq!(Limit::Pids.options()[1], (4 * PIDS).to_string());
        let number = |text: &str| text.parse::<u64>().unwrap();
        for limit in [Limit::Memory, Limit::Pids, Limit::Cpu] {
            let life = limit.neighbour().map(number).iter().product::<u64>();
            let longest = number(limit.options()[3]);
            assert!(life > ALONE.as_nanos() as u64 + longest, "the neighbour outlives {limit:?}");
        }
        let longest = number(Limit::Cpu.options()[3]);
        assert!(longest >= 500_000_000 && longest.is_multiple_of(100_000_000));
    }

    #[test]
    fn every_workload_that_tries_a_limit_tries_one_of_its_own() {
        let mut limits: Vec<Limit> = of_group(Group::Limits).into_iter().map(Limit::of).collect();
        limits.sort_unstable();
        assert_eq!(limits, [Limit::Memory, Limit::Pids, Limit::Cpu]);
    }
}

//! Experiments: what one trial of each does. Which backend runs when is the scheduler's business.

pub mod density;
pub mod exec;
mod host_memory;
mod isolation;
mod ladder;
mod memory;
mod startup;
mod throughput;

use std::time::{Duration, Instant};

use results::{Evidence, Experiment, Metric};
use workloads::{Group, Workload};

use crate::backend::{Backend, Instance};
use crate::disturbance::Watch;
use crate::interrupt::Interrupt;
use crate::pin::Pin;
use crate::trial::TrialError;

/// Bytes of a mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

/// How much longer than a virtual machine's deadline to wait: for what it says at its end.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(3);

/// What a trial needs besides its backend.
#[derive(Debug)]
pub struct Rig<'a> {
    /// Where instances run.
    pub pin: Pin,
    /// Whether somebody asked the run to end.
    pub interrupt: &'a Interrupt,
    /// How many instances there may be at a time, where there are many.
    pub extent: density::Extent,
}

impl Rig<'_> {
    /// The same for whoever comes along unasked: with a quarter of the time for many instances at once.
    pub fn in_haste(&self) -> Self {
        let extent = density::Extent { time: self.extent.time / 4, ..self.extent };
        Self { pin: self.pin, interrupt: self.interrupt, extent }
    }

    /// Lets what the kernel does after a trial (freeing a network namespace, a VM) end before the
    /// next one begins.
    ///
    /// It spins rather than sleeps: a CPU that went idle wakes up slowly and cold, which would be
    /// measured with whatever comes first. The kernel's own threads preempt it.
    pub fn settle(&self) {
        let until = Instant::now() + Duration::from_millis(5);
        while Instant::now() < until {
            std::thread::yield_now();
        }
    }

    fn watch(&self) -> Watch {
        Watch::begin(self.pin.cpu())
    }
}

/// One number from one trial, in the metric's own unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was measured.
    pub metric: Metric,
    /// The value, or why this host cannot tell.
    pub value: Result<f64, String>,
}

impl Observation {
    fn new(metric: Metric, value: f64) -> Self {
        Self { metric, value: Ok(value) }
    }

    fn time(metric: Metric, ns: u64) -> Self {
        Self::new(metric, ns as f64)
    }
}

/// What a trial found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Numbers, and what disturbed them.
    Observed(Vec<Observation>, Vec<String>),
    /// The backend cannot do this by design, for this reason.
    NotApplicable(String),
    /// Numbers of many instances.
    Series(density::Series),
}

impl Finding {
    /// Marks every number.
    pub fn mark(&mut self, flag: &str) {
        match self {
            Self::Observed(_, flags) => flags.push(flag.to_owned()),
            Self::Series(series) => {
                series.readings.iter_mut().for_each(|reading| reading.flags.push(flag.to_owned()));
            }
            Self::NotApplicable(_) => {}
        }
    }
}

/// A measurement plan: which workloads, and what one trial does.
pub trait Plan {
    /// Its name in the results.
    fn id(&self) -> Experiment;

    /// One line for `bench list`.
    fn summary(&self) -> &'static str;

    /// The workloads it can run, of the whole catalogue.
    fn workloads(&self) -> Vec<&'static Workload>;

    /// The metric whose interval decides whether there are samples enough.
    fn primary(&self, workload: &Workload) -> Metric;

    /// Memory limit of its instances, in bytes.
    fn memory_bytes(&self) -> u64;

    /// How often a block starts an instance of each backend, at least: for saying beforehand how long it takes.
    fn lives(&self) -> u32 {
        1
    }

    /// Its share of a run's time budget, relative to the others.
    fn share(&self) -> f64;

    /// Runs one trial.
    fn trial(&self, rig: &Rig, backend: &mut dyn Backend, workload: &Workload)
    -> Result<Finding, TrialError>;

    /// Does once, unmeasured, what reads from disk and fills caches.
    fn warm_up(&self, rig: &Rig, backend: &mut dyn Backend, workload: &Workload) -> Result<(), TrialError> {
        self.trial(rig, backend, workload).map(|_| ())
    }

    /// What its trials have shown beside numbers, once they are over.
    fn evidence(&self) -> Vec<Evidence> {
        Vec::new()
    }
}

/// The plan of an experiment, but of `exec`, which is about a program that only its user knows: [`exec::Exec`].
pub fn plan(experiment: Experiment) -> Option<Box<dyn Plan>> {
    Some(match experiment {
        Experiment::Startup => Box::new(startup::Startup),
        Experiment::Memory => Box::new(memory::Memory::default()),
        Experiment::Syscalls => Box::new(throughput::SYSCALLS),
        Experiment::Cpu => Box::new(throughput::CPU),
        Experiment::Density => Box::new(density::Density),
        Experiment::Isolation => Box::new(isolation::Isolation::default()),
        Experiment::Ladder => Box::new(ladder::Ladder::default()),
        Experiment::Exec => return None,
    })
}

/// The plans of some experiments.
pub fn plans(experiments: &[Experiment]) -> Vec<Box<dyn Plan>> {
    experiments.iter().filter_map(|&experiment| plan(experiment)).collect()
}

/// Every experiment, in the order in which `bench all` runs them.
pub const ALL: [Experiment; 7] = [
    Experiment::Startup,
    Experiment::Memory,
    Experiment::Syscalls,
    Experiment::Cpu,
    Experiment::Density,
    Experiment::Isolation,
    Experiment::Ladder,
];

fn of_group(group: Group) -> Vec<&'static Workload> {
    workloads::CATALOGUE.iter().filter(|workload| workload.group == group).collect()
}

/// Adds to the error of an instance that ended early how it ended, which only its reaping tells.
pub(crate) fn explain<T>(
    result: Result<T, TrialError>,
    instance: &mut dyn Instance,
) -> Result<T, TrialError> {
    match result {
        Err(TrialError::Ended { waiting_for, .. }) => {
            let ended = instance.stop(Duration::from_secs(1)).map_err(TrialError::Backend)?;
            let how = ended.failure.unwrap_or_else(|| "exit status 0".to_owned());
            Err(TrialError::Ended { waiting_for, how })
        }
        other => other,
    }
}

//! Memory: what an instance occupies while it idles after READY, told in every way there is, and
//! what one more of them costs the machine, which no accounting rule can hide from.
//!
//! Unit: bytes.

use std::time::{Duration, Instant};

use results::stats::slope;
use results::{Experiment, Metric};
use workloads::{Group, Workload};

use super::host_memory::{available, come_to_rest, in_use};
use super::{Finding, MIB, Observation, Plan, Rig, explain, of_group};
use crate::backend::{Backend, Instance, Job, JobLimits};
use crate::trial::{Follower, TrialError};

const LIMIT: Duration = Duration::from_secs(30);
/// Idle instances at the end of a ramp: enough for the slope to stand out of what else goes on.
const RAMP: Ramp = Ramp { most: 24, time: Duration::from_secs(20) };
/// A ramp that ends early does not end before this many.
const LEAST: usize = 4;
/// After READY an instance still has to reach its idle wait.
const IDLE: Duration = Duration::from_millis(5);

/// How far a ramp goes. One of instances that start slowly or take much memory ends earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    /// Idle instances at its end.
    pub most: usize,
    /// After this time no further one is started.
    pub time: Duration,
}

/// The experiment `memory`.
pub struct Memory;

impl Plan for Memory {
    fn id(&self) -> Experiment {
        Experiment::Memory
    }

    fn summary(&self) -> &'static str {
        "memory of an idle instance: cgroup charge, PSS, USS, guest RAM, VMM; marginal cost of one more"
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        of_group(Group::Startup)
    }

    fn primary(&self, _: &Workload) -> Metric {
        Metric::MarginalMemory
    }

    fn memory_bytes(&self) -> u64 {
        32 * MIB
    }

    fn share(&self) -> f64 {
        0.15
    }

    fn trial(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        workload: &Workload,
    ) -> Result<Finding, TrialError> {
        rig.pin.enter().map_err(TrialError::Backend)?;
        let watch = rig.watch();
        let mut observations = one(rig, backend, workload, self.memory_bytes())?;
        observations.push(marginal(rig, backend, workload, self.memory_bytes(), RAMP)?);
        Ok(Finding::Observed(observations, watch.end()))
    }
}

fn idle(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
    accounted: bool,
) -> Result<Box<dyn Instance>, TrialError> {
    let (args, limits) = (&[workload.name], JobLimits::USUAL);
    let job = Job { args, env: &[], memory_bytes, limits, accounted, deadline: None };
    let mut instance = backend.start(&job).map_err(TrialError::Backend)?;
    let ready = Follower::new(rig.interrupt, LIMIT).ready(&*instance);
    explain(ready, &mut *instance)?;
    Ok(instance)
}

/// All figures of one instance in a cgroup of its own.
fn one(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
) -> Result<Vec<Observation>, TrialError> {
    let mut instance = idle(rig, backend, workload, memory_bytes, true)?;
    std::thread::sleep(IDLE);
    let observations = instance
        .memory()
        .into_iter()
        .map(|(metric, bytes)| Observation { metric, value: bytes.map(|bytes| bytes as f64) })
        .collect();
    end(&mut *instance)?;
    Ok(observations)
}

/// The slope of the machine's memory in use over the number of idle instances, from when it is at rest. They get no
/// accounting cgroup: its own memory would be counted as theirs.
pub(super) fn marginal(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
    ramp: Ramp,
) -> Result<Observation, TrialError> {
    come_to_rest().map_err(TrialError::Backend)?;
    let mut instances = Vec::with_capacity(ramp.most);
    let mut points = Vec::with_capacity(ramp.most + 1);
    let (begun, room) = (Instant::now(), available().map_err(TrialError::Backend)? / 2);
    for count in 0..=ramp.most {
        let is_over = begun.elapsed() > ramp.time || available().map_err(TrialError::Backend)? < room;
        if count > LEAST && is_over {
            break;
        }
        if count > 0 {
            instances.push(idle(rig, backend, workload, memory_bytes, false)?);
        }
        std::thread::sleep(IDLE);
        points.push((count as f64, in_use().map_err(TrialError::Backend)?));
    }
    for mut instance in instances {
        end(&mut *instance)?;
    }
    let value = slope(&points).map(|slope| slope.median).ok_or_else(|| "the ramp has no slope".to_owned());
    Ok(Observation { metric: Metric::MarginalMemory, value })
}

fn end(instance: &mut dyn Instance) -> Result<(), TrialError> {
    let ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    ended.failure.map_or(Ok(()), |how| Err(TrialError::Ended { waiting_for: "a clean exit", how }))
}

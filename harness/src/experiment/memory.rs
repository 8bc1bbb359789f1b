//! Memory: what an instance occupies while it idles after READY, told in every way there is, and
//! what one more of them costs the machine, which no accounting rule can hide from.
//!
//! Unit: bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use results::evidence::MEMORY_OWNERS;
use results::stats::slope;
use results::{Evidence, Experiment, Metric};
use workloads::{Group, Workload};

use super::host_memory::{available, come_to_rest, in_use};
use super::{Finding, MIB, Observation, Plan, Rig, explain, of_group};
use crate::backend::{Backend, Footprint, Instance, Job, JobLimits};
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
#[derive(Debug, Default)]
pub struct Memory {
    /// Whose the memory of an instance is, by backend, where it has several processes.
    owners: RefCell<BTreeMap<&'static str, String>>,
}

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

    fn lives(&self) -> u32 {
        1 + LEAST as u32
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
        let (mut observations, owners) = one(rig, backend, workload, self.memory_bytes())?;
        if let Some(owners) = owners {
            self.owners.borrow_mut().insert(backend.name(), owners);
        }
        // Less where there is little time for all.
        let ramp = Ramp { time: RAMP.time.min(2 * rig.extent.time), ..RAMP };
        observations.push(marginal(rig, backend, workload, self.memory_bytes(), ramp)?);
        Ok(Finding::Observed(observations, watch.end()))
    }

    fn evidence(&self) -> Vec<Evidence> {
        let owners = self.owners.borrow();
        let fact = |(backend, value): (&&'static str, &String)| Evidence {
            backend: (*backend).to_owned(),
            key: MEMORY_OWNERS.to_owned(),
            value: value.clone(),
        };
        owners.iter().map(fact).collect()
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

/// All figures of one instance in a cgroup of its own, and whose its memory is, where there are several.
fn one(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
) -> Result<(Vec<Observation>, Option<String>), TrialError> {
    let mut instance = idle(rig, backend, workload, memory_bytes, true)?;
    std::thread::sleep(IDLE);
    let mut observations: Vec<Observation> = instance
        .memory()
        .into_iter()
        .map(|(metric, bytes)| Observation { metric, value: bytes.map(|bytes| bytes as f64) })
        .collect();
    let daemons = daemon_memory(&*backend);
    let owners = instance.owners();
    observations.extend(daemons);
    let owners = (!owners.is_empty()).then(|| in_words(&owners));
    end(&mut *instance)?;
    Ok((observations, owners))
}

/// What the daemons behind a backend occupy, whoever they work for; nothing where there are none.
fn daemon_memory(backend: &dyn Backend) -> Option<Observation> {
    let daemons = backend.daemons();
    let of = |pid: &i32| Footprint::of(*pid).map(|footprint| footprint.pss as f64);
    (!daemons.is_empty())
        .then(|| Observation { metric: Metric::DaemonMemory, value: daemons.iter().map(of).sum() })
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

/// Processes of one name together, in the order of their names.
fn in_words(owners: &[(String, u64)]) -> String {
    let mut sums: BTreeMap<&str, (u32, u64)> = BTreeMap::new();
    for (name, bytes) in owners {
        let (count, sum) = sums.entry(name).or_default();
        *count += 1;
        *sum += bytes;
    }
    let each = sums.into_iter().map(|(name, (count, bytes))| {
        let times = if count > 1 { format!(" ({count})") } else { String::new() };
        format!("{name}{times} {:.2} MiB", bytes as f64 / MIB as f64)
    });
    format!("USS: {}", each.collect::<Vec<_>>().join(", "))
}

fn end(instance: &mut dyn Instance) -> Result<(), TrialError> {
    let ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    ended.failure.map_or(Ok(()), |how| Err(TrialError::Ended { waiting_for: "a clean exit", how }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_one_name_are_added_up() {
        let owned = |name: &str, bytes| (name.to_owned(), bytes);
        let owners = [owned("runc", 9 * MIB), owned("sh", MIB / 2), owned("sh", MIB)];
        assert_eq!(in_words(&owners), "USS: runc 9.00 MiB, sh (2) 1.50 MiB");
    }
}

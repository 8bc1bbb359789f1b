//! Startup: from the call that starts an instance to the host seeing READY, its phases, the CPU
//! time of its short life, and the way back to nothing.

use std::time::Duration;

use container::now_ns;
use results::{Experiment, Metric};
use workloads::{Group, Workload};

use super::{Finding, LAST_WORDS, MIB, Observation, Plan, Rig, of_group};
use crate::backend::{Backend, Job, JobLimits};
use crate::trial::{Follower, TrialError};

const LIMIT: Duration = Duration::from_secs(60);

/// The experiment `startup`.
pub struct Startup;

impl Plan for Startup {
    fn id(&self) -> Experiment {
        Experiment::Startup
    }

    fn summary(&self) -> &'static str {
        "time from the start call to READY, by phase; time to tear down; CPU time of the instance"
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        of_group(Group::Startup)
    }

    fn primary(&self, _: &Workload) -> Metric {
        Metric::StartupTime
    }

    fn memory_bytes(&self) -> u64 {
        32 * MIB
    }

    fn share(&self) -> f64 {
        0.3
    }

    fn trial(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        workload: &Workload,
    ) -> Result<Finding, TrialError> {
        measure(rig, backend, workload, self.memory_bytes())
    }
}

/// One instance from its start to its end.
pub(super) fn measure(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
) -> Result<Finding, TrialError> {
    rig.pin.enter().map_err(TrialError::Backend)?;
    let job = Job {
        args: &[workload.name],
        env: &[],
        memory_bytes,
        limits: JobLimits::USUAL,
        accounted: false,
        deadline: Some(LIMIT),
    };
    let watch = rig.watch();
    let mut follower = Follower::new(rig.interrupt, LIMIT + LAST_WORDS);
    let daemons = backend.daemon_cpu_time();

    let started = now_ns();
    let mut instance = backend.start(&job).map_err(TrialError::Backend)?;
    let ready = follower.ready(&*instance);
    let ready = super::explain(ready, &mut *instance)?;
    let phases = instance.phases();

    let asked = now_ns();
    let ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    let gone = now_ns();

    if let Some(how) = ended.failure {
        return Err(TrialError::Ended { waiting_for: "a clean exit", how });
    }
    let mut observations = vec![Observation::time(Metric::StartupTime, ready - started)];
    observations.extend(durations(started, &phases, ready));
    observations.push(Observation::time(Metric::TeardownTime, gone - asked));
    observations.push(Observation::time(Metric::CpuTime, ended.cpu_time.as_nanos() as u64));
    // What they do later for this one is in the next one's.
    if let Some((before, after)) = daemons.zip(backend.daemon_cpu_time()) {
        observations
            .push(Observation::time(Metric::DaemonCpuTime, after.saturating_sub(before).as_nanos() as u64));
    }
    if let Some(count) = ended.unknown_syscalls {
        observations.push(Observation::new(Metric::UnknownSyscalls, count as f64));
    }
    Ok(Finding::Observed(observations, watch.end()))
}

/// Turns the ends of the phases into durations that add up to the whole; what comes after the last
/// one, up to READY, is the phase `ready`.
fn durations(started: u64, phases: &[(String, u64)], ready: u64) -> Vec<Observation> {
    let mut from = started;
    let last = ("ready".to_owned(), ready);
    phases
        .iter()
        .chain([&last])
        .map(|(name, end)| {
            let spent = end.saturating_sub(from);
            from = from.max(*end);
            Observation::time(Metric::Phase(name.clone()), spent)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_to_the_startup_time() {
        let phases = [("clone".to_owned(), 130), ("exec".to_owned(), 180)];
        let found: Vec<_> = durations(100, &phases, 250)
            .into_iter()
            .map(|o| (o.metric.to_string(), o.value.unwrap()))
            .collect();
        assert_eq!(
            found,
            [
                ("phase_clone".to_owned(), 30.0),
                ("phase_exec".to_owned(), 50.0),
                ("phase_ready".to_owned(), 70.0)
            ]
        );
    }
}

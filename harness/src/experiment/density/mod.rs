//! Density: many idle instances of one backend at a time. They are started one after another (`serial`), several at
//! once (`parallel`), and with more and more memory (`sizes`).
//!
//! A trial is a *round*: all of this on one backend, which has the machine to itself meanwhile. Samples carry the number of
//! their instance within the round (`results::series`).

mod bounds;
mod parallel;
mod serial;
mod sizes;

use std::time::Duration;

use results::{Experiment, Metric, Status};
use workloads::{Group, Workload};

use super::{Finding, MIB, Plan, Rig, of_group};
use crate::backend::{Backend, Instance, Job, JobLimits};
use crate::trial::TrialError;

use bounds::Descriptors;

/// How long an instance may take to start or to stop; many at once on few CPUs take longer than one.
const LIMIT: Duration = Duration::from_secs(60);

/// How far a round may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Instances at a time, at most.
    pub instances: u32,
    /// Time for one way up, after which no further instance is started.
    pub time: Duration,
}

/// One number of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What was done, e.g. `serial`: the workload's name in the results.
    pub workload: String,
    /// What was measured.
    pub metric: Metric,
    /// Of which instance, from 1, or of how many; 0 if it is of the whole round.
    pub number: u32,
    /// The value, or why there is none.
    pub value: Result<f64, (Status, String)>,
    /// What disturbed it.
    pub flags: Vec<String>,
}

impl Reading {
    fn of(workload: &str, metric: Metric, number: usize, value: f64, flags: Vec<String>) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Self { workload: workload.to_owned(), metric, number, value: Ok(value), flags }
    }
}

/// What a round found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The numbers.
    pub readings: Vec<Reading>,
    /// What ended a way up before as many instances stood as were asked for, by workload.
    pub remarks: Vec<(String, String)>,
}

impl Series {
    fn push(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    fn extend(&mut self, readings: Vec<Reading>) {
        self.readings.extend(readings);
    }

    fn remark(&mut self, workload: &str, why: String) {
        self.remarks.push((workload.to_owned(), why));
    }

    /// Takes in what a part of the round found; one that failed leaves the others alone.
    fn take(&mut self, part: Result<Series, TrialError>, name: &str) -> Result<(), TrialError> {
        match part {
            Ok(part) => {
                self.readings.extend(part.readings);
                self.remarks.extend(part.remarks);
            }
            Err(TrialError::Interrupted) => return Err(TrialError::Interrupted),
            Err(error) => self.push(Reading {
                value: Err((Status::Failed, error.to_string())),
                ..Reading::of(name, Metric::StartupTime, 0, 0.0, Vec::new())
            }),
        }
        Ok(())
    }
}

/// The experiment `density`.
pub struct Density;

impl Density {
    fn job<'a>(&self, args: &'a [&'a str]) -> Job<'a> {
        // No accounting cgroup: its own memory would be counted as the instance's, and its making as the start.
        Job {
            args,
            env: &[],
            memory_bytes: self.memory_bytes(),
            accounted: false,
            deadline: None,
            limits: JobLimits::USUAL,
        }
    }
}

impl Plan for Density {
    fn id(&self) -> Experiment {
        Experiment::Density
    }

    fn summary(&self) -> &'static str {
        "many idle instances: start latency and memory over their number, several starts at once, memory over their size"
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

    fn warm_up(&self, rig: &Rig, backend: &mut dyn Backend, workload: &Workload) -> Result<(), TrialError> {
        rig.pin.enter().map_err(TrialError::Backend)?;
        let (_, mut instance) = serial::start(rig, backend, &self.job(&[workload.name]))?;
        end(&mut *instance)
    }

    fn trial(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        workload: &Workload,
    ) -> Result<Finding, TrialError> {
        let _raised = Descriptors::raise();
        let (backend, args) = (&*backend, [workload.name]);
        let job = self.job(&args);
        let mut series = serial::serial(rig, backend, &job)?;
        for at_once in at_once(rig.pin.cpus(), rig.extent.instances as usize) {
            rig.settle();
            let part = parallel::parallel(rig, backend, &job, at_once);
            series.take(part, &format!("parallel-{at_once}"))?;
        }
        rig.settle();
        series.take(sizes::sizes(rig, backend, &job), "size-32m")?;
        Ok(Finding::Series(series))
    }
}

/// How many starts at once: one, one for each CPU, and more than the CPUs can do at a time; never more than instances
/// are wanted.
fn at_once(cpus: usize, instances: usize) -> Vec<usize> {
    let mut counts = vec![1, cpus, 4 * cpus];
    counts.dedup();
    counts.retain(|&count| count <= instances);
    counts
}

/// Stops an instance that has to end well.
fn end(instance: &mut dyn Instance) -> Result<(), TrialError> {
    let ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    ended.failure.map_or(Ok(()), |how| Err(TrialError::Ended { waiting_for: "a clean exit", how }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_once_follow_the_cpus_and_stay_below_the_instances() {
        assert_eq!(at_once(2, 32), [1, 2, 8]);
        assert_eq!(at_once(1, 32), [1, 4]);
        assert_eq!(at_once(64, 100), [1, 64]);
        assert_eq!(at_once(2, 1), [1]);
    }

    #[test]
    fn a_part_that_fails_leaves_the_others_and_an_interruption_ends_the_round() {
        let mut series = Series::default();
        let failed = TrialError::Backend(anyhow::anyhow!("no room"));
        series.take(Err(failed), "parallel-8").unwrap();
        let mut part = Series::default();
        part.push(Reading::of("parallel-1", Metric::StartupTime, 1, 5.0, Vec::new()));
        series.take(Ok(part), "parallel-1").unwrap();
        let values: Vec<_> = series.readings.iter().map(|reading| reading.value.clone()).collect();
        assert_eq!(values, [Err((Status::Failed, "no room".to_owned())), Ok(5.0)]);
        let interrupted = series.take(Err(TrialError::Interrupted), "parallel-1");
        assert!(matches!(interrupted, Err(TrialError::Interrupted)));
    }
}

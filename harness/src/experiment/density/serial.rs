//! One instance after another, all staying: how long the n-th takes to start, what memory they take together, and how
//! long it takes to stop them all. They run where all experiments' instances do, on one CPU.
//!
//! Units: nanoseconds, bytes.

use container::now_ns;
use results::stats::slope;
use results::{Metric, Status};

use super::bounds::{Bounds, LEAST};
use super::{LIMIT, Reading, Series, end};
use crate::backend::{Backend, Instance, Job};
use crate::experiment::host_memory::in_use;
use crate::experiment::{Rig, explain};
use crate::trial::{Follower, TrialError};

/// Name in the results.
const NAME: &str = "serial";

/// Memory is read about this many times on the way up.
const READINGS: usize = 32;

pub(super) fn serial(rig: &Rig, backend: &dyn Backend, job: &Job) -> Result<Series, TrialError> {
    rig.pin.enter().map_err(TrialError::Backend)?;
    let bounds = Bounds::new(rig.extent).map_err(TrialError::Backend)?;
    let mut series = Series::default();
    let mut instances: Vec<Box<dyn Instance>> = Vec::new();
    rig.settle();
    let before = in_use().map_err(TrialError::Backend)?;
    let mut points = vec![(0.0, 0.0)];
    while instances.len() < bounds.most() {
        if let Some(why) = bounds.limit(instances.len()).map_err(TrialError::Backend)? {
            series.remark(NAME, why);
            break;
        }
        let watch = rig.watch();
        match start(rig, backend, job) {
            Ok((ns, instance)) => {
                instances.push(instance);
                series.push(Reading::of(NAME, Metric::StartupTime, instances.len(), ns as f64, watch.end()));
            }
            Err(TrialError::Interrupted) => return Err(TrialError::Interrupted),
            // The host has no more room for another, whatever it is that there is none of.
            Err(error) if instances.len() >= LEAST => {
                series.remark(NAME, bounds.stopped(instances.len(), &error.to_string()));
                break;
            }
            Err(error) => return Err(error),
        }
        // Whatever the start has left to do, and the instance on its way to its idle wait, is over then: every start
        // finds the machine alike, whether memory is read before it or not.
        rig.settle();
        if is_read(instances.len(), bounds.most()) {
            points.push((instances.len() as f64, in_use().map_err(TrialError::Backend)? - before));
        }
    }
    if bounds.most() == instances.len()
        && let Some(why) = bounds.limit(instances.len()).map_err(TrialError::Backend)?
    {
        series.remark(NAME, why);
    }
    let count = instances.len() as f64;
    if points.last().is_some_and(|point| point.0 < count) {
        points.push((count, in_use().map_err(TrialError::Backend)? - before));
    }

    let asked = now_ns();
    for mut instance in instances {
        end(&mut *instance)?;
    }
    let gone = now_ns();

    for &(count, bytes) in &points[1..] {
        series.push(Reading::of(NAME, Metric::MemoryInUse, count as usize, bytes, Vec::new()));
    }
    let marginal = slope(&points)
        .map(|slope| slope.median)
        .ok_or_else(|| (Status::Unavailable, "the ramp has no slope".to_owned()));
    series.push(Reading { value: marginal, ..Reading::of(NAME, Metric::MarginalMemory, 0, 0.0, Vec::new()) });
    series.push(Reading::of(NAME, Metric::StopAllTime, 0, (gone - asked) as f64, Vec::new()));
    Ok(series)
}

/// Starts one and waits for its READY; how long that took.
pub(super) fn start(
    rig: &Rig,
    backend: &dyn Backend,
    job: &Job,
) -> Result<(u64, Box<dyn Instance>), TrialError> {
    let started = now_ns();
    let mut instance = backend.start(job).map_err(TrialError::Backend)?;
    let ready = Follower::new(rig.interrupt, LIMIT).ready(&*instance);
    let ready = explain(ready, &mut *instance)?;
    Ok((ready - started, instance))
}

/// Whether memory is read at this number of instances: at powers of two, and evenly in between.
fn is_read(count: usize, most: usize) -> bool {
    count.is_power_of_two() || count.is_multiple_of(most.div_ceil(READINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_at_powers_of_two_and_evenly_in_between() {
        let read = |most| (1..=most).filter(|&count| is_read(count, most)).collect::<Vec<_>>();
        assert_eq!(read(5), [1, 2, 3, 4, 5]);
        let many = read(1000);
        assert!([1, 2, 4, 8, 512, 992].iter().all(|count| many.contains(count)), "{many:?}");
        assert!(many.len() < READINGS + 10, "{many:?}");
    }
}

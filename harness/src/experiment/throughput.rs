//! System calls and CPU: the agent runs a workload in batches, the trial's value is the median batch.
//! Many batches of one instance are one observation of that instance, so a trial gives one sample.

use std::time::Duration;

use results::stats::median;
use results::{Experiment, Metric};
use workloads::protocol::Event;
use workloads::{Group, Workload, Yields};

use super::{Finding, LAST_WORDS, MIB, Observation, Plan, Rig, of_group};
use crate::backend::{Backend, Job, JobLimits};
use crate::trial::{Follower, TrialError, unexpected};

const LIMIT: Duration = Duration::from_secs(60);
/// Batches per trial, and the least a batch lasts (design, section 5).
const BATCHES: usize = 5;
const ARGS: [&str; 4] = ["--batches", "5", "--batch-ns", "1000000"];
/// An event wakes the host on another CPU, which a busy or virtual machine delays by up to this time; a
/// smaller disagreement of the clocks over an interval cannot be told from the journey.
const JOURNEY_NS: u64 = 2_000_000;

/// The experiments `syscalls` and `cpu`: they differ in their workloads.
pub struct Throughput {
    id: Experiment,
    group: Group,
    summary: &'static str,
    memory_bytes: u64,
    share: f64,
}

/// Time per system call.
pub const SYSCALLS: Throughput = Throughput {
    id: Experiment::Syscalls,
    group: Group::Syscalls,
    summary: "time per system call, over calls that span the kernel",
    memory_bytes: 32 * MIB,
    share: 0.3,
};

/// Computation and the memory system.
pub const CPU: Throughput = Throughput {
    id: Experiment::Cpu,
    group: Group::Cpu,
    summary: "computation, memory bandwidth and latency, first-touch page faults",
    memory_bytes: 256 * MIB,
    share: 0.3,
};

impl Plan for Throughput {
    fn id(&self) -> Experiment {
        self.id
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        of_group(self.group)
    }

    fn primary(&self, workload: &Workload) -> Metric {
        match workload.yields {
            Yields::TimePerOp => Metric::TimePerOp,
            Yields::Bandwidth => Metric::Bandwidth,
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    fn lives(&self) -> u32 {
        self.workloads().len() as u32
    }

    fn share(&self) -> f64 {
        self.share
    }

    fn trial(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        workload: &Workload,
    ) -> Result<Finding, TrialError> {
        measure(rig, backend, workload, self.memory_bytes, true)
    }
}

/// One instance that runs the workload to its end. `accounted` is as in [`Job`].
pub(super) fn measure(
    rig: &Rig,
    backend: &mut dyn Backend,
    workload: &Workload,
    memory_bytes: u64,
    accounted: bool,
) -> Result<Finding, TrialError> {
    rig.pin.enter().map_err(TrialError::Backend)?;
    let args = [workload.name, ARGS[0], ARGS[1], ARGS[2], ARGS[3]];
    let deadline = Some(LIMIT);
    let limits = JobLimits::USUAL;
    let job = Job { args: &args, env: &[], memory_bytes, limits, accounted, deadline };
    let watch = rig.watch();
    let mut follower = Follower::new(rig.interrupt, LIMIT + LAST_WORDS);

    let mut instance = backend.start(&job).map_err(TrialError::Backend)?;
    rig.pin.leave().map_err(TrialError::Backend)?;
    let mut batches = Batches::default();
    let skipped = loop {
        let next = follower.ready_or_next(&*instance, &mut batches);
        match super::explain(next, &mut *instance)? {
            Step::More => {}
            Step::Done => break None,
            Step::Skip(reason) => break Some(reason),
        }
    };
    let ended = instance.stop(LIMIT).map_err(TrialError::Backend)?;
    if let Some(how) = ended.failure {
        return Err(TrialError::Ended { waiting_for: "a clean exit", how });
    }
    if let Some(reason) = skipped {
        return Ok(Finding::NotApplicable(reason));
    }
    let mut flags = watch.end();
    flags.extend(batches.clock_flag());
    let mut observations = vec![batches.observation(workload)?];
    if let Some(count) = ended.unknown_syscalls {
        observations.push(Observation::new(Metric::UnknownSyscalls, count as f64));
    }
    Ok(Finding::Observed(observations, flags))
}

enum Step {
    More,
    Done,
    Skip(String),
}

impl Follower<'_> {
    fn ready_or_next(
        &mut self,
        instance: &dyn crate::backend::Instance,
        batches: &mut Batches,
    ) -> Result<Step, TrialError> {
        const WANTED: &str = "the workload's results";
        let Some(stamped) = self.next(instance, WANTED)? else {
            return Err(TrialError::Ended { waiting_for: WANTED, how: String::new() });
        };
        match stamped.event {
            Event::Ready if !batches.ready => batches.ready = true,
            Event::Begin { clock_ns } if batches.ready && batches.begin.is_none() => {
                batches.begin = Some((clock_ns, stamped.at_ns));
            }
            Event::Sample { ops, ns }
                if batches.begin.is_some() && ops > 0 && ns > 0 && batches.samples.len() < BATCHES =>
            {
                batches.samples.push((ops, ns));
            }
            Event::End { clock_ns } if batches.begin.is_some() && batches.end.is_none() => {
                batches.end = Some((clock_ns, stamped.at_ns));
            }
            Event::Skip { reason } if batches.ready => return Ok(Step::Skip(reason)),
            Event::Done if batches.end.is_some() => return Ok(Step::Done),
            other => return Err(unexpected(WANTED, &other)),
        }
        Ok(Step::More)
    }
}

/// What the agent reported, with the host's view of the same interval.
#[derive(Debug, Default)]
struct Batches {
    ready: bool,
    /// (agent's clock, host's clock)
    begin: Option<(u64, u64)>,
    samples: Vec<(u64, u64)>,
    end: Option<(u64, u64)>,
}

impl Batches {
    fn observation(&self, workload: &Workload) -> Result<Observation, TrialError> {
        let value = |per: &dyn Fn(u64, u64) -> f64| {
            let values: Vec<f64> = self.samples.iter().map(|&(ops, ns)| per(ops, ns)).collect();
            median(&values).ok_or(TrialError::Unexpected {
                waiting_for: "the workload's results",
                said: "that it is done, without a single batch".to_owned(),
            })
        };
        Ok(match workload.yields {
            Yields::TimePerOp => {
                Observation::new(Metric::TimePerOp, value(&|ops, ns| ns as f64 / ops as f64)?)
            }
            Yields::Bandwidth => {
                Observation::new(Metric::Bandwidth, value(&|bytes, ns| bytes as f64 * 1e9 / ns as f64)?)
            }
        })
    }

    /// Marks the trial if agent and host disagree by over 1 % on how long it took.
    fn clock_flag(&self) -> Option<String> {
        let ((begin, seen_begin), (end, seen_end)) = (self.begin?, self.end?);
        let inside = end.saturating_sub(begin);
        let outside = seen_end.saturating_sub(seen_begin);
        let apart = inside.abs_diff(outside);
        (apart > outside / 100 && apart > JOURNEY_NS).then(|| "clock".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(inside: u64, outside: u64) -> Batches {
        Batches { begin: Some((1_000, 5)), end: Some((1_000 + inside, 5 + outside)), ..Batches::default() }
    }

    #[test]
    fn a_guest_clock_that_runs_two_per_cent_slow_marks_the_trial() {
        assert_eq!(interval(196_000_000, 200_000_000).clock_flag().as_deref(), Some("clock"));
        assert_eq!(interval(99_500_000, 100_000_000).clock_flag(), None);
    }

    #[test]
    fn the_journey_of_an_event_does_not_mark_a_short_trial() {
        assert_eq!(interval(5_000_000, 6_500_000).clock_flag(), None);
    }

    #[test]
    fn an_agent_clock_that_runs_backwards_marks_the_trial() {
        let batches = Batches { begin: Some((900, 0)), end: Some((100, 50_000_000)), ..Batches::default() };
        assert_eq!(batches.clock_flag().as_deref(), Some("clock"));
    }
}

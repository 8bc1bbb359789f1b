//! The neighbour: an instance that measures itself in short batches, one after the other without a pause, while something
//! else tries its limits beside it.
//!
//! Unit: nanoseconds. Invariant: a batch counts as alone or as beside only if it lies in such a stretch as a whole.

use std::time::Duration;

use workloads::protocol::Event;

use super::{LIMIT, MEMORY};
use crate::backend::{Backend, Instance, Job, JobLimits};
use crate::experiment::{LAST_WORDS, Rig, explain};
use crate::trial::{Follower, TrialError, unexpected};

const NAME: &str = "victim";
const WANTED: &str = "the neighbour's batches";
/// After something is gone the kernel still cleans up behind it.
const AFTER: Duration = Duration::from_millis(5);

/// A running neighbour.
pub(super) struct Neighbour<'a> {
    instance: Box<dyn Instance>,
    follower: Follower<'a>,
    /// Its clock, and the host's, when it began.
    begun: (u64, u64),
}

/// One batch in the host's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    from: u64,
    to: u64,
    ops: u64,
    ns: u64,
}

/// A neighbour's whole life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline(Vec<Batch>);

/// When the neighbour was alone and when not, in the host's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretches {
    /// It was alone up to then, when the other was started,
    pub alone_until: u64,
    /// beside it between these,
    pub beside: (u64, u64),
    /// and alone again once the other was gone.
    pub alone_again: u64,
}

impl<'a> Neighbour<'a> {
    /// Starts one on its own CPU, for so many batches of at least so many nanoseconds; returns once it measures.
    pub fn start(
        rig: &Rig<'a>,
        backend: &mut dyn Backend,
        [batches, batch_ns]: [&str; 2],
    ) -> Result<Self, TrialError> {
        rig.pin.enter_neighbour().map_err(TrialError::Backend)?;
        let args = [NAME, "--batches", batches, "--batch-ns", batch_ns];
        let (memory_bytes, limits, deadline) = (MEMORY, JobLimits::USUAL, Some(LIMIT));
        let job = Job { args: &args, env: &[], memory_bytes, limits, accounted: true, deadline };
        let mut follower = Follower::new(rig.interrupt, LIMIT + LAST_WORDS);
        let mut instance = backend.start(&job).map_err(TrialError::Backend)?;
        // Off its CPU, if there is another.
        rig.pin.enter().map_err(TrialError::Backend)?;
        let ready = follower.ready(&*instance);
        explain(ready, &mut *instance)?;
        let begun = next(&mut follower, &mut *instance)?;
        let (Event::Begin { clock_ns }, at_ns) = begun else { return Err(unexpected(WANTED, &begun.0)) };
        Ok(Self { instance, follower, begun: (clock_ns, at_ns) })
    }

    /// Waits for its end.
    pub fn end(mut self) -> Result<Timeline, TrialError> {
        let mut batches = Vec::new();
        let end = loop {
            match next(&mut self.follower, &mut *self.instance)?.0 {
                Event::Sample { ops, ns } => batches.push((ops, ns)),
                Event::End { clock_ns } => break clock_ns,
                other => return Err(unexpected(WANTED, &other)),
            }
        };
        match next(&mut self.follower, &mut *self.instance)?.0 {
            Event::Done => {}
            other => return Err(unexpected(WANTED, &other)),
        }
        let ended = self.instance.stop(LIMIT).map_err(TrialError::Backend)?;
        if let Some(how) = ended.failure {
            return Err(TrialError::Ended { waiting_for: "a clean exit of the neighbour", how });
        }
        Ok(Timeline::of(self.begun, end, &batches))
    }
}

fn next(follower: &mut Follower, instance: &mut dyn Instance) -> Result<(Event, u64), TrialError> {
    let stamped = match follower.next(instance, WANTED)? {
        Some(stamped) => Ok((stamped.event, stamped.at_ns)),
        None => Err(TrialError::Ended { waiting_for: WANTED, how: String::new() }),
    };
    explain(stamped, instance)
}

impl Timeline {
    /// Batches follow each other; the little that is between them (reading the clock) is spread over them. The host has
    /// seen the beginning at most the journey of an event too late.
    fn of((clock, host): (u64, u64), end: u64, batches: &[(u64, u64)]) -> Self {
        let sum: u64 = batches.iter().map(|batch| batch.1).sum();
        let stretch = end.saturating_sub(clock) as f64 / sum.max(1) as f64;
        let place = |spent: u64| host + (spent as f64 * stretch) as u64;
        let mut spent = 0;
        let batch = |&(ops, ns): &(u64, u64)| {
            let from = place(spent);
            spent += ns;
            Batch { from, to: place(spent), ops, ns }
        };
        Self(batches.iter().map(batch).collect())
    }

    /// Time per operation beside something, over that alone; the whole of each stretch, its worst moments included.
    pub fn slowdown(&self, stretches: &Stretches) -> Result<f64, String> {
        let after = stretches.alone_again + AFTER.as_nanos() as u64;
        let alone = self.time_per_op(|batch| batch.to <= stretches.alone_until || batch.from >= after);
        let (from, to) = stretches.beside;
        let beside = self.time_per_op(|batch| batch.from >= from && batch.to <= to);
        match (alone, beside) {
            (Some(alone), Some(beside)) => Ok(beside / alone),
            (None, _) => Err("not one batch of the neighbour was over before it had company".to_owned()),
            (_, None) => {
                Err("not one batch of the neighbour lay between the other's READY and its end".to_owned())
            }
        }
    }

    fn time_per_op(&self, counts: impl Fn(&Batch) -> bool) -> Option<f64> {
        let (ops, ns) = self
            .0
            .iter()
            .filter(|batch| counts(batch))
            .fold((0, 0), |(ops, ns), batch| (ops + batch.ops, ns + batch.ns));
        (ops > 0).then(|| ns as f64 / ops as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest's clock reads 100 when the host's reads 1000; four batches of 10 ns, then two slow ones.
    fn timeline() -> Timeline {
        Timeline::of((100, 1000), 180, &[(5, 10), (5, 10), (5, 10), (5, 10), (5, 20), (5, 20)])
    }

    #[test]
    fn batches_lie_in_the_hosts_time_one_after_the_other() {
        let Timeline(batches) = timeline();
        assert_eq!(batches[0], Batch { from: 1000, to: 1010, ops: 5, ns: 10 });
        assert_eq!(batches[5], Batch { from: 1060, to: 1080, ops: 5, ns: 20 });
    }

    #[test]
    fn a_neighbour_that_takes_twice_as_long_beside_a_hog_is_slowed_down_twofold() {
        let stretches = Stretches { alone_until: 1025, beside: (1040, 1080), alone_again: 1090 };
        assert_eq!(timeline().slowdown(&stretches), Ok(2.0));
    }

    #[test]
    fn a_batch_that_lies_in_no_stretch_as_a_whole_does_not_count() {
        let none_beside = Stretches { alone_until: 1025, beside: (1041, 1079), alone_again: 1090 };
        assert!(timeline().slowdown(&none_beside).unwrap_err().contains("READY"));
        let none_alone = Stretches { alone_until: 1005, beside: (1040, 1080), alone_again: 1090 };
        assert!(timeline().slowdown(&none_alone).unwrap_err().contains("company"));
    }
}

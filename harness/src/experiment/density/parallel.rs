//! Several starts at once: K threads start instance after instance until there are as many as wanted, on all CPUs that
//! `bench` may use; the latency of each start and how many become READY in a second. Then all are stopped at once.
//!
//! Unit: nanoseconds. Invariant: an instance lives and ends on the thread that started it, since the kernel kills it when
//! that thread ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, anyhow};
use container::now_ns;
use results::Metric;

use super::bounds::{Bounds, LEAST};
use super::serial::start;
use super::{Reading, Series, end};
use crate::backend::{Backend, Instance, Job};
use crate::disturbance::Watch;
use crate::experiment::Rig;
use crate::trial::TrialError;

/// What the threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Wait until all threads are there.
    Gather,
    /// Start instances, then wait.
    Start,
    /// Stop them.
    Stop,
    /// Kill them: something failed, or somebody interrupted.
    Abandon,
}

/// What the threads share.
struct Shared<'a> {
    rig: &'a Rig<'a>,
    backend: &'a dyn Backend,
    job: &'a Job<'a>,
    bounds: &'a Bounds,
    /// Starts taken on.
    taken: AtomicUsize,
    /// Instances that are READY.
    ready: AtomicUsize,
    phase: Mutex<Phase>,
    turn: Condvar,
}

/// What a thread did until all instances stood.
#[derive(Default)]
struct Started {
    /// When each start was called, and when its READY came.
    starts: Vec<(u64, u64)>,
    limit: Option<String>,
}

impl Shared<'_> {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        // A phase is a plain value: a thread that panicked cannot have left it half-written.
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        *self.phase() = phase;
        self.turn.notify_all();
    }

    /// Waits until the phase is no longer this one.
    fn leave(&self, phase: Phase) -> Phase {
        let waited = self.turn.wait_while(self.phase(), |now| *now == phase);
        *waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life. Returns when the last of its instances was gone.
    fn work(&self, report: &Sender<Result<Started, TrialError>>) -> Result<u64, TrialError> {
        if self.leave(Phase::Gather) == Phase::Abandon {
            return Ok(now_ns());
        }
        let mut instances = Vec::new();
        // Fails only if nobody waits any more, and then the phase says so.
        let _ = report.send(self.start_all(&mut instances));
        if self.leave(Phase::Start) == Phase::Stop {
            for instance in &mut instances {
                end(&mut **instance)?;
            }
        }
        drop(instances);
        Ok(now_ns())
    }

    fn start_all(&self, instances: &mut Vec<Box<dyn Instance>>) -> Result<Started, TrialError> {
        let mut done = Started::default();
        self.rig.pin.spread().map_err(TrialError::Backend)?;
        while self.taken.fetch_add(1, Ordering::Relaxed) < self.bounds.most() {
            let running = self.ready.load(Ordering::Relaxed);
            done.limit = self.bounds.limit(running).map_err(TrialError::Backend)?;
            if done.limit.is_some() {
                break;
            }
            let from = now_ns();
            match start(self.rig, self.backend, self.job) {
                Ok((ns, instance)) => {
                    instances.push(instance);
                    self.ready.fetch_add(1, Ordering::Relaxed);
                    done.starts.push((from, from + ns));
                }
                Err(TrialError::Interrupted) => return Err(TrialError::Interrupted),
                Err(error) if self.ready.load(Ordering::Relaxed) >= LEAST => {
                    done.limit = Some(self.bounds.stopped(running, &error.to_string()));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// Starts instances, `at_once` at a time.
pub(super) fn parallel(
    rig: &Rig,
    backend: &dyn Backend,
    job: &Job,
    at_once: usize,
) -> Result<Series, TrialError> {
    let name = format!("parallel-{at_once}");
    let bounds = &Bounds::new(rig.extent).map_err(TrialError::Backend)?;
    // This thread only waits; where it does so must not matter.
    rig.pin.spread().map_err(TrialError::Backend)?;
    let shared = &Shared {
        rig,
        backend,
        job,
        bounds,
        taken: AtomicUsize::new(0),
        ready: AtomicUsize::new(0),
        phase: Mutex::new(Phase::Gather),
        turn: Condvar::new(),
    };
    thread::scope(|scope| {
        let (mut workers, mut reports) = (Vec::new(), Vec::new());
        for _ in 0..at_once {
            let (report, reported) = mpsc::channel();
            let worker = thread::Builder::new().spawn_scoped(scope, move || shared.work(&report));
            match worker.context("start a thread that starts instances") {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    shared.enter(Phase::Abandon);
                    return Err(TrialError::Backend(error));
                }
            }
            reports.push(reported);
        }
        rig.settle();
        let watch = Watch::begin(None);
        shared.enter(Phase::Start);
        let all = gather(&reports);
        let flags = watch.end();
        let asked = now_ns();
        shared.enter(if all.is_ok() { Phase::Stop } else { Phase::Abandon });
        let mut gone = asked;
        let mut stopped = Ok(());
        for worker in workers {
            match worker.join().unwrap_or_else(|_| Err(broken())) {
                Ok(at) => gone = gone.max(at),
                Err(error) => stopped = Err(error),
            }
        }
        let all = all?;
        stopped?;

        let mut series = Series::default();
        series.extend(readings(&name, &all.starts, &flags));
        series.push(Reading::of(&name, Metric::StopAllTime, 0, (gone - asked) as f64, flags));
        if let Some(why) = all.limit {
            series.remark(&name, why);
        }
        Ok(series)
    })
}

/// Waits for all threads and puts together what they did. Of several errors an interruption counts most.
fn gather(reports: &[Receiver<Result<Started, TrialError>>]) -> Result<Started, TrialError> {
    let mut all = Started::default();
    let mut failed = None;
    for report in reports {
        match report.recv().unwrap_or_else(|_| Err(broken())) {
            Ok(started) => {
                all.starts.extend(started.starts);
                all.limit = all.limit.or(started.limit);
            }
            Err(error) if matches!(failed, Some(TrialError::Interrupted)) => drop(error),
            Err(error) => failed = Some(error),
        }
    }
    all.starts.sort_unstable();
    failed.map_or(Ok(all), Err)
}

fn broken() -> TrialError {
    TrialError::Backend(anyhow!("a thread that starts instances broke off"))
}

/// The latency of each start, numbered as they began, and how many a second became READY.
fn readings(name: &str, starts: &[(u64, u64)], flags: &[String]) -> Vec<Reading> {
    let latency = |(place, &(from, to)): (usize, &(u64, u64))| {
        Reading::of(name, Metric::StartupTime, place + 1, (to - from) as f64, flags.to_vec())
    };
    let mut readings: Vec<Reading> = starts.iter().enumerate().map(latency).collect();
    let first = starts.iter().map(|(from, _)| *from).min();
    let last = starts.iter().map(|(_, to)| *to).max();
    if let (Some(first), Some(last)) = (first, last)
        && last > first
    {
        let rate = starts.len() as f64 * 1e9 / (last - first) as f64;
        readings.push(Reading::of(name, Metric::StartRate, 0, rate, flags.to_vec()));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_from_the_first_start_to_the_last_ready() {
        let starts = [(1_000, 501_000), (2_000, 400_000), (501_000, 1_001_000)];
        let found = readings("parallel-2", &starts, &[]);
        let values: Vec<f64> = found.iter().filter_map(|reading| reading.value.clone().ok()).collect();
        assert_eq!(values, [500_000.0, 398_000.0, 500_000.0, 3.0 * 1e9 / 1e6]);
        assert_eq!(found.iter().map(|reading| reading.number).collect::<Vec<_>>(), [1, 2, 3, 0]);
        assert_eq!(readings("parallel-2", &[], &[]), []);
    }
}

//! Exec: a program of the user's from the call that starts it to its exit having been reaped.
//!
//! A trial runs it as its backend would in real life, and times that. In the first blocks it runs it once more before, in a
//! cgroup of its own whatever the backend, for its peak of memory: making that cgroup, and joining it, is no part of a bare
//! process's life and would be in the time. Every end, timed or not, must be the same (`ledger`).

mod follow;
mod ledger;

use std::cell::RefCell;
use std::time::Duration;

use container::now_ns;
use results::{Evidence, Experiment, Metric};
use workloads::Workload;

use self::follow::{Gone, follow};
use self::ledger::{Ledger, Verdict};
use super::{Finding, MIB, Observation, Plan, Rig};
use crate::backend::{Backend, Job, JobLimits, NotApplicable};
use crate::trial::TrialError;

/// Trials of a backend that ask for its memory. A peak hardly varies, and each costs as much time as a timed run.
const MEMORY_TRIALS: usize = 5;

/// How long the way from the exit to nothing may take.
const REMOVAL: Duration = Duration::from_secs(60);

/// The experiment `exec`.
#[derive(Debug)]
pub struct Exec {
    workload: &'static Workload,
    memory_bytes: u64,
    timeout: Duration,
    ledger: RefCell<Ledger>,
    /// Who was asked for its memory, once for every time.
    asked: RefCell<Vec<&'static str>>,
}

impl Exec {
    /// Of the payload of the run's backends, under the name `name`.
    pub fn new(name: String, memory_bytes: u64, timeout: Duration) -> Self {
        // One small value for the one program that a process of `bench` runs.
        let workload = Box::leak(Box::new(Workload::of_program(name.leak())));
        Self { workload, memory_bytes, timeout, ledger: RefCell::default(), asked: RefCell::default() }
    }

    /// Runs the program once; or says why this backend never will.
    fn once(
        &self,
        rig: &Rig,
        backend: &mut dyn Backend,
        accounted: bool,
    ) -> Result<Result<Once, String>, TrialError> {
        rig.pin.enter().map_err(TrialError::Backend)?;
        let job = Job {
            args: &[],
            env: &[],
            memory_bytes: self.memory_bytes,
            limits: JobLimits::USUAL,
            accounted,
            // Whoever does not end in time is killed below, alike in all backends.
            deadline: None,
        };
        let started = now_ns();
        let mut instance = match backend.start(&job) {
            Ok(instance) => instance,
            Err(error) => {
                return error.downcast().map(|NotApplicable(why)| Err(why)).map_err(TrialError::Backend);
            }
        };
        // It is at work now, and what it writes is to be read beside it.
        rig.pin.leave().map_err(TrialError::Backend)?;
        let Gone { at_ns, mut ended, output } = follow(&mut *instance, rig.interrupt, self.timeout)?;
        // Before the cgroup goes.
        let peak = match instance.cgroup().map(|cgroup| cgroup.memory()) {
            Some(Ok(memory)) => {
                memory.peak.ok_or("the kernel keeps no peak of a cgroup (v2 before Linux 5.19)".to_owned())
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the instance has no cgroup of its own on this host".to_owned()),
        };
        let out_of_memory = instance.cgroup().and_then(|cgroup| cgroup.oom_kills().ok().flatten()) > Some(0);
        if ended.status.is_none() && out_of_memory {
            let limit = self.memory_bytes / MIB;
            ended.failure = Some(format!("killed at its limit of {limit} MiB of memory; --memory raises it"));
        }
        instance.stop(REMOVAL).map_err(TrialError::Backend)?;
        match self.ledger.borrow_mut().judge(backend.name(), &ended, output)? {
            Verdict::Lacks(why) => Ok(Err(why)),
            Verdict::Same => Ok(Ok(Once {
                wall_ns: at_ns - started,
                cpu_time: ended.cpu_time,
                peak,
                unknown_syscalls: ended.unknown_syscalls,
            })),
        }
    }

    /// Whether this trial asks for memory, too.
    fn asks_for_memory(&self, backend: &'static str) -> bool {
        let mut asked = self.asked.borrow_mut();
        let asks = asked.iter().filter(|name| **name == backend).count() < MEMORY_TRIALS;
        asked.extend(asks.then_some(backend));
        asks
    }
}

/// One run of the program.
struct Once {
    wall_ns: u64,
    cpu_time: Duration,
    peak: Result<u64, String>,
    unknown_syscalls: Option<u64>,
}

impl Plan for Exec {
    fn id(&self) -> Experiment {
        Experiment::Exec
    }

    fn summary(&self) -> &'static str {
        "a program of the user's: time from the start call to its exit, CPU time, peak memory"
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        vec![self.workload]
    }

    fn primary(&self, _: &Workload) -> Metric {
        Metric::WallTime
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    fn share(&self) -> f64 {
        1.0
    }

    fn trial(&self, rig: &Rig, backend: &mut dyn Backend, _: &Workload) -> Result<Finding, TrialError> {
        if let Some(error) = self.ledger.borrow_mut().kept(backend.name()) {
            return Err(error);
        }
        let mut observations = Vec::new();
        if self.asks_for_memory(backend.name()) {
            match self.once(rig, backend, true)? {
                Ok(Once { peak, .. }) => {
                    let value = peak.map(|bytes| bytes as f64);
                    observations.push(Observation { metric: Metric::PeakMemory, value });
                }
                Err(why) => return Ok(Finding::NotApplicable(why)),
            }
            rig.settle();
        }
        let watch = rig.watch();
        let Once { wall_ns, cpu_time, unknown_syscalls, .. } = match self.once(rig, backend, false)? {
            Ok(once) => once,
            Err(why) => return Ok(Finding::NotApplicable(why)),
        };
        let flags = watch.end();
        let mut all = vec![
            Observation::time(Metric::WallTime, wall_ns),
            Observation::time(Metric::CpuTime, cpu_time.as_nanos() as u64),
        ];
        all.append(&mut observations);
        all.extend(unknown_syscalls.map(|count| Observation::new(Metric::UnknownSyscalls, count as f64)));
        Ok(Finding::Observed(all, flags))
    }

    /// Twice: who contradicts itself is then known before anyone is compared with it.
    fn warm_up(&self, rig: &Rig, backend: &mut dyn Backend, _: &Workload) -> Result<(), TrialError> {
        for accounted in [true, false] {
            match self.once(rig, backend, accounted) {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Ok(()),
                // Waiting for it once more would tell nothing new.
                Err(error) if error.is_final() => {
                    self.ledger.borrow_mut().keep(backend.name(), error);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn evidence(&self) -> Vec<Evidence> {
        self.ledger.borrow().evidence()
    }
}

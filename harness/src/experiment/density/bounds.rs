//! How many instances a ramp or a burst may start: what was asked for, or less where the host has not got it. Half of
//! what is free stays free, so that a laptop goes on working.
//!
//! Invariant: a limit that ends a ramp is named, with what would lift it if anything does.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::{Current, LoadAverage};

use super::Extent;
use crate::experiment::host_memory::available;

/// Fewer than this say nothing about a slope; they are started whatever the time.
pub(super) const LEAST: usize = 4;

/// File descriptors that `bench` holds for an instance, at most: pipes, a pidfd, the files of its cgroup.
const DESCRIPTORS: u64 = 8;
/// File descriptors of everything else, those in flight while instances start included.
const OTHER_DESCRIPTORS: u64 = 256;
/// Tasks of an instance, at most: a VMM has a thread for its vCPU.
const TASKS: u64 = 2;

/// What ends a ramp.
#[derive(Debug)]
pub(super) struct Bounds {
    most: usize,
    /// Why not as many as asked for.
    why: Option<String>,
    asked: usize,
    until: Instant,
    /// What must stay available, in bytes.
    reserve: u64,
}

impl Bounds {
    /// As wide as the host allows now.
    pub fn new(extent: Extent) -> Result<Self> {
        let asked = extent.instances as usize;
        let (descriptors, tasks) = (free_descriptors()?, free_tasks());
        let counts = [
            (descriptors / DESCRIPTORS, "file descriptors (raise the hard limit: ulimit -Hn)"),
            (
                tasks / TASKS,
                "half of the processes that the kernel still allows (kernel.pid_max, kernel.threads-max)",
            ),
        ];
        let (mut most, mut why) = (asked, None);
        for (count, what) in counts {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if count < most {
                (most, why) = (count, Some(what.to_owned()));
            }
        }
        Ok(Self { most, why, asked, until: Instant::now() + extent.time, reserve: available()? / 2 })
    }

    /// Instances to start at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Why `running` instances are all, before as many were started as were asked for.
    pub fn limit(&self, running: usize) -> Result<Option<String>> {
        if running >= self.most {
            return Ok(self.why.as_ref().map(|why| self.stopped(running, why)));
        }
        if available()? < self.reserve {
            return Ok(Some(self.stopped(running, "half of the free memory is in use")));
        }
        if running >= LEAST && Instant::now() > self.until {
            let why = "its share of the time budget is spent (--time-budget, --instances)";
            return Ok(Some(self.stopped(running, why)));
        }
        Ok(None)
    }

    /// Says that an instance did not start although nothing here stood against it.
    pub fn stopped(&self, running: usize, why: &str) -> String {
        format!("stopped at {running} of {} instances: {why}", self.asked)
    }
}

fn free_descriptors() -> Result<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of file descriptors")?;
    let held = fs::read_dir("/proc/self/fd").context("read /proc/self/fd")?.count() as u64;
    Ok(soft.saturating_sub(held + OTHER_DESCRIPTORS))
}

/// Half of what the kernel still allows; a limit of the user's or of a cgroup's shows when it is met.
fn free_tasks() -> u64 {
    let limit = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
    let most = limits.into_iter().filter_map(limit).min().unwrap_or(u64::MAX);
    let tasks = LoadAverage::current().map_or(0, |load| load.max);
    most.saturating_sub(u64::from(tasks)) / 2
}

/// The limit of file descriptors, raised as far as the host allows; dropping it puts the old one back.
#[derive(Debug)]
pub(super) struct Descriptors {
    before: Option<(u64, u64)>,
}

impl Descriptors {
    pub fn raise() -> Self {
        let raised = |(soft, hard): &(u64, u64)| {
            soft < hard && setrlimit(Resource::RLIMIT_NOFILE, *hard, *hard).is_ok()
        };
        Self { before: getrlimit(Resource::RLIMIT_NOFILE).ok().filter(raised) }
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        if let Some((soft, hard)) = self.before {
            // Lowering a soft limit is always allowed.
            let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bounds(instances: u32, time: Duration) -> Bounds {
        Bounds::new(Extent { instances, time }).unwrap()
    }

    #[test]
    fn as_many_as_asked_for_is_no_limit() {
        let bounds = bounds(5, Duration::from_secs(60));
        assert_eq!((bounds.most(), bounds.limit(4).unwrap(), bounds.limit(5).unwrap()), (5, None, None));
    }

    #[test]
    fn a_spent_time_ends_a_ramp_but_not_before_the_least() {
        let bounds = bounds(10, Duration::ZERO);
        assert_eq!(bounds.limit(LEAST - 1).unwrap(), None);
        let why = bounds.limit(LEAST).unwrap().unwrap();
        assert!(why.contains("4 of 10 instances") && why.contains("time budget"), "{why}");
    }

    #[test]
    fn more_than_there_are_descriptors_or_processes_is_cut_and_said() {
        let bounds = bounds(u32::MAX, Duration::from_secs(60));
        assert!(bounds.most() < u32::MAX as usize);
        let why = bounds.limit(bounds.most()).unwrap().unwrap();
        assert!(why.contains("descriptors") || why.contains("processes"), "{why}");
    }

    #[test]
    fn a_reserve_that_is_touched_ends_a_ramp_at_once() {
        let bounds = Bounds { reserve: u64::MAX, ..bounds(10, Duration::from_secs(60)) };
        assert!(bounds.limit(0).unwrap().unwrap().contains("half of the free memory"));
    }
}

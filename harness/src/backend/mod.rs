//! A backend is a way to run a payload, usually the agent. An experiment sees only the two traits below and never
//! asks which backend it holds; adding one is a file here and a line in [`all`].
//!
//! Times are `CLOCK_MONOTONIC` nanoseconds of the host, sizes are bytes.

pub mod adapter;
mod calls;
mod container;
pub mod delayed;
mod footprint;
mod guest;
mod linux;
mod microvm;
mod native;
mod payload;
mod process;
mod rungs;
mod vm;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::container::cgroup::Cgroup;
use anyhow::Result;
use results::{Experiment, Metric};

pub use self::payload::{Payload, Place};
use crate::scratch::Scratch;

/// Facts about a backend for the results: what isolates it, which limits hold.
pub type Details = BTreeMap<String, String>;

/// What an instance is to run, and under which limits.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Arguments of the agent, the workload's name and its options; they follow those of the payload itself.
    pub args: &'a [&'a str],
    /// Its environment, with that of the payload the whole of it: names and values.
    pub env: &'a [(&'a str, &'a str)],
    /// Memory limit: the guest's size, the cgroup's limit.
    pub memory_bytes: u64,
    /// Its other limits, where it sits in a cgroup.
    pub limits: JobLimits,
    /// Whether the instance must sit in a cgroup of its own even if the backend needs none, so that
    /// memory and limits are accounted alike. Creating that cgroup is part of [`Backend::start`],
    /// hence never asked for where the start is what is timed.
    pub accounted: bool,
    /// How long a virtual machine may live; at its end it says what its console said last. Other
    /// instances have no last words and are killed by whoever waits for them.
    pub deadline: Option<Duration>,
}

/// What an instance in a cgroup may use beside memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobLimits {
    /// CPU time per time.
    pub cpu: f64,
    /// Processes and threads, its own first one included.
    pub pids: u64,
}

impl JobLimits {
    /// What every instance gets, whatever the backend, unless an experiment is about limits.
    pub const USUAL: Self = Self { cpu: 1.0, pids: 64 };
}

/// What the command line says about backends.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The kernel of Linux guests, if the user names one.
    pub kernel: Option<PathBuf>,
    /// What all instances run.
    pub payload: Arc<Payload>,
    /// Runtimes of others.
    pub tools: adapter::ToolOptions,
}

/// Kinds of backends, as presets of the command line mean them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Written for this program.
    Builtin,
    /// A container runtime of somebody else's.
    Adapter,
    /// Described by the user.
    Custom,
    /// It takes a bundle of the Open Container Initiative.
    Oci,
    /// It starts virtual machines.
    Vm,
}

/// Why a backend that works does not run this payload: by design, so that it is no failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotApplicable(pub String);

/// A way to run the payload. Several threads may start instances at once.
pub trait Backend: Send + Sync {
    /// Stable name, as on the command line and in the results.
    fn name(&self) -> &'static str;

    /// One line for `bench list`.
    fn summary(&self) -> &'static str;

    /// Whether this host can run it: facts about how it runs, or the reason why it cannot.
    fn probe(&self) -> Result<Details, String>;

    /// What is known of it where the probe says no and the user wants it tried all the same.
    fn forced(&self) -> Details {
        Details::new()
    }

    /// One-time, untimed work that later starts share.
    fn prepare(&mut self, scratch: &Scratch) -> Result<()>;

    /// Starts one instance and returns as soon as it runs on its own. It is killed when the thread that called this
    /// ends, so that it cannot outlive `bench`. The error is a [`NotApplicable`] where the payload is not for it.
    fn start(&self, job: &Job) -> Result<Box<dyn Instance>>;

    /// Whether it has something to say in this experiment when nobody asked for it by name.
    fn joins(&self, _experiment: Experiment) -> bool {
        true
    }

    /// The kinds that it is of.
    fn groups(&self) -> &'static [Group] {
        &[Group::Builtin]
    }

    /// Whether the program that it needs is on this host, working or not.
    fn is_installed(&self) -> bool {
        true
    }

    /// Whose the limits are that hold its instances.
    fn limited_by(&self) -> &'static str {
        "limits of its cgroup"
    }

    /// CPU time used so far by daemons that work for all its instances and are part of none; `None` without such.
    fn daemon_cpu_time(&self) -> Option<Duration> {
        None
    }

    /// What marks every one of its samples, if anything does.
    fn flag(&self) -> Option<&'static str> {
        None
    }
}

/// One started process, container or VM. Dropping it kills and reaps whatever is left of it.
pub trait Instance {
    /// Where its events arrive.
    fn stdout(&self) -> BorrowedFd<'_>;

    /// The stretches of the start so far: name and end of each, in order.
    fn phases(&mut self) -> Vec<(String, u64)>;

    /// What it occupies now, in bytes; a metric that this host cannot tell carries the reason.
    fn memory(&mut self) -> Vec<(Metric, Result<u64, String>)>;

    /// The cgroup that it has to itself, if it has one.
    fn cgroup(&self) -> Option<&Cgroup>;

    /// CPU time that it has used so far, as the host counts it; of a virtual machine, that of its VMM process.
    fn cpu_time(&self) -> Result<Duration, String>;

    /// Readable once it has ended.
    fn pidfd(&self) -> BorrowedFd<'_>;

    /// Waits for its end and reaps it; kills it at the deadline. Its cgroup is still there to be read.
    fn reap(&mut self, deadline: Duration) -> Result<Ended>;

    /// Bytes of memory that are each of its processes' alone, by the process's name, where others than the agent and a VMM
    /// belong to it.
    fn owners(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Asks it to end (closes its standard input), reaps it and removes all of it.
    fn stop(&mut self, deadline: Duration) -> Result<Ended>;
}

/// What is known of an instance once nothing of it is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// User and system time over its life, as reaped.
    pub cpu_time: Duration,
    /// Its exit status, if it has exited.
    pub status: Option<i32>,
    /// How it ended, if not by exit status 0.
    pub failure: Option<String>,
    /// Calls of the agent that the guest kernel does not know; `None` where a Linux kernel serves.
    pub unknown_syscalls: Option<u64>,
    /// Names of those that it may have failed for.
    pub lacking: Vec<String>,
}

/// Every backend, in the order of the tables: the baseline first, then from less to more isolation.
pub fn all(options: &Options) -> Vec<Box<dyn Backend>> {
    let payload = || options.payload.clone();
    let mut all: Vec<Box<dyn Backend>> = vec![Box::new(process::Process::new(payload()))];
    all.extend(rungs::Rung::all(&options.payload).map(|rung| -> Box<dyn Backend> { Box::new(rung) }));
    all.push(Box::new(container::Container::filtered(payload())));
    all.push(Box::new(container::Container::unfiltered(payload())));
    all.push(Box::new(microvm::MicroVm::new(payload())));
    all.push(Box::new(linux::LinuxVm::new(options.kernel.clone(), payload())));
    for adapter in adapter::all(options) {
        all.push(Box::new(adapter));
    }
    all
}

/// Names of all backends.
pub fn names() -> Vec<&'static str> {
    all(&Options::default()).iter().map(|backend| backend.name()).collect()
}

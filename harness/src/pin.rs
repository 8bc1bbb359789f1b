//! Where things run. Every instance runs on one CPU, the same for all backends; an instance takes
//! the CPU over from the thread that starts it, so that thread is there when it starts one and
//! steps aside while the instance is busy.

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The CPU of the instances and the CPUs of everything else.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    cpu: Option<usize>,
    instances: CpuSet,
    harness: CpuSet,
    allowed: CpuSet,
    neighbour: (Option<usize>, CpuSet),
}

impl Pin {
    /// Pins to `cpu`, or to the last CPU that may be used: the first one takes the interrupts.
    pub fn to(cpu: Option<usize>) -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("read this process's CPU affinity")?;
        let usable = cpus(&allowed);
        let cpu = match cpu {
            Some(cpu) if usable.contains(&cpu) => cpu,
            Some(cpu) => bail!("cannot pin to CPU {cpu}: this process may use {usable:?}"),
            None => *usable.last().context("this process may use no CPU")?,
        };
        let mut instances = CpuSet::new();
        instances.set(cpu)?;
        let mut harness = allowed;
        if usable.len() > 1 {
            harness.unset(cpu)?;
        }
        // The first CPU takes the interrupts, so the last of the others.
        let other = usable.iter().rfind(|&&other| other != cpu).copied().unwrap_or(cpu);
        let mut neighbour = CpuSet::new();
        neighbour.set(other)?;
        Ok(Self { cpu: Some(cpu), instances, harness, allowed, neighbour: (Some(other), neighbour) })
    }

    /// Lets the kernel place everything.
    pub fn none() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("read this process's CPU affinity")?;
        Ok(Self { cpu: None, instances: allowed, harness: allowed, allowed, neighbour: (None, allowed) })
    }

    /// The CPU of the instances, if they are pinned.
    pub fn cpu(&self) -> Option<usize> {
        self.cpu
    }

    /// Moves the calling thread to where instances are started.
    pub fn enter(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.instances).context("pin to the instances' CPU")
    }

    /// Lets the calling thread, and the instances it starts, run on every CPU that `bench` may use.
    pub fn spread(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.allowed).context("run on all CPUs")
    }

    /// The number of those CPUs.
    pub fn cpus(&self) -> usize {
        cpus(&self.allowed).len()
    }

    /// The CPU of an instance that runs beside another one, if instances are pinned: another CPU than theirs, if there is
    /// one.
    pub fn neighbour(&self) -> Option<usize> {
        self.neighbour.0
    }

    /// Moves the calling thread to where such a neighbour is started.
    pub fn enter_neighbour(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.neighbour.1).context("pin to the neighbour's CPU")
    }

    /// Moves the calling thread out of the instances' way, if there is another CPU.
    pub fn leave(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.harness).context("leave the instances' CPU")
    }
}

/// The CPUs of a set, ascending.
pub fn cpus(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
}

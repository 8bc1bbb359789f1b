//! `microvm`: the agent in a KVM virtual machine with the embedded unikernel guest, one VMM process
//! per instance.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use microvm::{Config, Launcher, Outcome, Report, Stderr};
use results::Metric;

use super::footprint::{Footprint, Split};
use super::native::{charged, new_cgroup};
use super::{Backend, Details, Ended, Instance, Job};
use crate::scratch::{CgroupNames, Scratch};

/// Room for the VMM and for KVM's page tables beside the guest's memory, in bytes.
const VMM_ALLOWANCE: u64 = 16 << 20;

/// A minimal VM.
#[derive(Debug, Default)]
pub struct MicroVm {
    launcher: Option<Launcher>,
    agent: Option<PathBuf>,
    cgroups: Option<CgroupNames>,
}

impl MicroVm {
    /// Not yet prepared.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Backend for MicroVm {
    fn name(&self) -> &'static str {
        "microvm"
    }

    fn summary(&self) -> &'static str {
        "a KVM virtual machine, one vCPU, whose guest is a unikernel: no Linux inside"
    }

    fn probe(&self) -> Result<Details, String> {
        let facts = microvm::probe().map_err(|error| error.to_string())?;
        Ok([
            ("isolation", "a KVM virtual machine".to_owned()),
            ("kernel", "the embedded unikernel".to_owned()),
            ("kvm", facts.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into())
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        self.launcher = Some(Launcher::new()?);
        self.agent = Some(scratch.agent().to_owned());
        self.cgroups = Some(scratch.cgroup_names());
        Ok(())
    }

    fn start(&mut self, job: &Job) -> Result<Box<dyn Instance>> {
        let launcher = self.launcher.as_ref().context("the backend was not prepared")?;
        let agent = self.agent.as_ref().context("the backend was not prepared")?;
        // The guest's size is its limit; what the VMM needs on top must not make the cgroup kill it.
        let limited = Job { memory_bytes: job.memory_bytes + VMM_ALLOWANCE, ..*job };
        let names = self.cgroups.as_mut().filter(|_| job.accounted);
        let cgroup = names.and_then(|names| new_cgroup(names, &limited).ok());
        let config = Config {
            stderr: Stderr::Null,
            args: job.args.iter().map(Into::into).collect(),
            memory_bytes: job.memory_bytes,
            cgroup_procs: cgroup.as_ref().map(Cgroup::join_files).unwrap_or_default(),
            ..Config::new(agent)
        };
        Ok(Box::new(Vm { instance: launcher.start(&config)?, cgroup }))
    }
}

/// A running VMM and its cgroup.
struct Vm {
    instance: microvm::Instance,
    cgroup: Option<Cgroup>,
}

impl Vm {
    /// What the VMM says of itself; it says it right after the guest's first output.
    fn report(&mut self) -> Result<Report, String> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            match self.instance.report() {
                Ok(Some(report)) => return Ok(report),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_micros(50)),
                Ok(None) => return Err("the VMM did not report".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl Instance for Vm {
    fn stdout(&self) -> BorrowedFd<'_> {
        self.instance.stdout.as_fd()
    }

    fn phases(&mut self) -> Vec<(String, u64)> {
        let report = self.report().ok();
        report.map_or(Vec::new(), |report| report.phases.into_iter().map(|p| (p.name, p.end_ns)).collect())
    }

    fn memory(&mut self) -> Vec<(Metric, Result<u64, String>)> {
        let pid = self.instance.pid();
        let split = self.report().and_then(|report| Split::of(pid, report.guest_ram.0, report.guest_ram.1));
        let footprint = Footprint::of(pid);
        vec![
            (Metric::MemoryCurrent, charged(self.cgroup.as_ref())),
            (Metric::Pss, footprint.as_ref().map(|f| f.pss).map_err(Clone::clone)),
            (Metric::Uss, footprint.map(|f| f.uss)),
            (Metric::GuestRam, split.as_ref().map(|s| s.inside).map_err(Clone::clone)),
            (Metric::VmmOverhead, split.map(|s| s.uss_outside)),
        ]
    }

    fn stop(&mut self, deadline: Duration) -> Result<Ended> {
        drop(self.instance.stdin.take());
        let exit = match self.instance.wait_timeout(deadline)? {
            Some(exit) => exit,
            None => {
                self.instance.kill()?;
                self.instance.wait()?
            }
        };
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove()?;
        }
        Ok(Ended {
            cpu_time: exit.usage.user + exit.usage.system,
            failure: match exit.outcome {
                Outcome::Exited(0) => None,
                other => Some(other.to_string()),
            },
            unknown_syscalls: Some(exit.unknown_syscalls.values().sum()),
        })
    }
}

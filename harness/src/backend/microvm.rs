//! `microvm`: the agent in a KVM virtual machine with the embedded unikernel guest, one VMM process
//! per instance.

use std::path::PathBuf;

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use microvm::{Config, Launcher, Stderr};

use super::native::accounting_cgroup;
use super::vm::{VMM_ALLOWANCE, Vm};
use super::{Backend, Details, Group, Instance, Job};
use crate::host::kvm;
use crate::scratch::{CgroupNames, Scratch};

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
        let facts = kvm()?;
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

    fn groups(&self) -> &'static [Group] {
        &[Group::Builtin, Group::Vm]
    }

    fn limited_by(&self) -> &'static str {
        "limits of the guest's size and of its VMM's cgroup"
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        let launcher = self.launcher.as_ref().context("the backend was not prepared")?;
        let agent = self.agent.as_ref().context("the backend was not prepared")?;
        // The guest's size is its limit; what the VMM needs on top must not make the cgroup kill it.
        let limited = Job { memory_bytes: job.memory_bytes + VMM_ALLOWANCE, ..*job };
        let cgroup = self.cgroups.as_ref().and_then(|names| accounting_cgroup(names, &limited));
        let config = Config {
            stderr: Stderr::Null,
            args: job.args.iter().map(Into::into).collect(),
            env: job.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            memory_bytes: job.memory_bytes,
            deadline: job.deadline,
            cgroup_procs: cgroup.as_ref().map(Cgroup::join_files).unwrap_or_default(),
            ..Config::new(agent)
        };
        Ok(Box::new(Vm::new(launcher.start(&config)?, cgroup)))
    }
}

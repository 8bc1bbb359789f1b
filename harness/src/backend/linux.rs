//! `microvm-linux`: the agent as the only program of a virtual machine with a Linux kernel of its own, one
//! VMM process per instance.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use microvm::Launcher;
use microvm::linux::LinuxConfig;

use super::guest::{self, Guest};
use super::native::accounting_cgroup;
use super::vm::{VMM_ALLOWANCE, Vm};
use super::{Backend, Details, Group, Instance, Job, NotApplicable, Payload};
use crate::host::{kvm, kvm_finding};
use crate::kernel;
use crate::scratch::{CgroupNames, Scratch};

/// A VM with Linux inside.
#[derive(Debug)]
pub struct LinuxVm {
    given: Option<PathBuf>,
    payload: Arc<Payload>,
    ready: Option<Ready>,
}

/// What is prepared once.
#[derive(Debug)]
struct Ready {
    launcher: Launcher,
    guest: Guest,
    hide_cx16: bool,
    cgroups: CgroupNames,
}

impl LinuxVm {
    /// With the `given` kernel, or the one that [`kernel::choose`] finds.
    pub fn new(given: Option<PathBuf>, payload: Arc<Payload>) -> Self {
        Self { given, payload, ready: None }
    }
}

impl Backend for LinuxVm {
    fn name(&self) -> &'static str {
        "microvm-linux"
    }

    fn summary(&self) -> &'static str {
        "a KVM virtual machine, one vCPU, with a Linux kernel of its own and the agent as its init"
    }

    fn probe(&self) -> Result<Details, String> {
        guest::probe(self.given.as_deref(), self.name())
    }

    fn forced(&self) -> Details {
        // Whatever can be said; what is missing shows when it is prepared.
        kernel::choose(self.given.as_deref())
            .map_or_else(|_| Details::new(), |kernel| guest::details(&kernel, &kvm_finding()))
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        if !self.payload.is_agent() {
            return Ok(());
        }
        self.ready = Some(Ready {
            launcher: Launcher::new()?,
            guest: Guest::prepare(self.given.as_deref())?,
            // The emulator lacks the instruction, which kernels use where it is announced.
            hide_cx16: kvm().is_ok_and(|facts| facts.ring0_is_emulated()),
            cgroups: scratch.cgroup_names(),
        });
        Ok(())
    }

    fn groups(&self) -> &'static [Group] {
        &[Group::Builtin, Group::Vm]
    }

    fn limited_by(&self) -> &'static str {
        "limits of the guest's size and of its VMM's cgroup"
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        if !self.payload.is_agent() {
            let why = "its init is bench's own agent, which starts no other program";
            return Err(NotApplicable(why.to_owned()).into());
        }
        let ready = self.ready.as_ref().context("the backend was not prepared")?;
        let memory_bytes = guest::memory_bytes(job);
        let limited = Job { memory_bytes: memory_bytes + VMM_ALLOWANCE, ..*job };
        let cgroup = accounting_cgroup(&ready.cgroups, &limited);
        let config = LinuxConfig {
            args: job.args.iter().map(Into::into).collect(),
            extra_cmdline: guest::assignments(job),
            memory_bytes,
            hide_cx16: ready.hide_cx16,
            deadline: job.deadline,
            cgroup_procs: cgroup.as_ref().map(Cgroup::join_files).unwrap_or_default(),
            ..LinuxConfig::new(&ready.guest.kernel, ready.guest.initramfs.clone())
        };
        Ok(Box::new(Vm::with_linux(ready.launcher.start_linux(&config)?, cgroup)))
    }
}

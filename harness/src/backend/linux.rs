//! `microvm-linux`: the agent as the only program of a virtual machine with a Linux kernel of its own, one
//! VMM process per instance.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use microvm::Launcher;
use microvm::linux::{Initramfs, LinuxConfig};

use super::native::accounting_cgroup;
use super::vm::{VMM_ALLOWANCE, Vm};
use super::{Backend, Details, Group, Instance, Job, NotApplicable, Payload};
use crate::host::kvm;
use crate::kernel;
use crate::scratch::{CgroupNames, Scratch};

/// What a distribution's kernel needs to start, and keeps, beside what its one program gets; in bytes.
const KERNEL_ALLOWANCE: u64 = 96 << 20;

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
    kernel: PathBuf,
    initramfs: Initramfs,
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
        // The host first: a kernel helps nobody where none can run.
        let facts = kvm()?;
        if !facts.runs_stock_kernels() {
            return Err(format!(
                "this host has a {facts}; use one with VMX or SVM, bare metal or nested (--force-backend {} tries all the same)",
                self.name()
            ));
        }
        let kernel = kernel::choose(self.given.as_deref()).map_err(|error| error.to_string())?;
        Ok(details(&kernel, &facts.to_string()))
    }

    fn forced(&self) -> Details {
        // Whatever can be said; what is missing shows when it is prepared.
        let facts = kvm().map_or_else(|why| format!("unavailable: {why}"), |facts| facts.to_string());
        kernel::choose(self.given.as_deref())
            .map_or_else(|_| Details::new(), |kernel| details(&kernel, &facts))
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        if !self.payload.is_agent() {
            return Ok(());
        }
        let kernel = kernel::choose(self.given.as_deref())?;
        self.ready = Some(Ready {
            launcher: Launcher::new()?,
            kernel: kernel::uncompressed(&kernel).context("unpack the kernel")?,
            initramfs: Initramfs::of_agent(workloads::AGENT)?,
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
        let memory_bytes = job.memory_bytes + KERNEL_ALLOWANCE;
        let limited = Job { memory_bytes: memory_bytes + VMM_ALLOWANCE, ..*job };
        let cgroup = accounting_cgroup(&ready.cgroups, &limited);
        let config = LinuxConfig {
            args: job.args.iter().map(Into::into).collect(),
            // The kernel hands assignments that mean nothing to it to init as environment.
            extra_cmdline: assignments(job),
            memory_bytes,
            hide_cx16: ready.hide_cx16,
            deadline: job.deadline,
            cgroup_procs: cgroup.as_ref().map(Cgroup::join_files).unwrap_or_default(),
            ..LinuxConfig::new(&ready.kernel, ready.initramfs.clone())
        };
        Ok(Box::new(Vm::with_linux(ready.launcher.start_linux(&config)?, cgroup)))
    }
}

/// The environment as words of a kernel's command line.
fn assignments(job: &Job) -> String {
    job.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn details(kernel: &kernel::Kernel, kvm: &str) -> Details {
    [
        ("isolation", "a KVM virtual machine".to_owned()),
        ("kernel", kernel.release.clone()),
        ("kernel_file", kernel.path.display().to_string()),
        ("kernel_is_hosts", kernel.is_hosts.to_string()),
        ("memory", format!("the job's and {} MiB for the kernel", KERNEL_ALLOWANCE >> 20)),
        ("kvm", kvm.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

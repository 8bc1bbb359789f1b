//! `microvm`: the payload in a KVM virtual machine with the embedded unikernel guest, one VMM process
//! per instance.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use container::cgroup::Cgroup;
use microvm::{Config, Launcher, Stderr, elf};

use super::native::accounting_cgroup;
use super::vm::{VMM_ALLOWANCE, Vm};
use super::{Backend, Details, Group, Instance, Job, NotApplicable, Payload};
use crate::host::kvm;
use crate::scratch::{CgroupNames, Scratch};

/// A minimal VM.
#[derive(Debug)]
pub struct MicroVm {
    payload: Arc<Payload>,
    launcher: Option<Launcher>,
    /// The program, or why this guest does not run it.
    program: Option<Result<PathBuf, String>>,
    cgroups: Option<CgroupNames>,
}

impl MicroVm {
    /// Of this payload, not yet prepared.
    pub fn new(payload: Arc<Payload>) -> Self {
        Self { payload, launcher: None, program: None, cgroups: None }
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
        let path = self.payload.file(scratch)?;
        let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        // Whether it fits into the guest's memory is the job's business; the VMM says so.
        self.program = Some(match elf::check(&file, u64::MAX) {
            Ok(_) => Ok(path),
            Err(error) => Err(format!("its guest runs static programs: {error}")),
        });
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
        let program = match self.program.as_ref().context("the backend was not prepared")? {
            Ok(program) => program,
            Err(why) => return Err(NotApplicable(why.clone()).into()),
        };
        let variables = job.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        // The guest's size is its limit; what the VMM needs on top must not make the cgroup kill it.
        let limited = Job { memory_bytes: job.memory_bytes + VMM_ALLOWANCE, ..*job };
        let cgroup = self.cgroups.as_ref().and_then(|names| accounting_cgroup(names, &limited));
        let config = Config {
            stderr: Stderr::Null,
            arg0: self.payload.arg0.clone(),
            args: self.payload.args.iter().cloned().chain(job.args.iter().map(Into::into)).collect(),
            env: self.payload.env.iter().cloned().chain(variables).collect(),
            stdin: self.payload.input()?,
            memory_bytes: job.memory_bytes,
            deadline: job.deadline,
            cgroup_procs: cgroup.as_ref().map(Cgroup::join_files).unwrap_or_default(),
            ..Config::new(program)
        };
        Ok(Box::new(Vm::new(launcher.start(&config)?, cgroup)))
    }
}

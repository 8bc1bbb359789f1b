//! `process`: the agent without any isolation, the baseline of every ratio.

use std::path::PathBuf;

use anyhow::{Context, Result};
use container::Spec;

use super::native::{Native, accounting_cgroup};
use super::{Backend, Details, Instance, Job};
use crate::scratch::{CgroupNames, Scratch};

/// A bare process.
#[derive(Debug, Default)]
pub struct Process {
    agent: Option<PathBuf>,
    cgroups: Option<CgroupNames>,
}

impl Process {
    /// Not yet prepared.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Backend for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn summary(&self) -> &'static str {
        "a bare process: no isolation, the baseline"
    }

    fn probe(&self) -> Result<Details, String> {
        Ok([("isolation", "none"), ("kernel", "the host's")].map(|(k, v)| (k.into(), v.into())).into())
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        self.agent = Some(scratch.agent().to_owned());
        self.cgroups = Some(scratch.cgroup_names());
        Ok(())
    }

    fn limited_by(&self) -> &'static str {
        "limits of a cgroup that bench made for it: a bare process has none of its own"
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        let agent = self.agent.as_ref().context("the backend was not prepared")?;
        let cgroup = self.cgroups.as_ref().and_then(|names| accounting_cgroup(names, job));
        Native::start(Spec::process(agent), job, cgroup)
    }
}

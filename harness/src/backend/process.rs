//! `process`: the payload without any isolation, the baseline of every ratio.

use std::sync::Arc;

use anyhow::{Context, Result};
use container::{Rootfs, Spec};

use super::native::{Native, accounting_cgroup};
use super::{Backend, Details, Instance, Job, Payload, Place};
use crate::scratch::{CgroupNames, Scratch};

/// A bare process.
#[derive(Debug)]
pub struct Process {
    payload: Arc<Payload>,
    spec: Option<Spec>,
    cgroups: Option<CgroupNames>,
}

impl Process {
    /// Of this payload, not yet prepared.
    pub fn new(payload: Arc<Payload>) -> Self {
        Self { payload, spec: None, cgroups: None }
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
        let isolation = match &self.payload.place {
            Place::Within { root, .. } if nix::unistd::geteuid().is_root() => {
                format!("none; chroot(2) into {} only leads it to its files", root.display())
            }
            Place::Within { .. } => {
                return Err(
                    "a bare process finds the files of --rootfs by chroot(2), which needs root; run as root"
                        .into(),
                );
            }
            Place::Agent | Place::Alone { .. } => "none".to_owned(),
        };
        Ok([("isolation", isolation), ("kernel", "the host's".to_owned())].map(|(k, v)| (k.into(), v)).into())
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        let spec = match &self.payload.place {
            Place::Within { root, program, .. } => Spec::chroot(&Rootfs::of_dir(root, program)?),
            Place::Agent | Place::Alone { .. } => Spec::process(self.payload.file(scratch)?),
        };
        self.spec = Some(self.payload.complete(spec));
        self.cgroups = Some(scratch.cgroup_names());
        Ok(())
    }

    fn limited_by(&self) -> &'static str {
        "limits of a cgroup that bench made for it: a bare process has none of its own"
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        let spec = self.spec.clone().context("the backend was not prepared")?;
        let cgroup = self.cgroups.as_ref().and_then(|names| accounting_cgroup(names, job));
        Native::start(self.payload.connect(spec)?, job, cgroup)
    }
}

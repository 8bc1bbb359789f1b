//! `container`: all namespaces, a cgroup with limits, a read-only root, no capabilities, a seccomp
//! filter. `container-noseccomp` leaves only the filter out: what differs is the filter's price.

use std::sync::Arc;

use anyhow::{Context, Result};
use container::Spec;
use results::Experiment;

use super::native::{Native, new_cgroup};
use super::{Backend, Details, Instance, Job, Payload, Place};
use crate::output::chain;
use crate::scratch::{CgroupNames, Scratch, check_cgroups};

/// A container built from Linux primitives.
#[derive(Debug)]
pub struct Container {
    filtered: bool,
    payload: Arc<Payload>,
    spec: Option<Spec>,
    cgroups: Option<CgroupNames>,
}

impl Container {
    /// With the default seccomp filter.
    pub fn filtered(payload: Arc<Payload>) -> Self {
        Self { filtered: true, payload, spec: None, cgroups: None }
    }

    /// Without it.
    pub fn unfiltered(payload: Arc<Payload>) -> Self {
        Self { filtered: false, ..Self::filtered(payload) }
    }
}

impl Backend for Container {
    fn name(&self) -> &'static str {
        if self.filtered { "container" } else { "container-noseccomp" }
    }

    fn summary(&self) -> &'static str {
        if self.filtered {
            "namespaces, cgroup limits, pivoted read-only root, no capabilities, seccomp filter"
        } else {
            "the same container without the seccomp filter: shows what the filter costs"
        }
    }

    fn probe(&self) -> Result<Details, String> {
        let root = nix::unistd::geteuid().is_root();
        if !root {
            container::user_namespaces_available().map_err(|why| {
                format!("not root, and user namespaces cannot be used: {why}; run as root or allow them (`bench doctor`)")
            })?;
        }
        let namespaces =
            if root { "mount pid net uts ipc cgroup" } else { "user mount pid net uts ipc cgroup" };
        let cgroups = crate::host::cgroup_generation().to_owned();
        let limits = match check_cgroups() {
            Ok(()) => "memory, cpu, pids".to_owned(),
            Err(error) if root => return Err(chain(&error)),
            Err(error) => format!("none: {}", chain(&error)),
        };
        let seccomp = if self.filtered { "the default list of the OCI runtimes" } else { "none" };
        let root = match &self.payload.place {
            Place::Within { root, .. } => format!("{}, read-only", root.display()),
            Place::Agent | Place::Alone { .. } => "nothing but the program, read-only".to_owned(),
        };
        Ok([
            ("isolation", namespaces.to_owned()),
            ("root", root),
            ("kernel", "the host's".to_owned()),
            ("cgroups", cgroups),
            ("limits", limits),
            ("seccomp", seccomp.to_owned()),
            ("capabilities", "none".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into())
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        let dir = scratch.dir().join(self.name());
        let mut spec = self.payload.complete(Spec::container(&self.payload.rootfs(&dir)?));
        if !self.filtered {
            spec.seccomp = None;
        }
        self.spec = Some(spec);
        // Without root a host need not let us make cgroups. The container then has no limits, which its
        // details in the results say.
        self.cgroups = check_cgroups().ok().map(|()| scratch.cgroup_names());
        Ok(())
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        let spec = self.spec.clone().context("the backend was not prepared")?;
        // Its cgroup is part of what it is: made for every instance, within the measured time.
        let cgroup = self.cgroups.as_ref().map(|names| new_cgroup(names, job)).transpose()?;
        Native::start(self.payload.connect(spec)?, job, cgroup)
    }

    fn joins(&self, experiment: Experiment) -> bool {
        // Loading the filter hardly shows elsewhere; its price is paid per call.
        self.filtered || experiment == Experiment::Syscalls
    }
}

//! The rungs of the ladder from a bare process to a container: each has one mechanism more than the one before it, so that
//! what a mechanism adds is the difference of two neighbours. `chroot`, the first, is a backend in its own right.
//!
//! Invariant: every mechanism of the backend `container` is in exactly one rung; the layers and the user namespace, which
//! that one does not have, are in one each.

use anyhow::{Context, Result};
use container::{Layers, Namespaces, Root, Rootfs, Spec};
use results::Experiment;

use super::native::{Native, accounting_cgroup, new_cgroup};
use super::{Backend, Details, Instance, Job, Payload};
use crate::output::chain;
use crate::scratch::{CgroupNames, Scratch, check_cgroups};

/// The agent's name in the root file systems.
const PROGRAM: &str = "workload";

/// What is added, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mechanism {
    Chroot,
    Mount,
    Pid,
    Uts,
    Ipc,
    Net,
    Cgroup,
    Overlay,
    Capabilities,
    Seccomp,
    User,
}

impl Mechanism {
    const ALL: [Self; 11] = [
        Self::Chroot,
        Self::Mount,
        Self::Pid,
        Self::Uts,
        Self::Ipc,
        Self::Net,
        Self::Cgroup,
        Self::Overlay,
        Self::Capabilities,
        Self::Seccomp,
        Self::User,
    ];

    const fn rung(self) -> &'static str {
        match self {
            Self::Chroot => "chroot",
            Self::Mount => "rung-mount",
            Self::Pid => "rung-pid",
            Self::Uts => "rung-uts",
            Self::Ipc => "rung-ipc",
            Self::Net => "rung-net",
            Self::Cgroup => "rung-cgroup",
            Self::Overlay => "rung-overlay",
            Self::Capabilities => "rung-capabilities",
            Self::Seccomp => "rung-seccomp",
            Self::User => "rung-user",
        }
    }

    const fn summary(self) -> &'static str {
        match self {
            Self::Chroot => "a process after chroot(2): another root directory and nothing else",
            Self::Mount => {
                "mount namespace and pivot_root instead of chroot, read-only, with /proc, /dev and /tmp"
            }
            Self::Pid => "the rung before, with a pid namespace",
            Self::Uts => "the rung before, with a UTS namespace and a host name",
            Self::Ipc => "the rung before, with an IPC namespace",
            Self::Net => "the rung before, with a network namespace and its loopback up",
            Self::Cgroup => "the rung before, with a cgroup of its own, limits and a cgroup namespace",
            Self::Overlay => {
                "the rung before, with a writable root of layers (overlayfs) instead of the bind"
            }
            Self::Capabilities => "the rung before, without capabilities, new privileges and terminal",
            Self::Seccomp => "the rung before, with a seccomp filter: the container, but for its root",
            Self::User => "the rung before, with a user namespace",
        }
    }

    /// The mechanisms up to this one.
    fn up_to(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().take_while(move |mechanism| *mechanism <= self)
    }

    /// A spec with this one more.
    fn add(self, spec: Spec, roots: &Roots) -> Spec {
        let with = |spec: Spec, namespace| Spec { namespaces: spec.namespaces | namespace, ..spec };
        match self {
            Self::Chroot => Spec {
                program: roots.plain.program().to_owned(),
                root: Root::Chroot(roots.plain.clone()),
                ..spec
            },
            Self::Mount => with(Spec { root: Root::Pivot(roots.plain.clone()), ..spec }, Namespaces::MOUNT),
            Self::Pid => with(spec, Namespaces::PID),
            Self::Uts => with(Spec { hostname: Some("container".into()), ..spec }, Namespaces::UTS),
            Self::Ipc => with(spec, Namespaces::IPC),
            Self::Net => with(spec, Namespaces::NET),
            // The cgroup itself is made with each instance.
            Self::Cgroup => with(spec, Namespaces::CGROUP),
            Self::Overlay => Spec { root: Root::Overlay(roots.layered.clone()), ..spec },
            Self::Capabilities => {
                Spec { new_session: true, no_new_privs: true, drop_capabilities: true, ..spec }
            }
            Self::Seccomp => Spec { seccomp: Some(container::seccomp::default_filter()), ..spec },
            Self::User => with(spec, Namespaces::USER),
        }
    }
}

/// The root file systems that all rungs share.
struct Roots {
    plain: Rootfs,
    layered: Layers,
}

impl Roots {
    fn prepare(scratch: &Scratch) -> Result<Self> {
        let dir = scratch.dir().join("rungs");
        let plain = Rootfs::prepare(&dir.join("plain"), PROGRAM, workloads::AGENT);
        let layered = Layers::prepare(&dir.join("layered"), PROGRAM, workloads::AGENT);
        Ok(Self {
            plain: plain.context("prepare the root file system")?,
            layered: layered.context("prepare the layers of the root file system")?,
        })
    }

    /// What these mechanisms make of a bare process.
    fn spec(&self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Spec {
        let bare = Spec::process(self.plain.program());
        mechanisms.into_iter().fold(bare, |spec, mechanism| mechanism.add(spec, self))
    }
}

/// A process with all mechanisms up to one.
pub struct Rung {
    top: Mechanism,
    /// Whether it would start what it is built for: `bench`'s own agent.
    runs_agent: bool,
    made: Option<(Spec, CgroupNames)>,
}

impl Rung {
    /// All, from the lowest up.
    pub fn all(payload: &Payload) -> impl Iterator<Item = Self> + use<> {
        let runs_agent = payload.is_agent();
        Mechanism::ALL.into_iter().map(move |top| Self { top, runs_agent, made: None })
    }

    /// Whether an instance has a cgroup because the rung says so.
    fn has_cgroup(&self) -> bool {
        self.top >= Mechanism::Cgroup
    }

    /// Takes every step of a start in a folder of its own, which tells more than any list of what may be missing.
    fn try_out(&self) -> Result<()> {
        let scratch = Scratch::for_probe()?;
        let spec = Roots::prepare(&scratch)?.spec(self.top.up_to());
        container::probe(&spec).with_context(|| {
            format!("tried in {} (TMPDIR chooses another folder)", std::env::temp_dir().display())
        })
    }
}

impl Backend for Rung {
    fn name(&self) -> &'static str {
        self.top.rung()
    }

    fn summary(&self) -> &'static str {
        self.top.summary()
    }

    fn probe(&self) -> Result<Details, String> {
        if !self.runs_agent {
            return Err(
                "a step of the ladder (`bench run ladder`), which starts bench's own program only".to_owned()
            );
        }
        if !nix::unistd::geteuid().is_root() {
            // A rung would then have two mechanisms more than the one before, or be in another order.
            return Err("needs root: without it every mechanism needs a user namespace first, which is the last rung \
                        here (sudo bench ...)"
                .to_owned());
        }
        if self.has_cgroup() {
            check_cgroups().map_err(|error| chain(&error))?;
        }
        self.try_out().map_err(|error| chain(&error))?;
        let mechanisms: Vec<String> = self.top.up_to().map(|one| format!("{one:?}").to_lowercase()).collect();
        Ok([("isolation", mechanisms.join(" ")), ("kernel", "the host's".to_owned())]
            .map(|(key, value)| (key.to_owned(), value))
            .into())
    }

    fn prepare(&mut self, scratch: &Scratch) -> Result<()> {
        let spec = Roots::prepare(scratch)?.spec(self.top.up_to());
        self.made = Some((spec, scratch.cgroup_names()));
        Ok(())
    }

    fn start(&self, job: &Job) -> Result<Box<dyn Instance>> {
        let (spec, cgroups) = self.made.as_ref().context("the backend was not prepared")?;
        let cgroup = match self.has_cgroup() {
            true => Some(new_cgroup(cgroups, job)?),
            false => accounting_cgroup(cgroups, job),
        };
        Native::start(spec.clone(), job, cgroup)
    }

    fn joins(&self, experiment: Experiment) -> bool {
        experiment == Experiment::Ladder
            || (self.top == Mechanism::Chroot && experiment == Experiment::Startup)
    }

    fn limited_by(&self) -> &'static str {
        match self.has_cgroup() {
            true => "limits of its cgroup",
            false => "limits of a cgroup that bench made for it: this rung has none of its own",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let plain = Rootfs::prepare(&dir.path().join("plain"), PROGRAM, b"").unwrap();
        let layered = Layers::prepare(&dir.path().join("layered"), PROGRAM, b"").unwrap();
        (dir, Roots { plain, layered })
    }

    /// Everything that a spec says, so that a field that comes to be cannot be forgotten here.
    fn fields(spec: &Spec) -> Vec<String> {
        let Spec {
            program,
            arg0,
            args,
            env,
            files,
            namespaces,
            hostname,
            root,
            cgroup,
            new_session,
            no_new_privs,
            drop_capabilities,
            seccomp,
            stdin,
            stdout,
            stderr,
        } = spec;
        // Filters are long, and one is made for all.
        let seccomp = seccomp.as_ref().map(std::sync::Arc::as_ptr);
        vec![
            format!("program {program:?}"),
            format!("arg0 {arg0:?}"),
            format!("args {args:?}"),
            format!("env {env:?}"),
            format!("files {files:?}"),
            format!("namespaces {namespaces:?}"),
            format!("hostname {hostname:?}"),
            format!("root {root:?}"),
            format!("cgroup {cgroup:?}"),
            format!("new_session {new_session}"),
            format!("no_new_privs {no_new_privs}"),
            format!("drop_capabilities {drop_capabilities}"),
            format!("seccomp {seccomp:?}"),
            format!("streams {stdin:?} {stdout:?} {stderr:?}"),
        ]
    }

    #[test]
    fn the_mechanisms_without_layers_and_user_namespace_make_the_container() {
        let (_dir, roots) = roots();
        let own = Mechanism::ALL.into_iter().filter(|m| !matches!(m, Mechanism::Overlay | Mechanism::User));
        let mut container = Spec::container(&roots.plain);
        // Without root it has a user namespace, too.
        container.namespaces = Namespaces::ALL_BUT_USER;
        assert_eq!(fields(&roots.spec(own)), fields(&container));
    }

    #[test]
    fn every_mechanism_changes_something_that_no_other_does_but_the_root() {
        let (_dir, roots) = roots();
        let mut changed = Vec::new();
        for mechanism in Mechanism::ALL {
            let with = fields(&roots.spec(mechanism.up_to()));
            let without = fields(&roots.spec(mechanism.up_to().filter(|one| *one != mechanism)));
            let new: Vec<String> = with.into_iter().filter(|field| !without.contains(field)).collect();
            assert!(!new.is_empty() || mechanism == Mechanism::Chroot, "{mechanism:?} changes nothing");
            changed.extend(new.into_iter().filter(|field| !field.starts_with("namespaces")));
        }
        let count = changed.len();
        changed.sort();
        changed.dedup();
        assert_eq!(changed.len(), count, "{changed:?}");
    }

    #[test]
    fn the_rungs_are_cumulative() {
        let tops: Vec<usize> = Mechanism::ALL.iter().map(|top| top.up_to().count()).collect();
        assert_eq!(tops, (1..=Mechanism::ALL.len()).collect::<Vec<_>>());
    }
}

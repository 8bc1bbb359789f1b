//! What a container runtime is to this program: how it is found, called and cleaned up after. One file a family beside this.
//!
//! Invariant: [`Runtime::command`] only composes; what an instance needs on disk is written by whoever starts it.

use std::ffi::OsString;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;

use super::super::{Details, Group, Job};
use super::vm::Machine;

/// What is known of a runtime before anybody looks for it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The backend's name.
    pub name: &'static str,
    /// One line for `bench list`.
    pub summary: &'static str,
    /// The program, by name or path.
    pub program: PathBuf,
    /// What provides it: a package of Debian, or else a project.
    pub provider: String,
    /// Arguments that make it say its version; `None` if nothing does.
    pub version_args: Option<Vec<OsString>>,
    /// The first version that takes these command lines.
    pub oldest: (u32, u32),
    /// Whose cgroup its instances sit in.
    pub cgroup: CgroupOf,
    /// Whether nobody but root can use it as it is called here.
    pub needs_root: bool,
    /// What it cannot be told to do as `container` does it.
    pub unequal: &'static str,
    /// The kernel that serves the agent, if not the host's.
    pub kernel: Option<&'static str>,
    /// The kinds that it is of.
    pub groups: &'static [Group],
    /// Memory and processes that it needs in the instance's cgroup beside what the job may use.
    pub allowance: Allowance,
    /// What marks every sample, if anything does.
    pub flag: Option<&'static str>,
}

/// What a runtime's own part of an instance needs within the instance's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// Who makes an instance's cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupOf {
    /// We do, with the limits of the job, and start the tool inside: it has no limits of its own to set.
    Bench,
    /// The same, but only where memory is accounted for: it starts machines, whose size is their limit.
    BenchIfAccounted,
    /// The runtime does, as it is told.
    Runtime,
}

/// Where an adapter works: below the run's own folder.
#[derive(Debug)]
pub struct Site {
    /// For what all its instances share, and their own folders.
    pub dir: PathBuf,
    /// The root file system: the agent and the folders that runtimes mount over.
    pub rootfs: PathBuf,
    /// A name that no other run has, for images and the like.
    pub token: String,
}

/// The folder of the root file system below the run's own.
pub const ROOTFS: &str = "rootfs";

/// The agent's path inside of every root file system.
pub const PROGRAM: &str = "/workload";

/// One instance to start.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The runtime's file.
    pub tool: &'a Path,
    /// Where to work.
    pub site: &'a Site,
    /// What to run.
    pub job: &'a Job<'a>,
    /// The instance's name: unique, and made of what every runtime allows in a name.
    pub name: &'a str,
}

impl Order<'_> {
    /// The instance's own folder.
    pub fn dir(&self) -> PathBuf {
        self.site.dir.join(self.name)
    }

    /// The agent and its arguments.
    pub fn agent(&self) -> impl Iterator<Item = OsString> {
        std::iter::once(PROGRAM).chain(self.job.args.iter().copied()).map(OsString::from)
    }

    /// The agent's environment, as `NAME=value`.
    pub fn env(&self) -> impl Iterator<Item = String> {
        self.job.env.iter().map(|(name, value)| format!("{name}={value}"))
    }
}

/// A command line, and the files that it refers to by number.
#[derive(Debug, Default)]
pub struct Line {
    /// Program and arguments.
    pub words: Vec<OsString>,
    /// Open files that the program inherits.
    pub files: Vec<Arc<OwnedFd>>,
    /// `NAME=value`, in addition to the environment of this process.
    pub env: Vec<OsString>,
}

/// How its processes are told from all others.
#[derive(Clone, Debug)]
pub enum Marker {
    /// This text is in their command line or in the path of their cgroup.
    Text(String),
    /// As soon as it is there, this file holds the text.
    InFile(PathBuf),
}

/// A container runtime.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// What is known of it.
    fn facts(&self) -> Facts;

    /// Whether it can work on this host, as far as a quick look tells: more details, or the reason why not.
    fn check(&self, _tool: &Path) -> Result<Details, String> {
        Ok(Details::new())
    }

    /// Daemons that work for all its instances.
    fn daemons(&self) -> Vec<i32> {
        Vec::new()
    }

    /// One-time, untimed work.
    fn prepare(&mut self, _tool: &Path, _site: &Site) -> Result<()> {
        Ok(())
    }

    /// What is to be undone of that, outside of the site's folder, at the end of the run.
    fn conclude(&self, _tool: &Path, _site: &Site) {}

    /// Files in the instance's folder, by name.
    fn files(&self, _order: &Order) -> Result<Vec<(&'static str, String)>> {
        Ok(Vec::new())
    }

    /// The same in short, for the results.
    fn configuration(&self, _order: &Order) -> Option<String> {
        None
    }

    /// The call that starts an instance in the foreground, with the agent's streams as its own.
    fn command(&self, order: &Order) -> Line;

    /// Calls that remove an instance by force, dead or alive.
    fn removal(&self, _order: &Order) -> Vec<Vec<OsString>> {
        Vec::new()
    }

    /// What a start leaves behind outside of the site's folder.
    fn traces(&self, _order: &Order) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What is to be known of an instance that is a virtual machine.
    fn machine(&self, _order: &Order) -> Option<Machine> {
        None
    }

    /// How the processes of an instance are told.
    fn marker(&self, order: &Order) -> Marker {
        Marker::Text(order.name.to_owned())
    }
}

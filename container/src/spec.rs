//! What to start and how isolated: plain data, nothing happens here.
//!
//! Invariant: [`Spec::process`] asks for no isolation; every field adds one kernel mechanism.

use std::ffi::OsString;
use std::ops::BitOr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cgroup::{Cgroup, Join};
use crate::seccomp::Filter;
use crate::{Layers, Rootfs};

/// A set of namespaces that the instance gets for itself; combine with `|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(u32);

impl Namespaces {
    /// Shares every namespace with the caller.
    pub const NONE: Self = Self(0);
    /// Its own mount table.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u32);
    /// Its own process ids; the program is pid 1.
    pub const PID: Self = Self(libc::CLONE_NEWPID as u32);
    /// Its own network stack: a loopback interface, brought up, and nothing else.
    pub const NET: Self = Self(libc::CLONE_NEWNET as u32);
    /// Its own host name.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u32);
    /// Its own System V IPC objects and POSIX message queues.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u32);
    /// Its own view of the cgroup tree, rooted where it sits.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u32);
    /// Its own user ids: the caller's is 0 inside and owns the other namespaces. Needed without root.
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u32);
    /// All but [`Self::USER`].
    pub const ALL_BUT_USER: Self =
        Self(Self::MOUNT.0 | Self::PID.0 | Self::NET.0 | Self::UTS.0 | Self::IPC.0 | Self::CGROUP.0);

    /// Whether every namespace of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The CLONE_NEW* flags of `clone3(2)`.
    pub(crate) const fn flags(self) -> u32 {
        self.0
    }
}

impl BitOr for Namespaces {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What the instance sees as `/`.
#[derive(Clone, Debug, Default)]
pub enum Root {
    /// The caller's own root.
    #[default]
    Host,
    /// `chroot(2)` into the skeleton; nothing is mounted, so `/proc` stays as it is (empty) and nothing is read-only.
    Chroot(Rootfs),
    /// The skeleton bound read-only, `pivot_root(2)`, a fresh /proc, device nodes, tmpfs on /tmp.
    /// Needs [`Namespaces::MOUNT`].
    Pivot(Rootfs),
    /// As [`Self::Pivot`], but layers united by overlayfs, and writable: what the instance writes goes to a layer of its
    /// own, at most 64 MiB of memory, which is gone with it. Needs [`Namespaces::MOUNT`].
    Overlay(Layers),
}

/// Where one of the standard streams leads.
#[derive(Clone, Debug)]
pub enum Stdio {
    /// A pipe whose other end the [`crate::Instance`] holds.
    Pipe,
    /// The caller's own.
    Inherit,
    /// The host's /dev/null.
    Null,
    /// An open file. Its position is shared by all who got it from the same opening.
    File(Arc<OwnedFd>),
}

/// What to start, and which mechanisms to isolate it with.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The executable as seen inside the instance's root.
    pub program: PathBuf,
    /// `argv[0]`, if it is not to be the program's path.
    pub arg0: Option<OsString>,
    /// `argv[1..]`.
    pub args: Vec<OsString>,
    /// The whole environment, `NAME=value`; empty by default, for environment size moves results.
    pub env: Vec<OsString>,
    /// Namespaces of its own.
    pub namespaces: Namespaces,
    /// Host name to set; only with [`Namespaces::UTS`].
    pub hostname: Option<OsString>,
    /// What it sees as `/`.
    pub root: Root,
    /// The cgroup it starts in; see [`Cgroup::join`].
    pub cgroup: Option<Join>,
    /// Starts a session of its own, so that it has no controlling terminal to inject input into, and what it leaves
    /// behind in its process group dies when it has ended.
    pub new_session: bool,
    /// `no_new_privs`: set-uid bits and file capabilities mean nothing from here on.
    pub no_new_privs: bool,
    /// Empties every capability set, the bounding set included.
    pub drop_capabilities: bool,
    /// System-call filter; implies `no_new_privs`, as the kernel asks of everyone but root.
    pub seccomp: Option<Arc<Filter>>,
    /// Open files that the program inherits under the same numbers; all others of the caller are closed.
    pub files: Vec<Arc<OwnedFd>>,
    /// Standard input; closing the pipe is how an agent is asked to stop.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
}

impl Spec {
    /// `program` without any isolation.
    pub fn process(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arg0: None,
            args: Vec::new(),
            env: Vec::new(),
            namespaces: Namespaces::NONE,
            hostname: None,
            root: Root::Host,
            cgroup: None,
            new_session: false,
            no_new_privs: false,
            drop_capabilities: false,
            seccomp: None,
            files: Vec::new(),
            stdin: Stdio::Pipe,
            stdout: Stdio::Pipe,
            stderr: Stdio::Inherit,
        }
    }

    /// The rootfs' program after a mere `chroot(2)`.
    pub fn chroot(rootfs: &Rootfs) -> Self {
        Self { root: Root::Chroot(rootfs.clone()), ..Self::process(rootfs.program()) }
    }

    /// The rootfs' program in a full container: every namespace (the user namespace only when the caller is
    /// not root), pivoted root, no capabilities, the default seccomp filter. Add a cgroup for limits.
    pub fn container(rootfs: &Rootfs) -> Self {
        let user = if nix::unistd::geteuid().is_root() { Namespaces::NONE } else { Namespaces::USER };
        Self {
            namespaces: Namespaces::ALL_BUT_USER | user,
            hostname: Some("container".into()),
            root: Root::Pivot(rootfs.clone()),
            new_session: true,
            no_new_privs: true,
            drop_capabilities: true,
            seccomp: Some(crate::seccomp::default_filter()),
            ..Self::process(rootfs.program())
        }
    }

    /// Sets `argv[1..]`.
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the whole environment.
    pub fn env<I: IntoIterator<Item: Into<OsString>>>(mut self, env: I) -> Self {
        self.env = env.into_iter().map(Into::into).collect();
        self
    }

    /// Starts inside `cgroup`.
    pub fn cgroup(mut self, cgroup: &Cgroup) -> Self {
        self.cgroup = Some(cgroup.join());
        self
    }
}

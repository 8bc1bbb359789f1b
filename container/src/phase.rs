//! The steps of a start and when each ended, CLOCK_MONOTONIC nanoseconds.
//!
//! Invariant: stamps are taken in the order of [`Step`], each at most once; a step that was not asked for
//! has no stamp.

use std::cell::Cell;

use nix::errno::Errno;

use crate::sys;

/// One phase of a start. It began where the one before it ended; the first began at
/// [`crate::Instance::started_ns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `clone`, `cgroup`, `user_map`, `network`, `overlay`, `mounts`, `pivot`, `security` or `exec`.
    pub name: &'static str,
    /// When it ended.
    pub end_ns: u64,
}

/// The steps in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Step {
    Clone,
    Cgroup,
    UserMap,
    Network,
    Overlay,
    Mounts,
    Pivot,
    Security,
    Exec,
}

impl Step {
    pub(crate) const ALL: [Self; 9] = [
        Self::Clone,
        Self::Cgroup,
        Self::UserMap,
        Self::Network,
        Self::Overlay,
        Self::Mounts,
        Self::Pivot,
        Self::Security,
        Self::Exec,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Cgroup => "cgroup",
            Self::UserMap => "user_map",
            Self::Network => "network",
            Self::Overlay => "overlay",
            Self::Mounts => "mounts",
            Self::Pivot => "pivot",
            Self::Security => "security",
            Self::Exec => "exec",
        }
    }
}

/// What the child writes and the parent reads, in memory that both share until the exec.
///
/// Cells suffice: the two never run at the same time, for the parent sleeps in `clone3` until the child has
/// executed or exited. A `&'static str` means the same to both, for they share one address space.
#[derive(Debug)]
pub(crate) struct Report {
    ends: [Cell<u64>; Step::ALL.len()],
    /// The step under way.
    step: Cell<Step>,
    failure: Cell<Option<Failure>>,
}

/// A call of the child that the kernel refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// What was being done, to be read after "cannot".
    pub(crate) doing: &'static str,
    pub(crate) errno: Errno,
}

impl Failure {
    /// What [`Self::doing`] says of the exec itself, which gets a message of its own.
    pub(crate) const EXEC: &'static str = "execute the program";

    pub(crate) fn is_exec(&self) -> bool {
        self.doing == Self::EXEC
    }
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { ends: Default::default(), step: Cell::new(Step::Clone), failure: Cell::new(None) }
    }

    /// Child: `step` begins.
    pub(crate) fn begin(&self, step: Step) {
        self.step.set(step);
    }

    /// `step` ends now; the parent says so of the exec, when it wakes.
    pub(crate) fn end(&self, step: Step) {
        self.ends[step as usize].set(sys::now_ns());
    }

    /// Child: the step under way failed.
    pub(crate) fn fail(&self, failure: Failure) {
        self.failure.set(Some(failure));
    }

    /// Parent: the step that was under way when the child stopped sharing memory, and what went wrong in it.
    pub(crate) fn outcome(&self) -> (Step, Option<Failure>) {
        (self.step.get(), self.failure.get())
    }

    /// Parent: the phases that were gone through.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        Step::ALL
            .iter()
            .map(|step| Phase { name: step.name(), end_ns: self.ends[*step as usize].get() })
            .filter(|phase| phase.end_ns != 0)
            .collect()
    }
}

//! The workloads, and the ways in which one ends before it has a result.
//!
//! Every workload that measures makes its preparations, hands the meter a batch to repeat, and consumes what
//! it computes, so that the compiler cannot drop the work. None needs more than 96 MiB of memory, so that a guest of 256
//! MiB holds all.

pub mod chase;
pub mod cpu;
pub mod identity;
pub mod limits;
pub mod memory;
pub mod processes;
pub mod sha256;
pub mod startup;
pub mod surroundings;
pub mod syscalls;
pub mod threads;
pub mod victim;

use core::fmt;

use crate::sys::{EACCES, ENOSYS, EPERM, SysError};

/// Why a workload has no result.
#[derive(Debug)]
pub enum Stop {
    /// Something it needs does not exist here: a skip.
    Missing(&'static str),
    /// The kernel lacks a call: a skip.
    Lacking(&'static str),
    /// A call is not permitted, as by a seccomp filter: a skip.
    Refused(SysError),
    /// A call failed otherwise: an error.
    Failed(SysError),
    /// A call succeeded but did not do what it should: an error.
    Wrong(&'static str),
}

impl Stop {
    /// Whether this says something about the place rather than that something went wrong.
    pub fn is_skip(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Lacking(_) | Self::Refused(_))
    }
}

impl From<SysError> for Stop {
    fn from(error: SysError) -> Self {
        match error.errno {
            // What a reader knows is the facility, not the call that happens to be its first.
            ENOSYS => Self::Lacking(match error.call {
                "fork" | "vfork" | "wait4" => "fork",
                "clone" => "threads",
                "pipe2" => "pipes",
                "rt_sigaction" | "gettid" | "tgkill" => "signals",
                "getrusage" => "getrusage, to count page faults",
                call => call,
            }),
            EPERM | EACCES => Self::Refused(error),
            _ => Self::Failed(error),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) | Self::Wrong(what) => f.write_str(what),
            Self::Lacking(facility) => write!(f, "needs {facility}"),
            Self::Refused(SysError { call, errno }) => {
                write!(f, "{call} is not permitted here (errno {errno})")
            }
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_call_is_a_skip_that_names_the_facility() {
        let stop = Stop::from(SysError { call: "vfork", errno: ENOSYS });
        assert!(stop.is_skip());
        assert_eq!(stop.to_string(), "needs fork");
    }

    #[test]
    fn a_filtered_call_is_a_skip_that_names_the_call() {
        let stop = Stop::from(SysError { call: "tgkill", errno: EPERM });
        assert!(stop.is_skip());
        assert_eq!(stop.to_string(), "tgkill is not permitted here (errno 1)");
    }

    #[test]
    fn any_other_failure_is_an_error_with_its_errno() {
        let stop = Stop::from(SysError { call: "mmap", errno: 12 });
        assert!(!stop.is_skip());
        assert_eq!(stop.to_string(), "mmap failed with errno 12");
    }
}

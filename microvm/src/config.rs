//! What to run, and in how large a machine.
//!
//! Invariant: [`Config::validate`] passing means that only the host or the program can still make a start fail.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::launcher::Error;
use crate::layout::{LARGE_PAGE_SIZE, MAX_MEMORY, MIN_MEMORY};

/// Where the guest's descriptor 2 goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stderr {
    /// To the caller's own.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// To a pipe, `Instance::stderr`.
    Capture,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// A static x86-64 executable.
    pub program: PathBuf,
    /// Its argument 0, if that is not to be its path.
    pub arg0: Option<OsString>,
    /// Its other arguments.
    pub args: Vec<OsString>,
    /// Its environment, nothing else is passed.
    pub env: Vec<(OsString, OsString)>,
    /// Guest memory in bytes: a multiple of 2 MiB from 16 MiB to 2 GiB.
    pub memory_bytes: u64,
    /// How long it may run, from the start of the VMM process.
    pub deadline: Option<Duration>,
    /// `cgroup.procs` files of cgroups that the VMM process joins before it allocates anything.
    pub cgroup_procs: Vec<PathBuf>,
    /// An open file to be the guest's descriptor 0 instead of a pipe, `Instance::stdin`.
    pub stdin: Option<Arc<OwnedFd>>,
    /// Where the guest's descriptor 2 goes.
    pub stderr: Stderr,
}

impl Config {
    /// `program` without arguments or environment, in 32 MiB, without a deadline.
    pub fn new(program: impl Into<PathBuf>) -> Config {
        Config {
            program: program.into(),
            arg0: None,
            args: Vec::new(),
            env: Vec::new(),
            memory_bytes: 32 << 20,
            deadline: None,
            cgroup_procs: Vec::new(),
            stdin: None,
            stderr: Stderr::default(),
        }
    }

    /// Checks everything that can be checked without touching the host.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        check_memory(self.memory_bytes)?;
        check_deadline(self.deadline)?;
        let bad_name = |name: &OsString| name.is_empty() || name.as_bytes().contains(&b'=');
        match self.env.iter().find(|(name, _)| bad_name(name)) {
            Some((name, _)) => Err(Error::EnvironmentName(name.clone())),
            None => Ok(()),
        }
    }
}

/// A memory size that the guest's map has no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a guest of {bytes} bytes is not possible; choose a multiple of 2 MiB between {} and {} MiB",
    MIN_MEMORY >> 20,
    MAX_MEMORY >> 20
)]
pub struct MemorySizeError {
    bytes: u64,
}

/// Checks a guest's memory size.
pub(crate) fn check_memory(bytes: u64) -> Result<(), MemorySizeError> {
    let possible = (MIN_MEMORY..=MAX_MEMORY).contains(&bytes) && bytes.is_multiple_of(LARGE_PAGE_SIZE);
    if possible { Ok(()) } else { Err(MemorySizeError { bytes }) }
}

/// Whether a guest can have that much memory.
pub fn is_memory_size(bytes: u64) -> bool {
    check_memory(bytes).is_ok()
}

/// Checks how long a guest may run.
pub(crate) fn check_deadline(deadline: Option<Duration>) -> Result<(), Error> {
    if deadline.is_some_and(|deadline| deadline.is_zero() || deadline > MAX_DEADLINE) {
        return Err(Error::Deadline);
    }
    Ok(())
}

/// A year: far below where the arithmetic of timers ends.
const MAX_DEADLINE: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_be_mapped_are_refused_with_the_range() {
        for bytes in [0, 1, MIN_MEMORY - 1, MIN_MEMORY + 4096, MAX_MEMORY + LARGE_PAGE_SIZE, u64::MAX] {
            let config = Config { memory_bytes: bytes, ..Config::new("x") };
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains("between 16 and 2048 MiB"), "{message}");
        }
        for bytes in [MIN_MEMORY, 32 << 20, MAX_MEMORY] {
            assert!(Config { memory_bytes: bytes, ..Config::new("x") }.validate().is_ok());
        }
    }

    #[test]
    fn a_deadline_of_zero_or_of_ages_is_refused() {
        for deadline in [Duration::ZERO, Duration::MAX] {
            assert!(Config { deadline: Some(deadline), ..Config::new("x") }.validate().is_err());
        }
    }

    #[test]
    fn an_environment_name_with_an_equals_sign_is_refused() {
        let config = Config { env: vec![("A=B".into(), "c".into())], ..Config::new("x") };
        assert!(config.validate().unwrap_err().to_string().contains("A=B"));
    }
}

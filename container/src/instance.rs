//! A started process: its streams, phases, end and resource use.
//!
//! Invariant: an instance is reaped exactly once, at the latest on drop, which kills it first.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::{Error, Phase, sys};

/// Our ends of the standard streams; `None` where no pipe was asked for.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: Option<File>,
    pub(crate) stdout: Option<File>,
    pub(crate) stderr: Option<File>,
}

/// A running (or ended, not yet forgotten) instance. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Instance {
    /// Our end of its standard input, if [`crate::Stdio::Pipe`]; dropping it is end of file.
    pub stdin: Option<File>,
    /// Our end of its standard output, likewise.
    pub stdout: Option<File>,
    /// Our end of its standard error, likewise.
    pub stderr: Option<File>,
    /// When [`crate::start`] was called, CLOCK_MONOTONIC nanoseconds.
    pub started_ns: u64,
    pid: i32,
    pidfd: OwnedFd,
    phases: Vec<Phase>,
    /// Whether it leads a process group whose members nothing else would end.
    leads_group: bool,
    exit: Option<Exit>,
}

/// How an instance ended and what it used, the children it waited for included.
///
/// There is no peak of its memory here: `ru_maxrss` counts the caller's own from before the exec, because the
/// two share memory until then. [`crate::cgroup::Cgroup::memory`] has the true figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// CPU time in user mode, set-up before the exec included.
    pub user_time: Duration,
    /// CPU time in the kernel, set-up before the exec included.
    pub system_time: Duration,
}

impl Instance {
    pub(crate) fn new(
        pid: i32,
        pidfd: OwnedFd,
        streams: Streams,
        started_ns: u64,
        phases: Vec<Phase>,
        leads_group: bool,
    ) -> Self {
        let Streams { stdin, stdout, stderr } = streams;
        Self { stdin, stdout, stderr, started_ns, pid, pidfd, phases, leads_group, exit: None }
    }

    /// Its process id as the host sees it. Names it only until it has been waited for.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its pidfd: readable once it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The phases of its start, in order.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Sends SIGKILL. With a pid namespace everything inside dies with it; without, only the program itself
    /// and, with [`crate::Spec::new_session`], its process group (see also [`crate::cgroup::Cgroup::kill_all`]).
    pub fn kill(&self) {
        // The only failure is ESRCH: it is dead already.
        let _ = sys::pidfd_send_signal(self.pidfd(), libc::SIGKILL);
        self.end_group();
    }

    /// Kills the rest of its process group. As long as the leader has not been reaped the number is the group's own.
    fn end_group(&self) {
        if self.leads_group && self.exit.is_none() {
            // ESRCH, if it has ended before it could lead one.
            let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }

    /// Waits until it has ended and reaps it; from then on returns the same again.
    ///
    /// # Errors
    /// [`Error::Wait`] if someone else has reaped it.
    pub fn wait(&mut self) -> Result<Exit, Error> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        if self.leads_group {
            self.until_ended(None)?;
            self.end_group();
        }
        let (status, usage) = sys::wait4(self.pid).map_err(|errno| Error::Wait { pid: self.pid, errno })?;
        let exit = Exit {
            status: ExitStatus::from_raw(status),
            user_time: duration(usage.ru_utime),
            system_time: duration(usage.ru_stime),
        };
        Ok(*self.exit.insert(exit))
    }

    /// As [`Self::wait`], but gives up after `timeout`, leaving the instance as it is: `None`.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<Exit>, Error> {
        if self.exit.is_none() && !self.until_ended(Some(timeout))? {
            return Ok(None);
        }
        self.wait().map(Some)
    }

    /// Whether it ends within `timeout`; it stays to be reaped.
    fn until_ended(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let longest = timeout.and_then(|timeout| timeout.as_nanos().try_into().ok()).unwrap_or(u64::MAX);
        let deadline_ns = sys::now_ns().saturating_add(longest);
        loop {
            let left = Duration::from_nanos(deadline_ns.saturating_sub(sys::now_ns()));
            // Rounded up, or the last millisecond would be spent spinning.
            let left_ms = i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
            let timeout = PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::ZERO);
            match poll(&mut [PollFd::new(self.pidfd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if sys::now_ns() >= deadline_ns => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(Error::Wait { pid: self.pid, errno }),
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
            // Fails only if someone else has reaped it, and then there is nothing left to do.
            let _ = self.wait();
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    // The kernel's CPU times are never negative, and its microseconds stay below a million.
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000)
}

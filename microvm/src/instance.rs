//! A running machine, as its launcher sees it.
//!
//! Invariant: the VMM process is a child that has not been reaped as long as `exit` is none, so its pid is its
//! own; on drop it is killed and reaped. What it reports is read without waiting and bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeSpec;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::launcher::Error;
use crate::report::{Outcome, Report, decode};

/// More than the longest report: 512 counters of 40 characters, 30 lines of a console, and an error message.
const MAX_REPORT: u64 = 64 << 10;

/// What the VMM process used, guest included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time in user mode and in the guest.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// Largest resident set in bytes.
    pub max_rss_bytes: u64,
}

/// How a machine ended and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub outcome: Outcome,
    /// System calls outside the guest kernel's subset, by number, and how often each was made; number 511 stands for
    /// itself and all above. Empty if the machine was killed.
    pub unknown_syscalls: BTreeMap<u64, u64>,
    /// How often the guest called the VMM; 0 for a Linux guest, which calls it all the time.
    pub doorbells: u64,
    /// The last lines of a Linux guest's console, without what is not printable.
    pub console: Vec<String>,
    /// Resource use.
    pub usage: Usage,
}

/// A machine.
#[derive(Debug)]
pub struct Instance {
    /// The write end of the guest's standard input, unless that is a file; drop it to make the guest see the end of file.
    pub stdin: Option<File>,
    /// The read end of its standard output.
    pub stdout: File,
    /// The read end of its standard error, if the configuration captures it.
    pub stderr: Option<File>,
    /// When `Launcher::start` spawned the VMM, CLOCK_MONOTONIC in nanoseconds.
    pub started_ns: u64,
    pid: Pid,
    pidfd: OwnedFd,
    report: File,
    report_text: Vec<u8>,
    deadline: bool,
    exit: Option<Exit>,
}

impl Instance {
    pub(crate) fn adopt(
        pid: Pid,
        started: TimeSpec,
        stdin: Option<File>,
        stdout: File,
        stderr: Option<File>,
        report: File,
        deadline: Option<Duration>,
    ) -> Result<Instance, Error> {
        let pidfd = open_pidfd(pid).inspect_err(|_| {
            // Without a pidfd there is no instance, and nothing may be left.
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        })?;
        Ok(Instance {
            stdin,
            stdout,
            stderr,
            started_ns: Duration::from(started).as_nanos() as u64,
            pid,
            pidfd,
            report,
            report_text: Vec::new(),
            deadline: deadline.is_some(),
            exit: None,
        })
    }

    /// The VMM process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// A descriptor that becomes readable when the VMM process ends.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// What the VMM has reported of its start; none until the guest's first request has been served, or, if it is a
    /// Linux guest, until its init is ready.
    pub fn report(&mut self) -> Result<Option<Report>, Error> {
        self.read_report()?;
        Ok(self.decode()?.0)
    }

    /// Kills the machine; it must still be waited for. No error if it has ended.
    pub fn kill(&self) -> Result<(), Error> {
        if self.exit.is_some() {
            return Ok(());
        }
        // Not reaped yet (invariant), so the pid is still this process's.
        kill(self.pid, Signal::SIGKILL).map_err(Error::host("kill"))
    }

    /// Waits for the end. Again, after the end, it says the same. A guest that fills the pipe of its output
    /// waits for a reader: read `stdout` first, or set a deadline.
    pub fn wait(&mut self) -> Result<Exit, Error> {
        self.reap(0)?.ok_or_else(|| Error::Report("wait4 returned before the end".into()))
    }

    /// Waits for the end, but no longer than `timeout`.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<Exit>, Error> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(exit) = self.reap(libc::WNOHANG)? {
                return Ok(Some(exit));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            match poll(&mut [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)], poll_timeout(left)) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(Error::host("poll")(errno)),
            }
        }
    }

    /// Reaps the process if it has ended, or waits for that, as wait4's `options` say.
    fn reap(&mut self, options: i32) -> Result<Option<Exit>, Error> {
        if let Some(exit) = &self.exit {
            return Ok(Some(exit.clone()));
        }
        let Some((status, usage)) = wait4(self.pid, options)? else { return Ok(None) };
        // From here on it is reaped, whatever the report says.
        let killed = |outcome| Exit {
            outcome,
            unknown_syscalls: BTreeMap::new(),
            doorbells: 0,
            console: Vec::new(),
            usage,
        };
        let exit = match status {
            WaitStatus::Signaled(_, Signal::SIGALRM, _) if self.deadline => killed(Outcome::Deadline),
            WaitStatus::Signaled(_, signal, _) => killed(Outcome::Killed(signal as i32)),
            status => {
                self.exit = Some(killed(Outcome::VmmError("its report cannot be read".into())));
                self.read_report()?;
                let (_, end) = self.decode()?;
                let lost =
                    || Outcome::VmmError(format!("the VMM process ended without a report ({status:?})"));
                Exit {
                    outcome: end.outcome.unwrap_or_else(lost),
                    unknown_syscalls: end.unknown_syscalls,
                    doorbells: end.doorbells,
                    console: end.console,
                    usage,
                }
            }
        };
        self.exit = Some(exit.clone());
        Ok(Some(exit))
    }

    /// Takes what lies in the report pipe.
    fn read_report(&mut self) -> Result<(), Error> {
        let room = MAX_REPORT.saturating_sub(self.report_text.len() as u64);
        match (&self.report).take(room).read_to_end(&mut self.report_text) {
            Ok(_) => Ok(()),
            // What came before the pipe was empty has been taken.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(source) => Err(Error::Host { call: "reading the report", source }),
        }
    }

    fn decode(&self) -> Result<(Option<Report>, crate::report::End), Error> {
        decode(&String::from_utf8_lossy(&self.report_text)).map_err(Error::Report)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.exit.is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
            // A killed process ends; if this is interrupted there is nothing better to do than to try again.
            while waitpid(self.pid, None) == Err(nix::Error::EINTR) {}
        }
    }
}

/// How long to poll. Rounded up: poll counts milliseconds, and 0 would spin.
pub(crate) fn poll_timeout(left: Duration) -> PollTimeout {
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}

fn open_pidfd(pid: Pid) -> Result<OwnedFd, Error> {
    // SAFETY: no pointers are involved; pidfd_open makes a descriptor, close-on-exec, that nobody else knows.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = nix::Error::result(fd).map_err(Error::host("pidfd_open (Linux 5.3)"))?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// wait4(2), which nix does not have: status and usage at once. None if the process still runs (WNOHANG).
fn wait4(pid: Pid, options: i32) -> Result<Option<(WaitStatus, Usage)>, Error> {
    let mut status = 0;
    // SAFETY: rusage is a C struct of integers, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let reaped = loop {
        // SAFETY: both pointers are to live values of the types that the call writes.
        let result = unsafe { libc::wait4(pid.as_raw(), &mut status, options, &mut usage) };
        match nix::Error::result(result) {
            Err(nix::Error::EINTR) => {}
            other => break other.map_err(Error::host("wait4"))?,
        }
    };
    if reaped == 0 {
        return Ok(None);
    }
    let status = WaitStatus::from_raw(pid, status).map_err(Error::host("wait4's status"))?;
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        // Kilobytes (getrusage(2)).
        max_rss_bytes: usage.ru_maxrss as u64 * 1024,
    };
    Ok(Some((status, usage)))
}

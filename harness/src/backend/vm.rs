//! An instance with a VMM process of its own, whatever runs in the machine.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::Result;
use container::cgroup::Cgroup;
use microvm::{Exit, Outcome, Report};
use results::Metric;

use super::calls;
use super::footprint::{Footprint, Split};
use super::native::{charged, cpu_time};
use super::{Ended, Instance};

/// Room for the VMM and for KVM's page tables beside the guest's memory, in bytes.
pub const VMM_ALLOWANCE: u64 = 16 << 20;

/// Of a console, what a message quotes: lines, and characters of each.
const QUOTED_LINES: usize = 6;
const QUOTED_CHARS: usize = 120;

/// A running VMM and its cgroup.
pub struct Vm {
    instance: microvm::Instance,
    cgroup: Option<Cgroup>,
    /// Whether calls outside of the guest kernel's subset are counted.
    has_subset: bool,
}

impl Vm {
    /// With the embedded guest.
    pub fn new(instance: microvm::Instance, cgroup: Option<Cgroup>) -> Self {
        Self { instance, cgroup, has_subset: true }
    }

    /// With a Linux kernel, which knows every call.
    pub fn with_linux(instance: microvm::Instance, cgroup: Option<Cgroup>) -> Self {
        Self { instance, cgroup, has_subset: false }
    }

    /// What the VMM says of itself; it says it right after the guest's first output.
    fn report(&mut self) -> Result<Report, String> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            match self.instance.report() {
                Ok(Some(report)) => return Ok(report),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_micros(50)),
                Ok(None) => return Err("the VMM did not report".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl Instance for Vm {
    fn stdout(&self) -> BorrowedFd<'_> {
        self.instance.stdout.as_fd()
    }

    fn phases(&mut self) -> Vec<(String, u64)> {
        let report = self.report().ok();
        report.map_or(Vec::new(), |report| report.phases.into_iter().map(|p| (p.name, p.end_ns)).collect())
    }

    fn memory(&mut self) -> Vec<(Metric, Result<u64, String>)> {
        let pid = self.instance.pid();
        let split = self.report().and_then(|report| Split::of(pid, report.guest_ram.0, report.guest_ram.1));
        let footprint = Footprint::of(pid);
        vec![
            (Metric::MemoryCurrent, charged(self.cgroup.as_ref())),
            (Metric::Pss, footprint.as_ref().map(|f| f.pss).map_err(Clone::clone)),
            (Metric::Uss, footprint.map(|f| f.uss)),
            (Metric::GuestRam, split.as_ref().map(|s| s.inside).map_err(Clone::clone)),
            (Metric::VmmOverhead, split.map(|s| s.uss_outside)),
        ]
    }

    fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    fn cpu_time(&self) -> Result<Duration, String> {
        cpu_time(self.instance.pid())
    }

    fn pidfd(&self) -> BorrowedFd<'_> {
        self.instance.pidfd()
    }

    fn reap(&mut self, deadline: Duration) -> Result<Ended> {
        let exit = match self.instance.wait_timeout(deadline)? {
            Some(exit) => exit,
            None => {
                self.instance.kill()?;
                self.instance.wait()?
            }
        };
        let Exit { outcome, unknown_syscalls, .. } = &exit;
        Ok(Ended {
            cpu_time: exit.usage.user + exit.usage.system,
            status: if let Outcome::Exited(status) = outcome { Some(*status) } else { None },
            failure: failure(&exit),
            unknown_syscalls: self.has_subset.then(|| unknown_syscalls.values().sum()),
            lacking: calls::lacking(unknown_syscalls),
        })
    }

    fn stop(&mut self, deadline: Duration) -> Result<Ended> {
        drop(self.instance.stdin.take());
        let ended = self.reap(deadline)?;
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove()?;
        }
        Ok(ended)
    }
}

/// How a machine ended, if not well, with the last lines of its console.
fn failure(exit: &Exit) -> Option<String> {
    let how = match &exit.outcome {
        Outcome::Exited(0) => return None,
        Outcome::Exited(status) => format!("exit status {status}"),
        Outcome::Panic(why) => format!("its kernel panicked: {why}"),
        Outcome::TripleFault => "its processor took a triple fault".to_owned(),
        Outcome::Reset => "it reset itself".to_owned(),
        Outcome::Deadline => "it was still at work at its deadline".to_owned(),
        Outcome::Killed(signal) => format!("its VMM was killed by signal {signal}"),
        Outcome::KvmError(text) | Outcome::UnexpectedExit(text) | Outcome::VmmError(text) => text.clone(),
        fault @ Outcome::Fault { .. } => fault.to_string(),
    };
    let first = exit.console.len().saturating_sub(QUOTED_LINES);
    let lines: Vec<String> =
        exit.console[first..].iter().map(|line| line.chars().take(QUOTED_CHARS).collect()).collect();
    if lines.is_empty() {
        return Some(how);
    }
    Some(format!("{how}; its console ended in: {}", lines.join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(outcome: Outcome, console: &[&str]) -> Exit {
        let console = console.iter().map(ToString::to_string).collect();
        Exit {
            outcome,
            unknown_syscalls: Default::default(),
            doorbells: 0,
            console,
            usage: Default::default(),
        }
    }

    #[test]
    fn a_failure_quotes_the_last_lines_of_the_console() {
        let text =
            failure(&exit(Outcome::Panic("no init".into()), &["1", "2", "3", "4", "5", "6", "7"])).unwrap();
        assert_eq!(text, "its kernel panicked: no init; its console ended in: 2 / 3 / 4 / 5 / 6 / 7");
        assert_eq!(failure(&exit(Outcome::Exited(0), &["reboot: Restarting system"])), None);
        assert_eq!(failure(&exit(Outcome::Reset, &[])).unwrap(), "it reset itself");
    }
}

//! Virtual machine monitors of others: QEMU, Firecracker, Cloud Hypervisor. Each boots what `microvm-linux` boots: the same kernel, initramfs, memory
//! and number of vCPUs. The agent says READY over the guest's console, which is the monitor's standard output.

mod cloud_hypervisor;
mod firecracker;
mod qemu;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

use super::runtime::{Order, Site};
use crate::backend::guest::{self, Guest};

pub use cloud_hypervisor::CloudHypervisor;
pub use firecracker::Firecracker;
pub use qemu::{Accelerator, Qemu};

/// What makes a terminal in canonical mode say that its input has ended (termios(3), VEOF): twice, for behind an
/// unfinished line the first one only ends the line.
pub const END_OF_INPUT: [u8; 2] = [4, 4];

/// What every adapter of this folder differs in from `microvm-linux`.
const UNEQUAL: &str = "READY and events come over a serial port, one byte at a time, where microvm-linux has a doorbell; \
                       what the kernel would say there is kept back";

/// An instance that is a virtual machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Guest memory in bytes.
    pub ram_bytes: u64,
    /// How it is asked to end.
    pub ending: Ending,
    /// Where its monitor tells of its start, if it does.
    pub log: Option<Log>,
}

/// How a machine is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The end of the agent's input, upon which it ends the machine, as in `microvm-linux`.
    Input,
    /// SIGTERM to the monitor: it takes no input but from a terminal.
    Signal,
}

/// What a monitor tells of its start.
#[derive(Clone, Debug)]
pub struct Log {
    /// The file.
    pub path: PathBuf,
    /// Reads it: names of stretches and when they ended, in nanoseconds since 1970.
    pub moments: fn(&str) -> Vec<(String, u64)>,
}

/// The log of an instance, in its folder.
const LOG: &str = "log";

impl Machine {
    fn new(order: &Order, ending: Ending) -> Self {
        Self { ram_bytes: memory_mib(order) << 20, ending, log: None }
    }

    /// One whose monitor tells of its start in [`LOG`].
    fn with_log(order: &Order, moments: fn(&str) -> Vec<(String, u64)>) -> Self {
        let log = Log { path: order.dir().join(LOG), moments };
        Self { log: Some(log), ..Self::new(order, Ending::Input) }
    }

    /// What its monitor has told so far, in nanoseconds of CLOCK_MONOTONIC.
    pub fn phases(&self) -> Vec<(String, u64)> {
        let Some((log, since_1970)) = self.log.as_ref().zip(monotonic_behind_real()) else {
            return Vec::new();
        };
        let text = std::fs::read_to_string(&log.path).unwrap_or_default();
        let moments = (log.moments)(&text).into_iter();
        moments.map(|(name, real_ns)| (name, real_ns.saturating_sub(since_1970))).collect()
    }
}

/// How far the monotonic clock is behind that of the day, in nanoseconds.
fn monotonic_behind_real() -> Option<u64> {
    let now = |clock| clock_gettime(clock).ok().map(Duration::from);
    let (real, monotonic) = (now(ClockId::CLOCK_REALTIME)?, now(ClockId::CLOCK_MONOTONIC)?);
    real.checked_sub(monotonic)?.as_nanos().try_into().ok()
}

/// What its machines boot.
#[derive(Clone, Debug, Default)]
struct Boot {
    /// The kernel, if the user names one.
    given: Option<PathBuf>,
    /// Kernel and initramfs, once prepared.
    files: Option<(PathBuf, PathBuf)>,
}

impl Boot {
    fn of(given: Option<PathBuf>) -> Self {
        Self { given, files: None }
    }

    fn prepare(&mut self, site: &Site) -> Result<()> {
        let guest = Guest::prepare(self.given.as_deref())?;
        let initramfs = site.dir.join("initramfs");
        guest.initramfs.save(&initramfs).with_context(|| format!("write {}", initramfs.display()))?;
        self.files = Some((guest.kernel, initramfs));
        Ok(())
    }

    /// The kernel's file; a word in its place in a line to be shown.
    fn kernel(&self) -> &Path {
        self.files.as_ref().map_or(Path::new("KERNEL"), |(kernel, _)| kernel)
    }

    fn initramfs(&self) -> &Path {
        self.files.as_ref().map_or(Path::new("INITRAMFS"), |(_, initramfs)| initramfs)
    }

    /// The kernel's command line: what `microvm-linux` gives it, with one serial port in the place of two and a doorbell,
    /// over which the kernel says nothing, unless the agent lets it (`workloads/src/init.rs`).
    /// `machine`: words that depend on the monitor's hardware. `end`: how the agent ends the machine.
    fn line(&self, order: &Order, machine: &str, end: &str) -> String {
        let mut line = format!("console=ttyS0 quiet loglevel=0 panic=-1 {machine} 8250.nr_uarts=1");
        let env = guest::assignments(order.job);
        if !env.is_empty() {
            line.push(' ');
            line.push_str(&env);
        }
        line.push_str(" BENCH_CONSOLE=");
        line.push_str(end);
        line.push_str(" --");
        for arg in order.job.args {
            line.push(' ');
            line.push_str(arg);
        }
        line
    }
}

/// How the agent ends a machine (`workloads/src/init.rs`): where a monitor takes a restart for an end, and where not.
const BY_RESTART: &str = "restart";
const BY_POWER_OFF: &str = "power-off";

/// MiB of guest memory: what every monitor counts in.
fn memory_mib(order: &Order) -> u64 {
    guest::memory_bytes(order.job).div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Job, JobLimits};

    #[test]
    fn the_agents_arguments_come_last_on_the_kernels_line_and_its_environment_before() {
        let job = Job {
            args: &["getpid", "--batches", "3"],
            env: &[("A", "1")],
            memory_bytes: 32 << 20,
            limits: JobLimits::USUAL,
            accounted: false,
            deadline: None,
        };
        let site = Site { dir: "/s".into(), rootfs: "/s/rootfs".into(), token: "t".into() };
        let order = Order { tool: Path::new("vmm"), site: &site, job: &job, name: "n" };
        let line = Boot::default().line(&order, "reboot=k pci=off", BY_RESTART);
        assert!(line.contains("reboot=k pci=off"), "{line}");
        assert!(line.ends_with(" A=1 BENCH_CONSOLE=restart -- getpid --batches 3"), "{line}");
        assert_eq!(memory_mib(&order), 128);
    }

    #[test]
    fn moments_of_the_day_become_moments_of_the_monotonic_clock() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let real = Duration::from(clock_gettime(ClockId::CLOCK_REALTIME).unwrap()).as_nanos();
        let before = container::now_ns();
        std::fs::write(&log, real.to_string()).unwrap();
        let moments = |text: &str| vec![("now".to_owned(), text.parse().unwrap())];
        let machine = Machine { ram_bytes: 0, ending: Ending::Input, log: Some(Log { path: log, moments }) };
        let (name, at) = machine.phases().remove(0);
        // A clock of the day may be set in between, but not by much.
        assert!(name == "now" && at.abs_diff(before) < 1_000_000_000, "{at} {before}");
    }
}

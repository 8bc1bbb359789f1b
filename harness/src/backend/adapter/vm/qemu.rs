//! `qemu-microvm` and `qemu-q35`: QEMU with its smallest machine and with its PC, no devices beside a serial port.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use super::{BY_RESTART, Boot, LOG, Machine, UNEQUAL, memory_mib};
use crate::backend::adapter::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use crate::backend::adapter::tool::words;
use crate::backend::{Details, Group, guest};
use crate::kernel;

/// What tells in the log when the vCPU has been let go, if it was built with its usual kind of tracing.
const EVENT: &str = "vm_state_notify";

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Accelerator {
    /// The processor, by KVM.
    #[default]
    Kvm,
    /// QEMU's own translator: another thing altogether, and marked so.
    Tcg,
}

/// Which hardware the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Microvm,
    Q35,
}

/// QEMU.
#[derive(Debug)]
pub struct Qemu {
    kind: Kind,
    accelerator: Accelerator,
    boot: Boot,
}

impl Qemu {
    /// Both machines, with the kernel that the user names, if any.
    pub fn all(kernel: Option<&Path>, accelerator: Accelerator) -> impl Iterator<Item = Self> {
        [Kind::Microvm, Kind::Q35].into_iter().map(move |kind| Self {
            kind,
            accelerator,
            boot: Boot::of(kernel.map(PathBuf::from)),
        })
    }

    /// The type of the machine, and what tells the kernel about it: a microvm has neither PCI nor the keyboard controller that
    /// resets a PC.
    fn hardware(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Microvm => ("microvm", "reboot=t pci=off"),
            Kind::Q35 => ("q35", "reboot=k"),
        }
    }
}

impl Runtime for Qemu {
    fn facts(&self) -> Facts {
        let (name, summary) = match self.kind {
            Kind::Microvm => {
                ("qemu-microvm", "QEMU's machine `microvm`, with the same Linux guest as microvm-linux")
            }
            Kind::Q35 => ("qemu-q35", "QEMU's PC `q35`, with the same Linux guest as microvm-linux"),
        };
        Facts {
            name,
            summary,
            program: "qemu-system-x86_64".into(),
            provider: "apt-get install qemu-system-x86, or https://www.qemu.org".to_owned(),
            version_args: Some(words(&["--version"])),
            // The machine `microvm` came with 4.2.
            oldest: (4, 2),
            cgroup: CgroupOf::BenchIfAccounted,
            needs_root: false,
            unequal: UNEQUAL,
            kernel: Some("a Linux kernel of its own"),
            groups: &[Group::Adapter, Group::Vm],
            // Its translator keeps what it has translated.
            allowance: Allowance { memory_bytes: guest::KERNEL_ALLOWANCE + (512 << 20), pids: 16 },
            flag: (self.accelerator == Accelerator::Tcg).then_some(results::EMULATION_FLAG),
        }
    }

    fn check(&self, _tool: &Path) -> Result<Details, String> {
        let given = self.boot.given.as_deref();
        match self.accelerator {
            Accelerator::Kvm => guest::probe(given, self.facts().name),
            Accelerator::Tcg => {
                let kernel = kernel::choose(given).map_err(|error| error.to_string())?;
                let mut details = guest::details(&kernel, "not used");
                details.insert(
                    "isolation".to_owned(),
                    "a machine that is emulated in software (TCG)".to_owned(),
                );
                Ok(details)
            }
        }
    }

    fn prepare(&mut self, _tool: &Path, site: &Site) -> Result<()> {
        self.boot.prepare(site)
    }

    fn command(&self, order: &Order) -> Line {
        let (machine, quirks) = self.hardware();
        let (accelerator, cpu) = match self.accelerator {
            Accelerator::Kvm => ("kvm", "host"),
            Accelerator::Tcg => ("tcg", "max"),
        };
        let mut line: Vec<OsString> = vec![order.tool.into()];
        line.extend(words(&["-name", order.name, "-nodefaults", "-no-user-config", "-display", "none"]));
        line.extend(words(&["-no-reboot", "-machine", machine, "-accel", accelerator, "-cpu", cpu]));
        line.extend(words(&["-smp", "1", "-m", &format!("{}M", memory_mib(order))]));
        line.extend(["-kernel".into(), self.boot.kernel().into()]);
        line.extend(["-initrd".into(), self.boot.initramfs().into()]);
        line.extend(words(&["-append", &self.boot.line(order, quirks, BY_RESTART)]));
        line.extend(words(&["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]));
        line.extend(words(&["-trace", EVENT, "-msg", "timestamp=on", "-D"]));
        line.push(order.dir().join(LOG).into());
        Line { words: line, ..Line::default() }
    }

    fn machine(&self, order: &Order) -> Option<Machine> {
        Some(Machine::with_log(order, moments))
    }
}

/// Lines are `PID@SECONDS.MICROSECONDS:vm_state_notify running 1 reason 9 (running)`.
fn moments(log: &str) -> Vec<(String, u64)> {
    let running = format!(":{EVENT} running 1");
    let find = |line: &str| {
        let (seconds, micros) = line.split_once(&running)?.0.split_once('@')?.1.split_once('.')?;
        let (seconds, micros): (u64, u64) = (seconds.parse().ok()?, micros.parse().ok()?);
        let ns = seconds.checked_mul(1_000_000_000)?.checked_add(micros.checked_mul(1000)?)?;
        Some(("vmm_setup".to_owned(), ns))
    };
    log.lines().find_map(find).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_when_the_machine_ran() {
        let log = "106@1.766488:vm_state_notify running 1 reason 9 (running)\n\
                   106@9.229962:vm_state_notify running 0 reason 11 (shutdown)\n";
        assert_eq!(moments(log), [("vmm_setup".to_owned(), 1_766_488_000)]);
        for other in
            ["", "x", "1@2:vm_state_notify running 1", "1@99999999999999.1:vm_state_notify running 1"]
        {
            assert_eq!(moments(other), [], "{other}");
        }
    }
}

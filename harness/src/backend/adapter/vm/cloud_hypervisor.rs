//! `cloud-hypervisor`: one process for a machine, from its command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{BY_POWER_OFF, Boot, Ending, Machine, UNEQUAL, memory_mib};
use crate::backend::adapter::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use crate::backend::adapter::tool::words;
use crate::backend::{Details, Group, guest};

/// Cloud Hypervisor.
#[derive(Debug)]
pub struct CloudHypervisor {
    boot: Boot,
}

impl CloudHypervisor {
    /// With the kernel that the user names, if any.
    pub fn new(kernel: Option<PathBuf>) -> Self {
        Self { boot: Boot::of(kernel) }
    }
}

impl Runtime for CloudHypervisor {
    fn facts(&self) -> Facts {
        Facts {
            name: "cloud-hypervisor",
            summary: "Cloud Hypervisor, with the same Linux guest as microvm-linux",
            program: "cloud-hypervisor".into(),
            provider:
                "https://github.com/cloud-hypervisor/cloud-hypervisor has binaries (Debian has no package)"
                    .to_owned(),
            version_args: Some(words(&["--version"])),
            // --initramfs and the options of --memory and --serial are older than that.
            oldest: (20, 0),
            cgroup: CgroupOf::BenchIfAccounted,
            needs_root: false,
            unequal: UNEQUAL,
            kernel: Some("a Linux kernel of its own"),
            groups: &[Group::Adapter, Group::Vm],
            allowance: Allowance { memory_bytes: guest::KERNEL_ALLOWANCE + (64 << 20), pids: 32 },
            flag: None,
        }
    }

    fn check(&self, _tool: &Path) -> Result<Details, String> {
        guest::probe(self.boot.given.as_deref(), "cloud-hypervisor")
    }

    fn prepare(&mut self, _tool: &Path, site: &Site) -> Result<()> {
        self.boot.prepare(site)
    }

    fn command(&self, order: &Order) -> Line {
        let mut line: Vec<OsString> = vec![order.tool.into()];
        line.extend(["--kernel".into(), self.boot.kernel().into()]);
        line.extend(["--initramfs".into(), self.boot.initramfs().into()]);
        // It has PCI, and takes a restart for a wish to boot again.
        line.extend(words(&["--cmdline", &self.boot.line(order, "reboot=k", BY_POWER_OFF)]));
        line.extend(words(&["--cpus", "boot=1", "--memory", &format!("size={}M", memory_mib(order))]));
        line.extend(words(&["--serial", "tty", "--console", "off"]));
        Line { words: line, ..Line::default() }
    }

    fn machine(&self, order: &Order) -> Option<Machine> {
        // What it tells of its start counts from a moment that it does not tell.
        Some(Machine::new(order, Ending::Signal))
    }
}

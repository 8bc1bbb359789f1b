//! `firecracker`, without its API: one process for a machine, from a configuration file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{BY_RESTART, Boot, LOG, Machine, UNEQUAL, memory_mib};
use crate::backend::adapter::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use crate::backend::adapter::tool::words;
use crate::backend::{Details, Group, guest};

/// The configuration of an instance.
const CONFIG: &str = "vm.json";

/// What its log says first, and when the vCPU has been let go; what comes of it is the name of the stretch that ends there.
const MOMENTS: [(&str, &str); 2] =
    [("Running Firecracker", "vmm_exec"), ("Successfully started microvm", "vmm_setup")];

/// Firecracker.
#[derive(Debug)]
pub struct Firecracker {
    boot: Boot,
}

impl Firecracker {
    /// With the kernel that the user names, if any.
    pub fn new(kernel: Option<PathBuf>) -> Self {
        Self { boot: Boot::of(kernel) }
    }

    fn config(&self, order: &Order) -> serde_json::Value {
        json!({
            "boot-source": {
                "kernel_image_path": self.boot.kernel(),
                "initrd_path": self.boot.initramfs(),
                "boot_args": self.boot.line(order, "reboot=k pci=off", BY_RESTART),
            },
            "drives": [],
            "machine-config": { "vcpu_count": 1, "mem_size_mib": memory_mib(order) },
        })
    }
}

impl Runtime for Firecracker {
    fn facts(&self) -> Facts {
        Facts {
            name: "firecracker",
            summary: "Firecracker: the monitor of AWS Lambda, with the same Linux guest as microvm-linux",
            program: "firecracker".into(),
            provider:
                "https://github.com/firecracker-microvm/firecracker has binaries (Debian has no package)"
                    .to_owned(),
            version_args: Some(words(&["--version"])),
            // The file's `drives` may be empty and the log may be named on the command line.
            oldest: (1, 0),
            cgroup: CgroupOf::BenchIfAccounted,
            needs_root: false,
            unequal: UNEQUAL,
            kernel: Some("a Linux kernel of its own"),
            groups: &[Group::Adapter, Group::Vm],
            allowance: Allowance { memory_bytes: guest::KERNEL_ALLOWANCE + (32 << 20), pids: 8 },
            flag: None,
        }
    }

    fn check(&self, _tool: &Path) -> Result<Details, String> {
        guest::probe(self.boot.given.as_deref(), "firecracker")
    }

    fn prepare(&mut self, _tool: &Path, site: &Site) -> Result<()> {
        self.boot.prepare(site)
    }

    fn files(&self, order: &Order) -> Result<Vec<(&'static str, String)>> {
        let config =
            serde_json::to_string(&self.config(order)).context("compose the machine's description")?;
        // It wants the log to be there.
        Ok(vec![(CONFIG, config), (LOG, String::new())])
    }

    fn configuration(&self, order: &Order) -> Option<String> {
        Some(self.config(order).to_string())
    }

    fn command(&self, order: &Order) -> Line {
        let mut line: Vec<OsString> = vec![order.tool.into(), "--no-api".into()];
        line.extend(["--config-file".into(), order.dir().join(CONFIG).into()]);
        line.extend(["--log-path".into(), order.dir().join(LOG).into()]);
        // Its log is in local time.
        Line { words: line, files: Vec::new(), env: words(&["TZ=UTC"]) }
    }

    fn machine(&self, order: &Order) -> Option<Machine> {
        Some(Machine::with_log(order, moments))
    }
}

/// Lines of the log are `2026-11-26T20:56:45.669251318 [INSTANCE:THREAD] TEXT`.
fn moments(log: &str) -> Vec<(String, u64)> {
    let find = |(text, name): (&str, &str)| {
        let line = log.lines().find(|line| line.contains(text))?;
        let at: jiff::Timestamp = format!("{}Z", line.split_whitespace().next()?).parse().ok()?;
        let since_1970 = at.as_nanosecond();
        Some((name.to_owned(), u64::try_from(since_1970).ok()?))
    };
    MOMENTS.into_iter().filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_when_the_program_ran_and_when_the_machine_did() {
        let log = "1970-01-01T00:00:01.669251318 [anonymous-instance:main] Running Firecracker v1.17.0-dev\n\
                   1970-01-01T00:00:02.000000001 [anonymous-instance:main] Artificially kick devices\n\
                   1970-01-01T00:00:03.000000002 [anonymous-instance:main] Successfully started microvm that was\n";
        let wanted = [("vmm_exec".to_owned(), 1_669_251_318), ("vmm_setup".to_owned(), 3_000_000_002)];
        assert_eq!(moments(log), wanted);
        assert_eq!(moments("Running Firecracker\n?"), []);
    }
}

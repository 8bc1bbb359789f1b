//! `nspawn` (systemd-nspawn), without systemd: not registered, in one of our cgroups, since its own limits are systemd's.

use std::path::PathBuf;

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime};
use super::tool::words;

/// Folders in which it leaves one of an instance's name where /run is no tmpfs.
pub const TRACES: [&str; 2] = ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export"];

/// systemd-nspawn.
#[derive(Debug)]
pub struct Nspawn;

impl Runtime for Nspawn {
    fn facts(&self) -> Facts {
        Facts {
            name: "nspawn",
            summary: "systemd-nspawn, not registered with machined",
            program: "systemd-nspawn".into(),
            provider: "apt-get install systemd-container".to_owned(),
            version_args: Some(words(&["--version"])),
            // --console=pipe came with 242, --no-new-privileges before.
            oldest: (242, 0),
            cgroup: CgroupOf::Bench,
            needs_root: true,
            unequal: "limits are those of a cgroup that bench makes and starts it in; its own seccomp filter",
            kernel: None,
            is_oci: false,
            allowance: Allowance { memory_bytes: 16 << 20, pids: 1 },
        }
    }

    fn command(&self, order: &Order) -> Line {
        let mut line = vec![order.tool.into()];
        line.extend(words(&["--quiet", "--register=no", "--keep-unit", "--console=pipe", "--read-only"]));
        line.extend(words(&["--private-network", "--drop-capability=all", "--no-new-privileges=yes"]));
        line.extend(words(&[
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--hostname=container",
        ]));
        line.push(format!("--machine={}", order.name).into());
        line.extend(order.env().map(|assignment| format!("--setenv={assignment}").into()));
        line.extend(["--directory".into(), order.site.rootfs.clone().into(), "--".into()]);
        line.extend(order.agent());
        Line { words: line, files: Vec::new() }
    }

    fn traces(&self, order: &Order) -> Vec<PathBuf> {
        TRACES.iter().map(|folder| PathBuf::from(folder).join(order.name)).collect()
    }
}

//! `nspawn` (systemd-nspawn), without systemd: not registered, in one of our cgroups, since its own limits are systemd's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use super::tool::words;
use crate::backend::Group;

/// Folders in which it leaves one of an instance's name where /run is no tmpfs.
pub const TRACES: [&str; 2] = ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export"];

/// Where it locks root file systems, by device and inode.
const LOCKS: &str = "/run/systemd/nspawn/locks";

/// Removes the lock of a root file system that nobody runs any more: one that was killed leaves it.
pub fn remove_lock(rootfs: &Path) {
    let Ok(meta) = fs::metadata(rootfs) else { return };
    // Not there, after all that have ended well.
    let _ = fs::remove_file(format!("{LOCKS}/inode-{}:{}", meta.dev(), meta.ino()));
}

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
            groups: &[Group::Adapter],
            allowance: Allowance { memory_bytes: 16 << 20, pids: 1 },
            flag: None,
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
        Line { words: line, ..Line::default() }
    }

    fn conclude(&self, _tool: &Path, site: &Site) {
        remove_lock(&site.rootfs);
    }

    fn traces(&self, order: &Order) -> Vec<PathBuf> {
        TRACES.iter().map(|folder| PathBuf::from(folder).join(order.name)).collect()
    }
}

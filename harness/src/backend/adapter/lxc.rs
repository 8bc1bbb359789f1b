//! `lxc` (lxc-execute): a container for one program, below LXC's own init, from a configuration file.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use container::seccomp::{CLONE_NAMESPACES, allowed_calls};

use super::runtime::{Allowance, CgroupOf, Facts, Line, Order, Runtime, Site};
use super::tool::words;
use crate::backend::Group;
use crate::host::cgroup_generation;

/// The folder that stands for /var/lib/lxc.
const CONTAINERS: &str = "containers";
const FILTER: &str = "seccomp";
/// Where it mounts the root before it enters it; its own folder for that is not everywhere.
const MOUNT: &str = "mount";
/// Whether the kernel has AppArmor (security/apparmor/lsm.c).
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";

/// Where it keeps locks, by the path of that folder.
pub const LOCKS: &str = "/run/lxc/lock";

/// LXC.
#[derive(Debug)]
pub struct Lxc;

impl Runtime for Lxc {
    fn facts(&self) -> Facts {
        Facts {
            name: "lxc",
            summary: "lxc-execute: LXC's container for one program",
            program: "lxc-execute".into(),
            provider: "apt-get install lxc, or https://github.com/lxc/lxc".to_owned(),
            version_args: Some(words(&["--version"])),
            // `lxc.cgroup.dir.container` came with 4.0.
            oldest: (4, 0),
            cgroup: CgroupOf::Runtime,
            needs_root: true,
            unequal: "the agent is a child of LXC's init, which is in the cgroup, too",
            kernel: None,
            groups: &[Group::Adapter],
            allowance: Allowance { memory_bytes: 0, pids: 1 },
            flag: None,
        }
    }

    fn prepare(&mut self, _tool: &Path, site: &Site) -> Result<()> {
        for folder in [CONTAINERS, MOUNT] {
            let path = site.dir.join(folder);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        let path = site.dir.join(FILTER);
        fs::write(&path, filter()).with_context(|| format!("write {}", path.display()))
    }

    fn conclude(&self, _tool: &Path, site: &Site) {
        remove_locks(&site.dir);
    }

    fn files(&self, order: &Order) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![("config", config(order, self.facts().allowance))])
    }

    fn configuration(&self, order: &Order) -> Option<String> {
        Some(config(order, self.facts().allowance).trim_end().replace('\n', "; "))
    }

    fn command(&self, order: &Order) -> Line {
        let mut line: Vec<OsString> =
            vec![order.tool.into(), "-P".into(), order.site.dir.join(CONTAINERS).into()];
        line.extend([
            "-n".into(),
            order.name.into(),
            "-f".into(),
            order.dir().join("config").into(),
            "--".into(),
        ]);
        line.extend(order.agent());
        Line { words: line, ..Line::default() }
    }
}

/// Removes the folders that stand for locks of containers below `dir`, and those above that are then empty.
pub fn remove_locks(dir: &Path) {
    let Ok(below_root) = dir.strip_prefix("/") else { return };
    let path = PathBuf::from(LOCKS).join(below_root);
    if fs::remove_dir_all(&path).is_ok() {
        for above in path.ancestors().skip(1).take_while(|above| above.starts_with(LOCKS)) {
            // Full, and then not ours alone.
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
    }
}

/// lxc.container.conf(5).
fn config(order: &Order, allowance: Allowance) -> String {
    const PERIOD_US: u64 = 100_000;
    let job = order.job;
    let quota = (job.limits.cpu * PERIOD_US as f64).round() as u64;
    let (memory, pids) = (job.memory_bytes + allowance.memory_bytes, job.limits.pids + allowance.pids);
    let name = order.name;
    let mut lines = vec![
        format!("lxc.rootfs.path = dir:{}", order.site.rootfs.display()),
        format!("lxc.rootfs.mount = {}", order.site.dir.join(MOUNT).display()),
        "lxc.rootfs.options = ro".to_owned(),
        "lxc.uts.name = container".to_owned(),
        "lxc.net.0.type = empty".to_owned(),
        // No terminals: the others have none.
        "lxc.console.path = none".to_owned(),
        "lxc.tty.max = 0".to_owned(),
        "lxc.autodev = 1".to_owned(),
        "lxc.mount.auto = proc:mixed".to_owned(),
        "lxc.mount.entry = tmpfs tmp tmpfs nosuid,nodev,size=64m 0 0".to_owned(),
        "lxc.cap.keep = none".to_owned(),
        "lxc.no_new_privs = 1".to_owned(),
        format!("lxc.seccomp.profile = {}", order.site.dir.join(FILTER).display()),
        format!("lxc.cgroup.dir.container = {name}"),
        format!("lxc.cgroup.dir.monitor = {name}.monitor"),
    ];
    // `container` has no profile, and LXC's own is there only where its package was installed with AppArmor running.
    if fs::read_to_string(APPARMOR).is_ok_and(|text| text.starts_with('Y')) {
        lines.push("lxc.apparmor.profile = unconfined".to_owned());
    }
    if cgroup_generation() == "v2" {
        lines.push(format!("lxc.cgroup2.memory.max = {memory}"));
        lines.push(format!("lxc.cgroup2.cpu.max = {quota} {PERIOD_US}"));
        lines.push(format!("lxc.cgroup2.pids.max = {pids}"));
    } else {
        lines.push(format!("lxc.cgroup.memory.limit_in_bytes = {memory}"));
        lines.push(format!("lxc.cgroup.cpu.cfs_period_us = {PERIOD_US}"));
        lines.push(format!("lxc.cgroup.cpu.cfs_quota_us = {quota}"));
        lines.push(format!("lxc.cgroup.pids.max = {pids}"));
    }
    lines.extend(order.env().map(|assignment| format!("lxc.environment = {assignment}")));
    lines.join("\n") + "\n"
}

/// The filter of `container` in LXC's second format.
fn filter() -> String {
    let mut text = "2\nallowlist errno 1\n[x86_64]\n".to_owned();
    let mut rule = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    allowed_calls().for_each(&mut rule);
    rule(&format!("clone3 errno {}", nix::libc::ENOSYS));
    rule(&format!("clone allow [0,0,SCMP_CMP_MASKED_EQ,{CLONE_NAMESPACES}]"));
    rule(&format!("socket allow [0,{},SCMP_CMP_NE]", nix::libc::AF_VSOCK));
    for personality in [0_u64, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff] {
        rule(&format!("personality allow [0,{personality},SCMP_CMP_EQ]"));
    }
    text
}

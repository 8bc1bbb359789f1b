//! What runtimes of a killed run left outside of its folder: processes, containers of Docker's daemon, folders below /run.
//! All of it carries the run's token.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;

use super::lxc::remove_locks;
use super::runtime::ROOTFS;
use super::{docker, nspawn, podman};

/// Removes what belongs to runs that `is_stale` calls so by an instance's name; returns what it was.
pub fn sweep(is_stale: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut removed = processes(is_stale);
    removed.extend(docker::sweep(is_stale));
    for folder in nspawn::TRACES {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_stale)) {
            if fs::remove_dir_all(entry.path()).is_ok() {
                removed.push(entry.path());
            }
        }
    }
    removed
}

/// Lets go of what holds a stale run's folder, so that it can be removed: mounts, locks, what podman keeps in it.
pub fn release(folder: &Path) {
    podman::release(&folder.join("podman"));
    nspawn::remove_lock(&folder.join(ROOTFS));
    let mounts = Process::myself().and_then(|process| process.mountinfo());
    let below = mounts.into_iter().flatten().filter(|mount| mount.mount_point.starts_with(folder));
    let mut points: Vec<PathBuf> = below.map(|mount| mount.mount_point).collect();
    // What was mounted last lies on top.
    points.reverse();
    for point in points {
        // What cannot be let go of makes removing the folder fail, which is said.
        let _ = umount2(&point, MntFlags::MNT_DETACH);
    }
    remove_locks(folder);
}

/// Kills processes one of whose arguments is the name of a stale instance, as monitors and shims have it. Whole words only:
/// somebody may look at such a folder.
fn processes(is_stale: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut killed = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_ours =
            line.split(|byte| *byte == 0).filter_map(|word| str::from_utf8(word).ok()).any(|word| {
                let name = word.rsplit('=').next().unwrap_or(word);
                // A token, a series, a number.
                name.split('.').count() == 3 && !name.contains('/') && is_stale(name)
            });
        if is_ours && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok() {
            killed.push(entry.path());
        }
    }
    killed
}

//! Emptying and removing cgroups, those of a killed run included.
//!
//! Invariant: only directories that match a prefix and that the caller calls stale are touched, and never the
//! calling process itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use super::{Error, Layout};

/// How long to wait for dying processes. Each takes milliseconds; a second means that one cannot die.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// Cgroups are nested this deep at most before the search gives up on a branch.
const MAX_DEPTH: usize = 16;

/// Removes every cgroup of this host whose name begins with `prefix` and that `is_stale` (given the name),
/// killing what is inside. Returns the directories it removed.
///
/// # Errors
/// The first that could not be removed, after all others have been tried.
pub fn sweep(prefix: &str, is_stale: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for mount in Layout::detect()?.mounts() {
        find(mount, MAX_DEPTH, &|name| name.starts_with(prefix) && is_stale(name), &mut found);
    }
    let mut failure = None;
    found.retain(|path| {
        kill_all(path);
        remove(path).map_err(|error| failure.get_or_insert(error).to_string()).is_ok()
    });
    failure.map_or(Ok(found), Err)
}

/// Collects the matching directories below `dir`, without looking into those.
fn find(dir: &Path, depth: usize, matches: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name().to_str().is_some_and(matches) {
            found.push(entry.path());
        } else if depth > 0 {
            find(&entry.path(), depth - 1, matches, found);
        }
    }
}

/// Whether the calling process is in the cgroup directory `dir` or below it.
fn holds_caller(dir: &Path) -> bool {
    // A host whose layout cannot be read is one in which nothing may be killed by it.
    Layout::detect().map_or(true, |layout| layout.own_dirs().any(|own| own.starts_with(dir)))
}

/// Cgroups directly below `dir`: what runs inside may have made some, as container runtimes do.
fn below(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Kills every process in the cgroup directory `dir`, and below it, until none is left or patience ends. Does nothing where
/// the caller itself sits in it or below: that is nobody's instance but the host's own, or the root.
pub(super) fn kill_all(dir: &Path) {
    if holds_caller(dir) {
        return;
    }
    // v2 since Linux 5.14 does it in one go, forks under way included.
    if super::write(&dir.join("cgroup.kill"), 1).is_ok() {
        return;
    }
    below(dir).for_each(|child| kill_all(&child));
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        let pids = text.lines().filter_map(|line| line.parse::<i32>().ok());
        // 0 stands for a process of another pid namespace; kill(0) would hit our own process group.
        let pids: Vec<Pid> =
            pids.map(Pid::from_raw).filter(|pid| pid.as_raw() > 0 && *pid != getpid()).collect();
        if pids.is_empty() || Instant::now() > end {
            return;
        }
        for pid in pids {
            // Gone already, most likely; if it may not be killed, removing says so.
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Removes the cgroup directory `dir` and those below it, waiting for their last processes to leave.
pub(super) fn remove(dir: &Path) -> Result<(), Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                below(dir).try_for_each(|child| remove(&child))?;
                std::thread::sleep(PAUSE);
            }
            Err(source) => return Err(Error::Io { doing: "remove", path: dir.into(), source }),
        }
    }
}

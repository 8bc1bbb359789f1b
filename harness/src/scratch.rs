//! What a run needs on the machine while it lasts: a folder for the agent and the root file system,
//! and cgroups. Everything carries the run's *token*, so that what a killed run left behind is
//! recognised and removed by the next one or by `bench clean`.
//!
//! Invariant: a folder or cgroup is removed as stale only if its lock is free *and* the process
//! that made it is gone.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::backend::adapter;

const PREFIX: &str = "bench-";
const LOCK: &str = "lock";

/// The folder of a running `bench`; dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    token: String,
    dir: PathBuf,
    agent: PathBuf,
    cgroups: AtomicU32,
    // Held for as long as the run lasts; the kernel frees it however the process ends.
    _lock: Flock<File>,
}

impl Scratch {
    /// Makes the folder below the system's temporary folder and writes the agent into it.
    pub fn create() -> Result<Self> {
        let token = token_of_this_process().context("read /proc/self/stat")?;
        Self::named(token)
    }

    /// Another one, for somebody who only tries something out; as many as there are may be there at a time.
    pub fn for_probe() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let token = token_of_this_process().context("read /proc/self/stat")?;
        Self::named(format!("{token}.probe.{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    fn named(token: String) -> Result<Self> {
        let dir = std::env::temp_dir().join(&token);
        // Others must be able to pass: a rootless container enters it with a mapped user.
        DirBuilder::new().mode(0o755).create(&dir).with_context(|| {
            format!("create {}: set TMPDIR to a folder that can be written", dir.display())
        })?;
        let lock = File::create(dir.join(LOCK)).context("create the lock file")?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))
            .context("lock the scratch folder")?;
        let agent = dir.join("workload");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&agent)?;
        file.write_all(workloads::AGENT).with_context(|| format!("write {}", agent.display()))?;
        Ok(Self { token, dir, agent, cgroups: AtomicU32::new(0), _lock: lock })
    }

    /// What tells this run from all others.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The agent's ELF.
    pub fn agent(&self) -> &Path {
        &self.agent
    }

    /// Cgroup names that no other instance of any run has.
    pub fn cgroup_names(&self) -> CgroupNames {
        let series = self.cgroups.fetch_add(1, Ordering::Relaxed);
        CgroupNames { stem: format!("{}.{series}", self.token), next: AtomicU64::new(0) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!("cannot remove {}: {error}; `bench clean` will", self.dir.display());
        }
    }
}

/// An endless supply of unused cgroup names.
#[derive(Debug)]
pub struct CgroupNames {
    stem: String,
    next: AtomicU64,
}

impl CgroupNames {
    /// The next unused name.
    pub fn next_name(&self) -> String {
        format!("{}.{}", self.stem, self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Whether this process may make a cgroup with limits: makes one and removes it.
pub fn check_cgroups() -> Result<()> {
    let name = format!("{}.probe", token_of_this_process().context("read /proc/self/stat")?);
    let limits = container::cgroup::Limits { memory: Some(64 << 20), cpu: Some(1.0), pids: Some(64) };
    Ok(container::cgroup::Cgroup::create(&name, &limits)?.remove()?)
}

/// Removes what killed runs left behind and returns what it removed.
pub fn sweep() -> Result<Vec<PathBuf>> {
    // First who may still make something, then what they have made.
    let mut removed = adapter::sweep(&is_stale);
    removed.extend(container::cgroup::sweep(PREFIX, is_stale).context("remove stale cgroups")?);
    let temp = std::env::temp_dir();
    for entry in fs::read_dir(&temp).with_context(|| format!("read {}", temp.display()))?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = entry.path();
        // The folder must be ours in every sense: name, layout, owner.
        let mine = fs::symlink_metadata(&path)
            .is_ok_and(|meta| meta.is_dir() && meta.uid() == nix::unistd::geteuid().as_raw());
        if mine && maker(name).is_some() && path.join(LOCK).is_file() && is_stale(name) {
            adapter::release(&path);
            fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// Whether the run that made `name` (a folder's or cgroup's) is over.
fn is_stale(name: &str) -> bool {
    let Some((pid, start)) = maker(name) else { return false };
    let token = format!("{PREFIX}{pid}-{start}");
    start_time(pid).is_none_or(|now| now != start) && !is_locked(&std::env::temp_dir().join(token).join(LOCK))
}

fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Process id and start time (clock ticks since boot) in a token.
fn maker(name: &str) -> Option<(i32, u64)> {
    let token = name.strip_prefix(PREFIX)?.split('.').next()?;
    let (pid, start) = token.split_once('-')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

/// A process id alone may be reused; with its start time it is unique until the next boot. None of one that has ended, whether its
/// parent has noticed or not: the first process of many a container does not hurry.
fn start_time(pid: i32) -> Option<u64> {
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat()).ok()?;
    (stat.state != 'Z').then_some(stat.starttime)
}

fn token_of_this_process() -> procfs::ProcResult<String> {
    let stat = procfs::process::Process::myself()?.stat()?;
    Ok(format!("{PREFIX}{}-{}", stat.pid, stat.starttime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_ended_does_not_live_on_because_nobody_reaps_it() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        assert!(start_time(pid).is_some());
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while start_time(pid).is_some() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(start_time(pid), None);
        child.wait().unwrap();
    }

    #[test]
    fn a_token_names_its_process_and_a_cgroup_name_carries_it() {
        let token = token_of_this_process().unwrap();
        let (pid, start) = maker(&format!("{token}.0.7")).unwrap();
        assert_eq!(pid, std::process::id() as i32);
        assert_eq!(start_time(pid), Some(start));
    }

    #[test]
    fn foreign_names_are_never_stale() {
        for name in ["bench-", "bench-x-1", "bench-results", "benchmark", "bench-1", "other-1-2", ""] {
            assert!(!is_stale(name), "{name}");
        }
    }

    #[test]
    fn a_token_of_a_process_that_is_gone_is_stale_and_our_own_is_not() {
        assert!(is_stale("bench-999999999-1.0.1"));
        assert!(!is_stale(&token_of_this_process().unwrap()));
    }
}

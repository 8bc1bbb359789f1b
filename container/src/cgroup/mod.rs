//! Control groups of v1, v2 and the hybrid of both: create one with limits, let processes join, read, remove.
//!
//! Memory is in bytes, CPU limits in CPUs (0.5 is half of one). Invariant: a [`Cgroup`] removes the
//! directories that it made when dropped, killing what is left inside; what a killed caller left, [`sweep`] removes.

mod layout;
mod sweep;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use layout::{Kind, Layout};
pub use sweep::sweep;

/// Why a cgroup could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory of the cgroup file system refused.
    #[error("cannot {doing} {}: {source}{}", .path.display(), advice(.source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No hierarchy has a controller that a limit needs.
    #[error(
        "no cgroup hierarchy here offers the controller '{0}'; mount one, or have it delegated (systemd: Delegate=yes)"
    )]
    NoController(&'static str),
    /// The host has no cgroups at all.
    #[error("no cgroup file system is mounted here; mount one: mount -t cgroup2 none /sys/fs/cgroup")]
    NoCgroups,
    /// The name is not a plain file name.
    #[error("'{0}' cannot name a cgroup; use a plain name without '/'")]
    BadName(String),
    /// A limit that no kernel takes.
    #[error("a limit of {0} CPUs is out of range; use at least 0.01")]
    BadCpuLimit(f64),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run as root, or have a cgroup delegated (systemd-run --user --scope)"
        }
        io::ErrorKind::AlreadyExists => "; a killed run may have left it: sweep it away, or use another name",
        io::ErrorKind::ResourceBusy => "; processes are still inside",
        _ => "",
    }
}

/// What an instance may use at most; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Memory in bytes, swap included.
    pub memory: Option<u64>,
    /// CPU time per time, in CPUs.
    pub cpu: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Memory charged to a cgroup, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// All of it.
    pub current: u64,
    /// The highest that `current` has been, where the kernel says (v1; v2 since Linux 5.19).
    pub peak: Option<u64>,
    /// Anonymous memory.
    pub anon: u64,
    /// Page cache, tmpfs included.
    pub file: u64,
    /// Kernel memory, where the kernel says (v1; v2 since Linux 5.18).
    pub kernel: Option<u64>,
}

/// The controllers that [`Limits`] and [`MemoryUse`] speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }
}

/// One directory of a cgroup: v1 has one in every hierarchy, v2 a single one.
#[derive(Debug)]
struct Dir {
    path: PathBuf,
    version: Version,
    controllers: Vec<String>,
}

impl Dir {
    /// The file into which a single-threaded process writes "0" to join.
    ///
    /// On v1 that is `tasks`, which moves one thread: the kernel then need not hold off every fork of the
    /// host, as it must for `cgroup.procs` (kernel/cgroup/cgroup.c, `cgroup_procs_write_start`). That
    /// would wait for an RCU grace period, 10 ms and more.
    fn join_file(&self) -> PathBuf {
        self.path.join(if self.version == Version::V1 { "tasks" } else { "cgroup.procs" })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// A cgroup of its own for one instance.
#[derive(Debug)]
pub struct Cgroup {
    dirs: Vec<Dir>,
    join: Join,
    /// Made by somebody else, who also removes it.
    foreign: bool,
}

/// Permission to start inside a cgroup: open files, so that joining needs no path and no mount. Cheap to
/// clone. It does not keep the cgroup alive.
#[derive(Clone, Debug)]
pub struct Join(Arc<Vec<(Version, File)>>);

impl Join {
    /// `tasks` of every v1 hierarchy, for the child to write "0" into.
    pub(crate) fn v1_files(&self) -> impl Iterator<Item = &File> {
        self.0.iter().filter(|(version, _)| *version == Version::V1).map(|(_, file)| file)
    }

    /// The v2 directory for CLONE_INTO_CGROUP.
    pub(crate) fn v2_dir(&self) -> Option<&File> {
        self.0.iter().find(|(version, _)| *version == Version::V2).map(|(_, file)| file)
    }
}

impl Cgroup {
    /// Creates the cgroup `name` where this process may, and sets `limits`. Callers that make many keep the
    /// [`Layout`] and use [`Layout::create`].
    ///
    /// # Errors
    /// What the kernel refused; nothing is left behind then.
    pub fn create(name: &str, limits: &Limits) -> Result<Self, Error> {
        Layout::detect()?.create(name, limits)
    }

    /// The cgroup in which process `pid` sits, which somebody else made: only to be read. Nothing can start inside, and
    /// nothing is killed in it or removed.
    ///
    /// A hierarchy in which the process shares its cgroup with the caller, or sits above it, is left out: what is counted
    /// there is not the process's own.
    ///
    /// # Errors
    /// [`Error::Io`] if the process is gone.
    pub fn of_process(pid: i32) -> Result<Self, Error> {
        let cgroup = read(&PathBuf::from(format!("/proc/{pid}/cgroup")))?;
        let mountinfo = read(Path::new("/proc/self/mountinfo"))?;
        let dirs = Layout::parse(&cgroup, &mountinfo).dirs_apart_from(&Layout::detect()?);
        Ok(Self { dirs, join: Join(Arc::default()), foreign: true })
    }

    /// Fills in what `Layout::create` has made. `dirs` are removed again if that fails.
    fn open(dirs: Vec<Dir>, limits: &Limits) -> Result<Self, Error> {
        let mut cgroup = Self { dirs, join: Join(Arc::default()), foreign: false };
        cgroup.limit(limits)?;
        let files = cgroup.dirs.iter().map(|dir| {
            let (path, file) = match dir.version {
                Version::V1 => {
                    let path = dir.join_file();
                    (path.clone(), OpenOptions::new().write(true).open(path))
                }
                Version::V2 => (dir.path.clone(), File::open(&dir.path)),
            };
            Ok((dir.version, file.map_err(|source| Error::Io { doing: "open", path, source })?))
        });
        cgroup.join = Join(Arc::new(files.collect::<Result<_, Error>>()?));
        Ok(cgroup)
    }

    /// For [`crate::Spec::cgroup`].
    pub fn join(&self) -> Join {
        self.join.clone()
    }

    /// The files into which a single-threaded process writes "0" to join by itself.
    pub fn join_files(&self) -> Vec<PathBuf> {
        self.dirs.iter().map(Dir::join_file).collect()
    }

    /// Whether somebody else made it ([`Self::of_process`]), who may remove it any time.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Memory charged now.
    ///
    /// # Errors
    /// [`Error::NoController`] without the memory controller; [`Error::Io`] if a file cannot be read.
    pub fn memory(&self) -> Result<MemoryUse, Error> {
        let dir = self.dir("memory").ok_or(Error::NoController("memory"))?;
        let stat = read(&dir.path.join("memory.stat"))?;
        Ok(match dir.version {
            Version::V1 => MemoryUse {
                current: read_number(&dir.path.join("memory.usage_in_bytes"))?,
                peak: read_number(&dir.path.join("memory.max_usage_in_bytes")).ok(),
                anon: field(&stat, "total_rss").unwrap_or(0),
                file: field(&stat, "total_cache").unwrap_or(0),
                kernel: read_number(&dir.path.join("memory.kmem.usage_in_bytes")).ok(),
            },
            Version::V2 => MemoryUse {
                current: read_number(&dir.path.join("memory.current"))?,
                peak: read_number(&dir.path.join("memory.peak")).ok(),
                anon: field(&stat, "anon").unwrap_or(0),
                file: field(&stat, "file").unwrap_or(0),
                kernel: field(&stat, "kernel"),
            },
        })
    }

    /// CPU time of all processes that were ever inside, user and kernel; `None` where nothing counts it (on
    /// v1, a host that mounts cpuacct apart from cpu).
    ///
    /// # Errors
    /// [`Error::Io`] if the file is there and cannot be read.
    pub fn cpu_usage(&self) -> Result<Option<Duration>, Error> {
        if let Some(dir) = self.dirs.iter().find(|dir| dir.version == Version::V2) {
            // There whether or not the cpu controller is on (cgroup-v2.rst, "cpu.stat").
            let stat = read(&dir.path.join("cpu.stat"))?;
            return Ok(field(&stat, "usage_usec").map(Duration::from_micros));
        }
        let Some(dir) = self.dir("cpuacct") else { return Ok(None) };
        read_number(&dir.path.join("cpuacct.usage")).map(|ns| Some(Duration::from_nanos(ns)))
    }

    /// The limit on its memory, in bytes, as the kernel keeps it: rounded to pages, and huge where there is none.
    ///
    /// # Errors
    /// [`Error::NoController`] without the memory controller; [`Error::Io`] if the file cannot be read.
    pub fn memory_limit(&self) -> Result<u64, Error> {
        let dir = self.dir("memory").ok_or(Error::NoController("memory"))?;
        match dir.version {
            Version::V1 => read_number(&dir.path.join("memory.limit_in_bytes")),
            Version::V2 => {
                let path = dir.path.join("memory.max");
                if read(&path)?.trim() == "max" { Ok(u64::MAX) } else { read_number(&path) }
            }
        }
    }

    /// The limit on its CPU time per time, in CPUs; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::NoController`] without the cpu controller; [`Error::Io`] if the file cannot be read.
    pub fn cpu_limit(&self) -> Result<Option<f64>, Error> {
        let dir = self.dir("cpu").ok_or(Error::NoController("cpu"))?;
        let text = match dir.version {
            Version::V1 => {
                let of = |file| read(&dir.path.join(file));
                format!("{} {}", of("cpu.cfs_quota_us")?.trim(), of("cpu.cfs_period_us")?)
            }
            Version::V2 => read(&dir.path.join("cpu.max"))?,
        };
        // Without a quota v1 has -1 in its place and v2 `max`: no number to divide.
        let mut words = text.split_whitespace().map(|word| word.parse::<u64>().ok());
        Ok(match (words.next().flatten(), words.next().flatten()) {
            (Some(quota), Some(period)) if period > 0 => Some(quota as f64 / period as f64),
            _ => None,
        })
    }

    /// The limit on its processes and threads; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::NoController`] without the pids controller; [`Error::Io`] if the file cannot be read.
    pub fn pids_limit(&self) -> Result<Option<u64>, Error> {
        let dir = self.dir("pids").ok_or(Error::NoController("pids"))?;
        Ok(read(&dir.path.join("pids.max"))?.trim().parse().ok())
    }

    /// How many of its processes the kernel has killed because memory ran out; `None` where it does not count them
    /// (before Linux 4.13).
    ///
    /// # Errors
    /// [`Error::NoController`] without the memory controller; [`Error::Io`] if the file cannot be read.
    pub fn oom_kills(&self) -> Result<Option<u64>, Error> {
        let dir = self.dir("memory").ok_or(Error::NoController("memory"))?;
        let file = if dir.version == Version::V1 { "memory.oom_control" } else { "memory.events" };
        Ok(field(&read(&dir.path.join(file))?, "oom_kill"))
    }

    /// How many forks its limit on processes has refused; `None` where nothing counts them.
    pub fn refused_forks(&self) -> Option<u64> {
        field(&read(&self.dir("pids")?.path.join("pids.events")).ok()?, "max")
    }

    /// Kills every process inside, again until none is left or a second has passed. Does nothing in a cgroup that somebody
    /// else made ([`Self::of_process`]): who else sits there is not known.
    pub fn kill_all(&self) {
        if self.foreign {
            return;
        }
        self.dirs.iter().for_each(|dir| sweep::kill_all(&dir.path));
    }

    /// Removes it. The last process to die may still be on its way out, so this tries for up to a second.
    ///
    /// # Errors
    /// [`Error::Io`] if something is still inside; dropping it then kills that.
    pub fn remove(mut self) -> Result<(), Error> {
        if self.foreign {
            return Ok(());
        }
        while let Some(dir) = self.dirs.last() {
            sweep::remove(&dir.path)?;
            self.dirs.pop();
        }
        Ok(())
    }

    fn dir(&self, controller: &str) -> Option<&Dir> {
        self.dirs.iter().find(|dir| dir.controllers.iter().any(|name| name == controller))
    }

    fn limit(&self, limits: &Limits) -> Result<(), Error> {
        /// Microseconds; the kernel's default (sched-bwc.rst, cgroup-v2.rst "cpu.max").
        const PERIOD: u64 = 100_000;
        if let Some(bytes) = limits.memory {
            let dir = self.dir("memory").ok_or(Error::NoController("memory"))?;
            match dir.version {
                Version::V1 => {
                    write(&dir.path.join("memory.limit_in_bytes"), bytes)?;
                    // Memory and swap together; missing on a kernel without swap accounting.
                    write_if_there(&dir.path.join("memory.memsw.limit_in_bytes"), bytes)?;
                }
                Version::V2 => {
                    write(&dir.path.join("memory.max"), bytes)?;
                    write_if_there(&dir.path.join("memory.swap.max"), 0)?;
                }
            }
        }
        if let Some(cpus) = limits.cpu {
            let dir = self.dir("cpu").ok_or(Error::NoController("cpu"))?;
            // The kernel's least quota is 1 ms; the upper bound is far beyond any machine.
            if !(0.01..=1e6).contains(&cpus) {
                return Err(Error::BadCpuLimit(cpus));
            }
            let quota = (cpus * PERIOD as f64).round() as u64;
            match dir.version {
                Version::V1 => {
                    write(&dir.path.join("cpu.cfs_period_us"), PERIOD)?;
                    write(&dir.path.join("cpu.cfs_quota_us"), quota)?;
                }
                Version::V2 => write(&dir.path.join("cpu.max"), format!("{quota} {PERIOD}"))?,
            }
        }
        if let Some(pids) = limits.pids {
            let dir = self.dir("pids").ok_or(Error::NoController("pids"))?;
            write(&dir.path.join("pids.max"), pids)?;
        }
        Ok(())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if self.foreign {
            return;
        }
        for dir in self.dirs.iter().rev() {
            // Without processes, as usual, this is all it takes.
            if fs::remove_dir(&dir.path).is_err() {
                sweep::kill_all(&dir.path);
                // What cannot be removed now, `sweep` finds later by its name.
                let _ = sweep::remove(&dir.path);
            }
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Io { doing: "read", path: path.into(), source })
}

fn read_number(path: &Path) -> Result<u64, Error> {
    let bad = |error| Error::Io {
        doing: "read",
        path: path.into(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    };
    read(path)?.trim().parse().map_err(bad)
}

/// The value of a line `NAME VALUE`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// In one write, without creating the file.
fn write(path: &Path, value: impl ToString) -> Result<(), Error> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.to_string().as_bytes()))
        .map_err(|source| Error::Io { doing: "write", path: path.into(), source })
}

fn write_if_there(path: &Path, value: impl ToString) -> Result<(), Error> {
    if path.exists() { write(path, value) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the control files that a kernel would have put there.
    fn fake(version: Version, files: &[(&str, &str)]) -> (tempfile::TempDir, Cgroup) {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(temp.path().join(name), text).unwrap();
        }
        let controllers = ["memory", "cpu", "pids", "cpuacct"].map(String::from).into();
        let dir = Dir { path: temp.path().into(), version, controllers };
        (temp, Cgroup { dirs: vec![dir], join: Join(Arc::default()), foreign: false })
    }

    #[test]
    fn v2_limits_are_written_in_the_words_of_the_manual() {
        let files = [("memory.max", ""), ("memory.swap.max", "max"), ("cpu.max", ""), ("pids.max", "")];
        let (temp, cgroup) = fake(Version::V2, &files);
        cgroup.limit(&Limits { memory: Some(1 << 20), cpu: Some(0.5), pids: Some(7) }).unwrap();
        let text = |name: &str| fs::read_to_string(temp.path().join(name)).unwrap();
        assert_eq!(text("memory.max"), "1048576");
        assert!(text("memory.swap.max").starts_with('0'));
        assert_eq!(text("cpu.max"), "50000 100000");
        assert_eq!(text("pids.max"), "7");
    }

    #[test]
    fn v2_use_is_read_with_and_without_what_older_kernels_lack() {
        let stat = "anon 10\nfile 20\nkernel 30\nkernel_stack 5\nfile_mapped 1\n";
        let files =
            [("memory.current", "60\n"), ("memory.stat", stat), ("cpu.stat", "usage_usec 5\nuser_usec 3\n")];
        let (_temp, cgroup) = fake(Version::V2, &files);
        let expected = MemoryUse { current: 60, peak: None, anon: 10, file: 20, kernel: Some(30) };
        assert_eq!(cgroup.memory().unwrap(), expected);
        assert_eq!(cgroup.cpu_usage().unwrap(), Some(Duration::from_micros(5)));
    }

    #[test]
    fn what_a_limit_has_done_is_read_from_either_version() {
        let events = [("pids.events", "max 12\n"), ("memory.limit_in_bytes", "33554432\n")];
        let v1 = ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        let (_temp, cgroup) = fake(Version::V1, &[events[0], events[1], v1]);
        assert_eq!((cgroup.oom_kills().unwrap(), cgroup.refused_forks()), (Some(1), Some(12)));
        assert_eq!(cgroup.memory_limit().unwrap(), 32 << 20);
        let v2 = [("memory.events", "low 0\nmax 9\noom 2\noom_kill 2\n"), ("memory.max", "max\n")];
        let (_temp, cgroup) = fake(Version::V2, &v2);
        assert_eq!((cgroup.oom_kills().unwrap(), cgroup.refused_forks()), (Some(2), None));
        assert_eq!(cgroup.memory_limit().unwrap(), u64::MAX);
        let (_temp, old) = fake(Version::V1, &[("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n")]);
        assert_eq!(old.oom_kills().unwrap(), None);
    }

    #[test]
    fn limits_are_read_back_from_either_version_and_none_is_none() {
        let v1 = [("cpu.cfs_quota_us", "50000\n"), ("cpu.cfs_period_us", "100000\n"), ("pids.max", "7\n")];
        let (_temp, cgroup) = fake(Version::V1, &v1);
        assert_eq!((cgroup.cpu_limit().unwrap(), cgroup.pids_limit().unwrap()), (Some(0.5), Some(7)));
        let open = [("cpu.cfs_quota_us", "-1\n"), ("cpu.cfs_period_us", "100000\n"), ("pids.max", "max\n")];
        let (_temp, cgroup) = fake(Version::V1, &open);
        assert_eq!((cgroup.cpu_limit().unwrap(), cgroup.pids_limit().unwrap()), (None, None));
        let (_temp, cgroup) = fake(Version::V2, &[("cpu.max", "100000 100000\n")]);
        assert_eq!(cgroup.cpu_limit().unwrap(), Some(1.0));
        assert!(cgroup.pids_limit().is_err());
        let (_temp, cgroup) = fake(Version::V2, &[("cpu.max", "max 100000\n")]);
        assert_eq!(cgroup.cpu_limit().unwrap(), None);
    }

    #[test]
    fn a_limit_out_of_range_is_refused() {
        let (_temp, cgroup) = fake(Version::V2, &[("cpu.max", "")]);
        for cpus in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let limits = Limits { cpu: Some(cpus), ..Limits::default() };
            assert!(matches!(cgroup.limit(&limits), Err(Error::BadCpuLimit(_))), "{cpus}");
        }
    }
}

//! Starts VMM processes.
//!
//! The VMM is a small static executable embedded in this library. A launcher puts it into sealed memory once;
//! every start is then a `posix_spawn` of that memory, which copies no page tables of a large caller.
//! Invariant: a descriptor made here is close-on-exec, so that no other child of the caller can hold an
//! instance's pipes open.

use std::ffi::{CString, NulError, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::SigSet;
use nix::unistd::pipe2;

use crate::config::{Config, MemorySizeError, Stderr};
use crate::elf::{self, ElfError};
use crate::instance::Instance;
use crate::layout;
use crate::vmm::process::REPORT_FD;

/// The VMM's executable; empty in the nested build that makes it.
static VMM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/microvm-vmm"));

/// Why a machine could not be started or waited for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A memory size that the guest has no map for.
    #[error(transparent)]
    Memory(#[from] MemorySizeError),
    /// A deadline of zero or above a year.
    #[error("the deadline must be above zero and below a year")]
    Deadline,
    /// The name of an environment variable is empty or contains `=`.
    #[error("{0:?} cannot be the name of an environment variable; it must not be empty or contain '='")]
    EnvironmentName(OsString),
    /// A NUL byte in an argument.
    #[error("an argument, path or variable contains a NUL byte: {0}")]
    Nul(#[from] NulError),
    /// The program's file does not open.
    #[error("cannot open the program {path}: {source}")]
    OpenProgram {
        /// Its path.
        path: PathBuf,
        /// What open(2) said.
        source: io::Error,
    },
    /// The program is not one that the embedded guest can run.
    #[error("cannot run {path} in the embedded guest: {source}")]
    Program {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        source: ElfError,
    },
    /// A host call failed.
    #[error("{call} failed: {source}")]
    Host {
        /// The call.
        call: &'static str,
        /// Its error number.
        source: io::Error,
    },
    /// The VMM process sent something that is no report.
    #[error("{0}; this is a defect of microvm, please report it")]
    Report(String),
}

impl Error {
    pub(crate) fn host(call: &'static str) -> impl FnOnce(nix::Error) -> Error {
        move |errno| Error::Host { call, source: errno.into() }
    }
}

/// Checks that `program` can run in an embedded guest of `memory_bytes`, so that a caller may say so before it starts
/// anything. `Launcher::start` does not call it: the VMM checks again, where it is not in a caller's way.
pub fn check_program(program: &Path, memory_bytes: u64) -> Result<(), Error> {
    Config { memory_bytes, ..Config::new(program) }.validate()?;
    let path = || program.to_owned();
    let file = File::open(program).map_err(|source| Error::OpenProgram { path: path(), source })?;
    elf::check(&file, layout::guard_start(memory_bytes))
        .map_err(|source| Error::Program { path: path(), source })?;
    Ok(())
}

/// Starts machines.
#[derive(Debug)]
pub struct Launcher {
    executable: OwnedFd,
}

impl Launcher {
    /// Prepares the VMM's executable, once for all starts.
    pub fn new() -> Result<Launcher, Error> {
        // Without MFD_EXEC, for kernels before 6.3; newer ones make it executable unless vm.memfd_noexec says no.
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let mut executable =
            File::from(memfd_create(c"microvm-vmm", flags).map_err(Error::host("memfd_create"))?);
        executable.write_all(VMM).map_err(|source| Error::Host { call: "write to a memfd", source })?;
        let seals =
            SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&executable, FcntlArg::F_ADD_SEALS(seals)).map_err(Error::host("fcntl(F_ADD_SEALS)"))?;
        Ok(Launcher { executable: above_targets(executable.into())? })
    }

    /// Starts a machine. It returns as soon as the VMM process exists; whatever that meets later, such as a
    /// program that is no static ELF, becomes [`Outcome::VmmError`](crate::Outcome::VmmError).
    ///
    /// The machine is killed when the *thread* that called this ends (prctl(2), PR_SET_PDEATHSIG).
    pub fn start(&self, config: &Config) -> Result<Instance, Error> {
        config.validate()?;
        let args = arguments(config)?;
        let env = environment(config)?;

        let (stdin_child, stdin) = pipe()?;
        let (stdout, stdout_child) = pipe()?;
        let (report, report_child) = pipe()?;
        let (stderr, stderr_child) = match config.stderr {
            Stderr::Inherit => (None, None),
            Stderr::Null => (None, Some(null()?)),
            Stderr::Capture => {
                let (read, write) = pipe()?;
                (Some(File::from(read)), Some(write))
            }
        };
        // Instance::report must not wait.
        fcntl(&report, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::host("fcntl(O_NONBLOCK)"))?;

        let mut actions =
            PosixSpawnFileActions::init().map_err(Error::host("posix_spawn_file_actions_init"))?;
        let mut assign = |fd: &OwnedFd, number: RawFd| {
            actions.add_dup2(fd.as_raw_fd(), number).map_err(Error::host("posix_spawn_file_actions_adddup2"))
        };
        assign(&stdin_child, 0)?;
        assign(&stdout_child, 1)?;
        if let Some(stderr_child) = &stderr_child {
            assign(stderr_child, 2)?;
        }
        assign(&report_child, REPORT_FD)?;

        let path = CString::new(format!("/proc/self/fd/{}", self.executable.as_raw_fd()))?;
        let started_ns = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
            .map_err(Error::host("clock_gettime"))?;
        let pid = posix_spawn(path.as_c_str(), &actions, &attributes()?, &args, &env)
            .map_err(Error::host("posix_spawn of the VMM"))?;
        Instance::adopt(pid, started_ns, stdin.into(), stdout.into(), stderr, report.into(), config.deadline)
    }
}

/// A fresh process: default signal actions, since the VMM's deadline is SIGALRM at its default, and none blocked.
fn attributes() -> Result<PosixSpawnAttr, Error> {
    let mut attributes = PosixSpawnAttr::init().map_err(Error::host("posix_spawnattr_init"))?;
    let flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes
        .set_flags(flags)
        .and_then(|()| attributes.set_sigdefault(&SigSet::all()))
        .and_then(|()| attributes.set_sigmask(&SigSet::empty()))
        .map_err(Error::host("posix_spawnattr_set*"))?;
    Ok(attributes)
}

/// The arguments of `vmm::process`.
fn arguments(config: &Config) -> Result<Vec<CString>, Error> {
    let deadline_ns = config.deadline.map_or(0, |deadline| deadline.as_nanos());
    let numbers = [
        std::process::id().to_string(),
        config.memory_bytes.to_string(),
        deadline_ns.to_string(),
        config.cgroup_procs.len().to_string(),
    ];
    let mut arguments = vec![c"microvm-vmm".to_owned()];
    for number in numbers {
        arguments.push(CString::new(number)?);
    }
    let paths = config.cgroup_procs.iter().chain([&config.program]);
    for text in paths.map(|path| path.as_os_str()).chain(config.args.iter().map(OsString::as_os_str)) {
        arguments.push(CString::new(text.as_bytes())?);
    }
    Ok(arguments)
}

fn environment(config: &Config) -> Result<Vec<CString>, Error> {
    let variable = |(name, value): &(OsString, OsString)| {
        let mut text = name.clone().into_vec();
        text.push(b'=');
        text.extend(value.as_bytes());
        CString::new(text)
    };
    Ok(config.env.iter().map(variable).collect::<Result<_, _>>()?)
}

/// A pipe: read end, write end.
fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(Error::host("pipe2"))?;
    Ok((above_targets(read)?, above_targets(write)?))
}

fn null() -> Result<OwnedFd, Error> {
    let file = OpenOptions::new()
        .write(true)
        .open("/dev/null")
        .map_err(|source| Error::Host { call: "opening /dev/null", source })?;
    above_targets(file.into())
}

/// Moves a descriptor out of the range that the file actions assign, where one dup2 would overwrite the source of the
/// next.
fn above_targets(fd: OwnedFd) -> Result<OwnedFd, Error> {
    if fd.as_raw_fd() > REPORT_FD {
        return Ok(fd);
    }
    let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(REPORT_FD + 1))
        .map_err(Error::host("fcntl(F_DUPFD_CLOEXEC)"))?;
    // SAFETY: fcntl has just made it and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

//! Starts VMM processes.
//!
//! The VMM is a small static executable embedded in this library. A launcher puts it into sealed memory once;
//! every start is then a `posix_spawn` of that memory, which copies no page tables of a large caller.
//! Invariant: a descriptor made here is close-on-exec, so that no other child of the caller can hold an
//! instance's pipes open.

use std::ffi::{CStr, CString, NulError, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::SigSet;
use nix::unistd::pipe2;

use crate::config::{Config, MemorySizeError, Stderr};
use crate::elf::{self, ElfError};
use crate::instance::Instance;
use crate::layout;
use crate::linux::{LinuxConfig, MAX_VCPUS};
use crate::vmm::process::{INITRAMFS_FD, LINUX, REPORT_FD, UNIKERNEL};

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
    /// A number of vCPUs that no machine has.
    #[error("a machine of {0} vCPUs is not possible; choose from 1 to {MAX_VCPUS}")]
    Vcpus(u32),
    /// An initramfs larger than the guest.
    #[error("the initramfs has {bytes} bytes and the guest's memory {memory}; give the guest more memory")]
    InitramfsSize {
        /// Size of the initramfs in bytes.
        bytes: u64,
        /// Size of the guest in bytes.
        memory: u64,
    },
    /// The initramfs does not read.
    #[error("cannot read the initramfs {path}: {source}")]
    OpenInitramfs {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An argument of init that does not survive the kernel's command line.
    #[error(
        "{0:?} cannot be passed to init on the kernel's command line; use printable ASCII without spaces"
    )]
    InitArgument(OsString),
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
        Ok(Launcher { executable: above_targets(sealed(c"microvm-vmm", VMM)?)? })
    }

    /// Starts a machine. It returns as soon as the VMM process exists; whatever that meets later, such as a
    /// program that is no static ELF, becomes [`Outcome::VmmError`](crate::Outcome::VmmError).
    ///
    /// The machine is killed when the *thread* that called this ends (prctl(2), PR_SET_PDEATHSIG).
    pub fn start(&self, config: &Config) -> Result<Instance, Error> {
        config.validate()?;
        self.spawn(&Child {
            args: arguments(config)?,
            env: environment(&config.env)?,
            stdin: config.stdin.as_deref().map(OwnedFd::as_fd),
            stderr: config.stderr,
            initramfs: None,
            deadline: config.deadline,
        })
    }

    /// Starts a machine with a Linux kernel, on the same terms as [`start`](Self::start). Its standard output is what
    /// `/init` writes to `/dev/ttyS1`, preceded by the line `ready`; its standard input goes there.
    pub fn start_linux(&self, config: &LinuxConfig) -> Result<Instance, Error> {
        config.validate()?;
        self.spawn(&Child {
            args: linux_arguments(config)?,
            env: Vec::new(),
            stdin: None,
            stderr: config.console,
            initramfs: Some(config.initramfs.fd()),
            deadline: config.deadline,
        })
    }

    fn spawn(&self, child: &Child<'_>) -> Result<Instance, Error> {
        let (stdin_child, stdin) = match child.stdin {
            Some(file) => (copy(file)?, None),
            None => pipe().map(|(read, write)| (read, Some(File::from(write))))?,
        };
        let (stdout, stdout_child) = pipe()?;
        let (report, report_child) = pipe()?;
        let (stderr, stderr_child) = match child.stderr {
            Stderr::Inherit => (None, None),
            Stderr::Null => (None, Some(null()?)),
            Stderr::Capture => {
                let (read, write) = pipe()?;
                (Some(File::from(read)), Some(write))
            }
        };
        // Instance::report must not wait.
        fcntl(&report, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::host("fcntl(O_NONBLOCK)"))?;
        let initramfs = match child.initramfs {
            Some(fd) => Some(copy(fd)?),
            None => None,
        };

        let mut actions =
            PosixSpawnFileActions::init().map_err(Error::host("posix_spawn_file_actions_init"))?;
        let sources = [(Some(&stdin_child), 0), (Some(&stdout_child), 1), (stderr_child.as_ref(), 2)];
        let more = [(Some(&report_child), REPORT_FD), (initramfs.as_ref(), INITRAMFS_FD)];
        for (fd, number) in sources.into_iter().chain(more) {
            let Some(fd) = fd else { continue };
            actions
                .add_dup2(fd.as_raw_fd(), number)
                .map_err(Error::host("posix_spawn_file_actions_adddup2"))?;
        }

        let path = CString::new(format!("/proc/self/fd/{}", self.executable.as_raw_fd()))?;
        let started_ns = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
            .map_err(Error::host("clock_gettime"))?;
        let pid = posix_spawn(path.as_c_str(), &actions, &attributes()?, &child.args, &child.env)
            .map_err(Error::host("posix_spawn of the VMM"))?;
        Instance::adopt(pid, started_ns, stdin, stdout.into(), stderr, report.into(), child.deadline)
    }
}

/// What differs between the VMM processes.
struct Child<'a> {
    args: Vec<CString>,
    env: Vec<CString>,
    stdin: Option<BorrowedFd<'a>>,
    stderr: Stderr,
    initramfs: Option<BorrowedFd<'a>>,
    deadline: Option<Duration>,
}

/// A copy out of the way of the file actions.
fn copy(fd: BorrowedFd<'_>) -> Result<OwnedFd, Error> {
    let cannot_copy = |source| Error::Host { call: "fcntl(F_DUPFD_CLOEXEC)", source };
    above_targets(fd.try_clone_to_owned().map_err(cannot_copy)?)
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

/// The arguments of `vmm::process` for the embedded guest.
fn arguments(config: &Config) -> Result<Vec<CString>, Error> {
    let mut arguments =
        common_arguments(UNIKERNEL, config.memory_bytes, config.deadline, &config.cgroup_procs)?;
    let program = config.program.as_os_str();
    let arg0 = config.arg0.as_deref().unwrap_or(program);
    let words = [program, arg0].into_iter().chain(config.args.iter().map(OsString::as_os_str));
    for word in words {
        arguments.push(CString::new(word.as_bytes())?);
    }
    Ok(arguments)
}

/// The arguments of `vmm::process` for a Linux guest.
fn linux_arguments(config: &LinuxConfig) -> Result<Vec<CString>, Error> {
    let mut arguments = common_arguments(LINUX, config.memory_bytes, config.deadline, &config.cgroup_procs)?;
    for number in [config.vcpus, u32::from(config.hide_cx16)] {
        arguments.push(CString::new(number.to_string())?);
    }
    arguments.push(CString::new(config.extra_cmdline.as_str())?);
    let words = [config.kernel.as_os_str()].into_iter().chain(config.args.iter().map(OsString::as_os_str));
    for word in words {
        arguments.push(CString::new(word.as_bytes())?);
    }
    Ok(arguments)
}

fn common_arguments(
    kind: &str,
    memory_bytes: u64,
    deadline: Option<Duration>,
    cgroup_procs: &[PathBuf],
) -> Result<Vec<CString>, Error> {
    let words = [
        "microvm-vmm".to_owned(),
        std::process::id().to_string(),
        memory_bytes.to_string(),
        deadline.map_or(0, |deadline| deadline.as_nanos()).to_string(),
        cgroup_procs.len().to_string(),
    ];
    let mut arguments = Vec::new();
    for word in words {
        arguments.push(CString::new(word)?);
    }
    for path in cgroup_procs {
        arguments.push(CString::new(path.as_os_str().as_bytes())?);
    }
    arguments.push(CString::new(kind)?);
    Ok(arguments)
}

fn environment(variables: &[(OsString, OsString)]) -> Result<Vec<CString>, Error> {
    let variable = |(name, value): &(OsString, OsString)| {
        let mut text = name.clone().into_vec();
        text.push(b'=');
        text.extend(value.as_bytes());
        CString::new(text)
    };
    Ok(variables.iter().map(variable).collect::<Result<_, _>>()?)
}

/// Memory of these bytes that nobody can change any more, close-on-exec. It may be executed.
pub(crate) fn sealed(name: &CStr, bytes: &[u8]) -> Result<OwnedFd, Error> {
    // Without MFD_EXEC, for kernels before 6.3; newer ones make it executable unless vm.memfd_noexec says no.
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(name, flags).map_err(Error::host("memfd_create"))?);
    file.write_all(bytes).map_err(|source| Error::Host { call: "write to a memfd", source })?;
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(Error::host("fcntl(F_ADD_SEALS)"))?;
    Ok(file.into())
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
    if fd.as_raw_fd() > INITRAMFS_FD {
        return Ok(fd);
    }
    let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(INITRAMFS_FD + 1))
        .map_err(Error::host("fcntl(F_DUPFD_CLOEXEC)"))?;
    // SAFETY: fcntl has just made it and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

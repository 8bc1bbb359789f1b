//! The `microvm-vmm` process from its first line to its last.
//!
//! Its arguments are an agreement with [`Launcher`](crate::Launcher) and no user interface: the launcher's pid,
//! the guest's memory in bytes, the deadline in nanoseconds (0: none), the number of cgroup files, those files,
//! the kind of guest. For the embedded one the program and its arguments from 0 on follow, and the environment is the
//! program's; for a Linux guest the number of vCPUs, 1 to hide CMPXCHG16B, additions to the command line, the
//! kernel, the arguments of init. Descriptors 0, 1, 2 are the guest's console, 3 takes the report, 4 is the initramfs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::FromRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::time::ClockId;

use super::machine::now;
use super::{Console, Error, GuestImage, Machine, run};
use crate::linux;
use crate::report::{End, Outcome, Part, Phase, Report};

/// The descriptor of the report pipe.
pub(crate) const REPORT_FD: i32 = 3;
/// The descriptor of a Linux guest's initramfs; the highest that the launcher assigns.
pub(crate) const INITRAMFS_FD: i32 = 4;
/// The two kinds of guests.
pub(crate) const UNIKERNEL: &str = "unikernel";
/// As above.
pub(crate) const LINUX: &str = "linux";

/// How long after its deadline a Linux guest's own way to end may take before the signal does it.
const GRACE_NS: u64 = 2_000_000_000;

/// The embedded guest kernel.
pub static KERNEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernel.elf"));

/// What the launcher passes.
struct Job {
    parent: i32,
    memory_bytes: u64,
    deadline_ns: u64,
    cgroup_procs: Vec<OsString>,
    guest: GuestJob,
}

/// What runs in the machine.
enum GuestJob {
    Unikernel { program: PathBuf, args: Vec<Vec<u8>> },
    Linux(LinuxJob),
}

struct LinuxJob {
    vcpus: u32,
    hide_cx16: bool,
    extra_cmdline: String,
    kernel: PathBuf,
    args: Vec<Vec<u8>>,
}

/// Runs one machine; the status is 0 if the report says how it ended, whatever that was.
pub fn main() -> i32 {
    let entered = now(ClockId::CLOCK_MONOTONIC);
    let Some(job) = parse(std::env::args_os().skip(1)) else {
        eprintln!(
            "microvm-vmm is started by the microvm library; run `cargo run -p microvm --example run -- PROGRAM`"
        );
        return 2;
    };
    // SAFETY: the launcher opened it for this process and nothing else here uses it.
    let mut sink = unsafe { File::from_raw_fd(REPORT_FD) };
    let end = match entered.and_then(|entered| serve(&job, entered, &mut sink)) {
        Ok(end) => end,
        Err(error) => End { outcome: Some(Outcome::VmmError(error.to_string())), ..End::default() },
    };
    // Nobody is left to tell if this fails: the launcher takes a missing end for a failure.
    match sink.write_all(Part::End(&end).to_string().as_bytes()) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn serve(job: &Job, entered: u64, sink: &mut File) -> Result<End, Error> {
    die_with(job.parent)?;
    ignore_sigpipe()?;
    // Before any allocation for the guest, so that all of it is charged there.
    join(&job.cgroup_procs)?;
    let report =
        Report { phases: vec![Phase { name: "vmm_exec".into(), end_ns: entered }], ..Report::default() };
    match &job.guest {
        GuestJob::Unikernel { program, args } => {
            close_from(REPORT_FD + 1)?;
            set_deadline(job.deadline_ns)?;
            serve_unikernel(job.memory_bytes, program, args, report, sink)
        }
        GuestJob::Linux(linux) => {
            close_from(INITRAMFS_FD + 1)?;
            // It tells the console's last lines when its time is over; the signal is for when it cannot.
            let deadline =
                (job.deadline_ns > 0).then(|| Instant::now() + Duration::from_nanos(job.deadline_ns));
            set_deadline(if deadline.is_some() { job.deadline_ns.saturating_add(GRACE_NS) } else { 0 })?;
            serve_linux(job.memory_bytes, linux, deadline, report, sink)
        }
    }
}

fn serve_unikernel(
    memory_bytes: u64,
    path: &Path,
    args: &[Vec<u8>],
    mut report: Report,
    sink: &mut File,
) -> Result<End, Error> {
    let env: Vec<Vec<u8>> = std::env::vars_os().map(|(name, value)| variable(name, value)).collect();
    let image = GuestImage { kernel: KERNEL, path, args, env: &env, memory_bytes };
    let mut machine = Machine::new(&image, |name| stamp(&mut report, name))?;
    Ok(run(&mut machine, &mut Console::standard(), |machine, started| {
        report.phases.push(Phase { name: "first_entry".into(), end_ns: started.first_request_ns });
        report.kernel_ring = started.kernel_ring;
        report.guest_ram = machine.guest_ram();
        report.tsc_khz = machine.tsc_khz();
        // As above: a launcher that has gone does not read it, and the guest may go on.
        let _ = sink.write_all(Part::Start(&report).to_string().as_bytes());
    }))
}

fn serve_linux(
    memory_bytes: u64,
    job: &LinuxJob,
    deadline: Option<Instant>,
    mut report: Report,
    sink: &mut File,
) -> Result<End, Error> {
    // SAFETY: the launcher opened it for this process and nothing else here uses it.
    let initramfs = unsafe { File::from_raw_fd(INITRAMFS_FD) };
    let guest = linux::Guest {
        kernel: &job.kernel,
        initramfs: &initramfs,
        extra_cmdline: &job.extra_cmdline,
        args: &job.args,
        memory_bytes,
        vcpus: job.vcpus,
        hide_cx16: job.hide_cx16,
    };
    let outcome = linux::Machine::new(&guest, |name| stamp(&mut report, name)).and_then(|machine| {
        let sink = sink.try_clone().map_err(linux::host_error("dup"))?;
        linux::run(machine, report, sink, deadline)
    });
    match outcome {
        Err(error) => Ok(End { outcome: Some(Outcome::VmmError(error.to_string())), ..End::default() }),
    }
}

fn stamp(report: &mut Report, name: &str) {
    let end_ns = now(ClockId::CLOCK_MONOTONIC).unwrap_or_default();
    report.phases.push(Phase { name: name.to_owned(), end_ns });
}

fn parse(mut words: impl Iterator<Item = OsString>) -> Option<Job> {
    fn number<T: std::str::FromStr>(word: Option<OsString>) -> Option<T> {
        word?.to_str()?.parse().ok()
    }
    let (parent, memory_bytes) = (number(words.next())?, number(words.next())?);
    let (deadline_ns, cgroups) = (number(words.next())?, number(words.next())?);
    let cgroup_procs: Vec<OsString> = words.by_ref().take(cgroups).collect();
    let kind = words.next()?;
    let rest =
        |words: &mut dyn Iterator<Item = OsString>| words.map(OsStringExt::into_vec).collect::<Vec<_>>();
    let guest = if kind == UNIKERNEL {
        GuestJob::Unikernel { program: words.next()?.into(), args: rest(&mut words) }
    } else if kind == LINUX {
        GuestJob::Linux(LinuxJob {
            vcpus: number(words.next())?,
            hide_cx16: number::<u8>(words.next())? != 0,
            extra_cmdline: words.next()?.into_string().ok()?,
            kernel: words.next()?.into(),
            args: rest(&mut words),
        })
    } else {
        return None;
    };
    Some(Job { parent, memory_bytes, deadline_ns, cgroup_procs, guest })
}

/// `NAME=value`, as a program finds it on its stack.
fn variable(name: OsString, value: OsString) -> Vec<u8> {
    [name.as_bytes(), b"=", value.as_bytes()].concat()
}

/// Has the kernel kill this process when its launcher dies, so that no machine outlives a `kill -9` of it.
fn die_with(parent: i32) -> Result<(), Error> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(host_error("prctl(PR_SET_PDEATHSIG)"))?;
    // Only a death after the call above is signalled.
    if nix::unistd::getppid().as_raw() == parent {
        Ok(())
    } else {
        Err(host_error("the launcher")(nix::Error::ESRCH))
    }
}

/// A reader of the guest's output that goes away is an error of the guest's write, not the end of the VMM.
fn ignore_sigpipe() -> Result<(), Error> {
    // SAFETY: no handler is installed.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }.map(drop).map_err(host_error("signal"))
}

/// Closes what the launcher's other threads may have left open across exec.
fn close_from(first: i32) -> Result<(), Error> {
    // SAFETY: no descriptor from `first` on belongs to anything in this process yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    match nix::Error::result(result) {
        // Linux before 5.9 has no such call. Its callers' descriptors are close-on-exec by good manners.
        Ok(_) | Err(nix::Error::ENOSYS) => Ok(()),
        Err(errno) => Err(host_error("close_range")(errno)),
    }
}

/// Has SIGALRM, at its default, kill this process after `nanoseconds`: that works whether the guest runs or the VMM
/// waits in a read or write. The launcher knows the signal for what it is.
fn set_deadline(nanoseconds: u64) -> Result<(), Error> {
    if nanoseconds == 0 {
        return Ok(());
    }
    let microseconds = nanoseconds.div_ceil(1000);
    let value = libc::timeval {
        tv_sec: (microseconds / 1_000_000) as libc::time_t,
        tv_usec: (microseconds % 1_000_000) as libc::suseconds_t,
    };
    let timer = libc::itimerval { it_value: value, it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 } };
    // SAFETY: the pointer is to a live value, and null means that the old one is not wanted.
    let result = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
    nix::Error::result(result).map(drop).map_err(host_error("setitimer"))
}

/// Moves this process into cgroups: by its own write, since being moved by another costs a grace period (12 ms).
fn join(procs_files: &[OsString]) -> Result<(), Error> {
    for path in procs_files {
        File::options().write(true).open(path).and_then(|mut file| file.write_all(b"0")).map_err(
            |source| Error::Host {
                call: format!("joining the cgroup of {}", Path::new(path).display()),
                source,
            },
        )?;
    }
    Ok(())
}

fn host_error(call: &str) -> impl FnOnce(nix::Error) -> Error {
    move |errno| Error::Host { call: call.into(), source: io::Error::from(errno) }
}

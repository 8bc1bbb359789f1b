//! Runs a static program in a container: `run [OPTIONS] PROGRAM [ARGS]`.
//!
//! Prints phases and resource use on standard error and passes the exit status through (128 + N for signal N).

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;

use container::cgroup::{Cgroup, Limits};
use container::{Instance, Rootfs, Spec, Stdio};

const USAGE: &str = "\
usage: run [OPTIONS] PROGRAM [ARGS]
  --process         no isolation at all
  --chroot          a mere chroot
  --no-seccomp      no system-call filter
  --no-caps-drop    keep the capabilities
  --memory MIB      memory limit
  --cpus N          CPU limit, for instance 0.5
  --pids N          limit of processes and threads
  --quiet           no phases and resource use
PROGRAM is a static executable of the host.";

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("run: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<u8, Error> {
    let mut args = std::env::args_os().skip(1).peekable();
    let (mut process, mut chroot, mut quiet) = (false, false, false);
    let (mut seccomp, mut drop_capabilities) = (true, true);
    let mut limits = Limits::default();
    while let Some(option) = args.next_if(|arg| arg.to_string_lossy().starts_with("--")) {
        let option = option.to_string_lossy();
        let mut value = || args.next().and_then(|value| value.into_string().ok()).ok_or(USAGE);
        match &*option {
            "--process" => process = true,
            "--chroot" => chroot = true,
            "--quiet" => quiet = true,
            "--no-seccomp" => seccomp = false,
            "--no-caps-drop" => drop_capabilities = false,
            "--memory" => limits.memory = Some(value()?.parse::<u64>()?.saturating_mul(1 << 20)),
            "--cpus" => limits.cpu = Some(value()?.parse()?),
            "--pids" => limits.pids = Some(value()?.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    let program = args.next().ok_or(USAGE)?;
    let args: Vec<OsString> = args.collect();

    let bytes = std::fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    let name = Path::new(&program).file_name().ok_or(USAGE)?.to_string_lossy();
    let dir = Scratch(std::env::temp_dir().join(format!("container-run-{}", std::process::id())));
    let rootfs = Rootfs::prepare(&dir.0, &*name, &bytes)?;
    let mut spec = match (process, chroot) {
        (true, _) => Spec::process(program),
        (_, true) => Spec::chroot(&rootfs),
        _ => {
            let full = Spec::container(&rootfs);
            Spec { drop_capabilities, seccomp: full.seccomp.clone().filter(|_| seccomp), ..full }
        }
    };
    spec = Spec { stdin: Stdio::Inherit, stdout: Stdio::Inherit, ..spec.args(args) };
    // What a killed run left, known by its process id. That it cannot be removed is not this run's business.
    let is_stale = |name: &str| {
        let pid = name.strip_prefix("container-run-");
        pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
    };
    let _ = container::cgroup::sweep("container-run-", is_stale);
    let cgroup = match Cgroup::create(&format!("container-run-{}", std::process::id()), &limits) {
        Ok(cgroup) => Some(cgroup),
        Err(error) if limits == Limits::default() => {
            eprintln!("run: without a cgroup: {error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(cgroup) = &cgroup {
        spec = spec.cgroup(cgroup);
    }
    let mut instance = container::start(&spec)?;
    let exit = instance.wait()?;
    if !quiet {
        print_phases(&instance);
        eprintln!("user {:?}, system {:?}, {}", exit.user_time, exit.system_time, exit.status);
        if let Some(memory) = cgroup.as_ref().map(Cgroup::memory).transpose()? {
            eprintln!("memory peak {:?}, now {} bytes", memory.peak, memory.current);
        }
    }
    let signal = exit.status.signal().map(|signal| 128 + signal);
    Ok(exit.status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

fn print_phases(instance: &Instance) {
    let mut begin = instance.started_ns;
    for phase in instance.phases() {
        eprintln!("{:>10} {:>9.1} us", phase.name, phase.end_ns.saturating_sub(begin) as f64 / 1e3);
        begin = phase.end_ns;
    }
}

/// A directory that is removed at the end, whatever the end.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing is mounted in it on the host. What is left is a temporary file's fate.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

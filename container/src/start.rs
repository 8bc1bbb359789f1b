//! The caller's side of a start: prepares all the child needs, clones it, and reads what became of it.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use crate::child::{self, Plan, RootPlan, UserMap};
use crate::clone;
use crate::instance::{Instance, Streams};
use crate::phase::{Report, Step};
use crate::spec::{Namespaces, Root, Spec, Stdio};
use crate::{Error, layers, sys};

/// Starts `spec`'s program and returns once it has been executed.
///
/// The instance is killed when the *thread* that called this ends (`PR_SET_PDEATHSIG` works by thread), so
/// start from a thread that lives as long as the instance shall.
///
/// # Errors
/// Whatever was refused, by name and with what to do about it. Nothing is left behind then.
pub fn start(spec: &Spec) -> Result<Instance, Error> {
    let started_ns = sys::now_ns();
    check(spec)?;
    let program = c_string(spec.program.as_os_str(), "program path")?;
    let arg0 = spec.arg0.as_ref().map(|arg0| c_string(arg0, "argument")).transpose()?;
    let args = c_strings(&spec.args, "argument")?;
    let env = c_strings(&spec.env, "environment variable")?;
    let parent = sys::pidfd_of_self().map_err(|errno| Error::Prepare { doing: "open a pidfd", errno })?;
    let (child_ends, streams) =
        stdio(spec).map_err(|errno| Error::Prepare { doing: "make the standard streams", errno })?;
    let join = spec.cgroup.as_ref();
    let plan = Plan {
        report: Report::new(),
        parent: parent.as_fd(),
        stdio: child_ends.each_ref().map(|end| end.as_ref().map(AsRawFd::as_raw_fd)),
        cgroup_tasks: join.map_or(Vec::new(), |join| join.v1_files().map(AsRawFd::as_raw_fd).collect()),
        new_cgroup_namespace: spec.namespaces.contains(Namespaces::CGROUP),
        user_map: spec.namespaces.contains(Namespaces::USER).then(user_map),
        new_network: spec.namespaces.contains(Namespaces::NET),
        hostname: spec.hostname.as_deref(),
        root: root_plan(spec)?,
        new_session: spec.new_session,
        no_new_privs: spec.no_new_privs,
        drop_capabilities: spec.drop_capabilities,
        files: spec.files.iter().map(|file| file.as_raw_fd()).collect(),
        seccomp: spec.seccomp.as_ref().map(|filter| filter.program()),
        argv: pointers(std::iter::once(arg0.as_ref().unwrap_or(&program)).chain(&args)),
        envp: pointers(&env),
        program,
    };
    let cgroup: Option<RawFd> = join.and_then(|join| join.v2_dir()).map(AsRawFd::as_raw_fd);
    // Not the cgroup namespace: see `join_cgroups`.
    let namespaces = spec.namespaces.flags() & !Namespaces::CGROUP.flags();
    // SAFETY: `child::main` takes a `Plan`, makes system calls only, and nothing of the plan is touched here
    // until `vfork` returns. The strings behind `argv` and `envp` live to the end of this function.
    let cloned = unsafe { clone::vfork(namespaces, cgroup, child::main, (&raw const plan).cast()) };
    let (pid, pidfd) = cloned.map_err(Error::Clone)?;
    plan.report.end(Step::Exec);

    // In a pid namespace the kernel sees to it.
    let leads_group = spec.new_session && !spec.namespaces.contains(Namespaces::PID);
    let mut instance = Instance::new(pid, pidfd, streams, started_ns, plan.report.phases(), leads_group);
    match plan.report.outcome() {
        (Step::Exec, None) => Ok(instance),
        (Step::Exec, Some(failure)) if failure.is_exec() => {
            instance.wait()?;
            Err(Error::Exec { program: spec.program.clone(), errno: failure.errno })
        }
        (step, failure) => {
            instance.wait()?;
            Err(match failure {
                Some(failure) => {
                    Error::Step { step: step.name(), doing: failure.doing, errno: failure.errno }
                }
                None => Error::Killed { step: step.name() },
            })
        }
    }
}

/// Refuses specs whose steps would change the host instead of the instance, or cannot do what they say.
fn check(spec: &Spec) -> Result<(), Error> {
    if matches!(spec.root, Root::Pivot(_) | Root::Overlay(_)) && !spec.namespaces.contains(Namespaces::MOUNT)
    {
        return Err(Error::Contradiction("a pivoted root needs a mount namespace: add Namespaces::MOUNT"));
    }
    if matches!(&spec.root, Root::Chroot(rootfs) if rootfs.lacks_nodes()) {
        return Err(Error::Contradiction(
            "this rootfs has no device nodes and a chroot cannot bind any: prepare it as root, in a directory \
             whose file system is not mounted nodev",
        ));
    }
    if spec.hostname.is_some() && !spec.namespaces.contains(Namespaces::UTS) {
        return Err(Error::Contradiction("a host name needs a UTS namespace: add Namespaces::UTS"));
    }
    Ok(())
}

fn root_plan(spec: &Spec) -> Result<RootPlan, Error> {
    let dir = |path: &Path| c_string(path.as_os_str(), "rootfs path");
    Ok(match &spec.root {
        Root::Host => RootPlan::Host,
        Root::Chroot(rootfs) => RootPlan::Chroot(dir(rootfs.dir())?),
        Root::Pivot(rootfs) => {
            RootPlan::Pivot { dir: dir(rootfs.dir())?, new_dev: rootfs.needs_dev(), binds: rootfs.binds() }
        }
        Root::Overlay(layers) => {
            let in_user_namespace = spec.namespaces.contains(Namespaces::USER);
            RootPlan::Overlay {
                dir: dir(layers.dir())?,
                options: if in_user_namespace { layers::USER_OPTIONS } else { layers::OPTIONS },
                binds: layers.binds(in_user_namespace),
            }
        }
    })
}

/// The caller as root of the new user namespace.
fn user_map() -> UserMap {
    let line = |id: u32| format!("0 {id} 1\n").into_bytes();
    UserMap { uid: line(nix::unistd::geteuid().as_raw()), gid: line(nix::unistd::getegid().as_raw()) }
}

/// The child's ends of its three standard streams, and ours.
fn stdio(spec: &Spec) -> Result<([Option<OwnedFd>; 3], Streams), Errno> {
    let (stdin, our_stdin) = stream(&spec.stdin, Direction::In)?;
    let (stdout, our_stdout) = stream(&spec.stdout, Direction::Out)?;
    let (stderr, our_stderr) = stream(&spec.stderr, Direction::Out)?;
    Ok(([stdin, stdout, stderr], Streams { stdin: our_stdin, stdout: our_stdout, stderr: our_stderr }))
}

#[derive(PartialEq)]
enum Direction {
    In,
    Out,
}

fn stream(choice: &Stdio, direction: Direction) -> Result<(Option<OwnedFd>, Option<File>), Errno> {
    Ok(match choice {
        Stdio::Inherit => (None, None),
        Stdio::Null => (Some(sys::above_stdio(sys::open_null()?)?), None),
        Stdio::File(file) => {
            let copy =
                file.try_clone().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
            (Some(sys::above_stdio(copy)?), None)
        }
        Stdio::Pipe => {
            let (reader, writer) = sys::pipe()?;
            let (child, ours) = if direction == Direction::In { (reader, writer) } else { (writer, reader) };
            (Some(child), Some(ours.into()))
        }
    })
}

fn c_string(string: &OsStr, what: &'static str) -> Result<CString, Error> {
    CString::new(string.as_bytes()).map_err(|_| Error::Nul { what })
}

fn c_strings<S: AsRef<OsStr>>(strings: &[S], what: &'static str) -> Result<Vec<CString>, Error> {
    strings.iter().map(|string| c_string(string.as_ref(), what)).collect()
}

/// As `execve(2)` wants them. A CString's bytes stay where they are when the CString itself is moved.
fn pointers<'a>(strings: impl IntoIterator<Item = &'a CString>) -> Vec<*const libc::c_char> {
    strings.into_iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

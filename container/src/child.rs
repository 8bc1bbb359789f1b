//! Everything the child does between `clone3` and `execve`, in the order the kernel demands.
//!
//! It runs in the caller's memory (see [`crate::clone`]): system calls only, no allocation, no locks, no
//! panics. Invariant: what the steps need was prepared in the [`Plan`], and each step is all or error.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{chdir, chroot, mkdir, pivot_root, sethostname, setsid, symlinkat};
use seccompiler::sock_filter;

use crate::layers;
use crate::phase::{Failure, Report, Step};
use crate::rootfs::{DeviceBinds, LINKS};
use crate::sys::{self, SignalMask};

/// Tmpfs pages count against the instance's memory limit; this bounds one that has none.
const TMP_OPTIONS: &CStr = c"mode=1777,size=64m";
/// Likewise, for what an instance writes to an overlaid root.
const UPPER_OPTIONS: &CStr = c"mode=755,size=64m";
/// Room for names, and no more.
const DEV_OPTIONS: &CStr = c"mode=755,size=64k";
const NONE: Option<&CStr> = None;

/// Exit status of a child that did not get to the exec; the reason is in its [`Report`].
const SETUP_FAILED: i32 = 127;

/// A spec turned into what system calls take.
pub(crate) struct Plan<'a> {
    pub(crate) report: Report,
    /// A pidfd of the caller.
    pub(crate) parent: BorrowedFd<'a>,
    /// Where standard input, output and error come from; `None` leaves the caller's.
    pub(crate) stdio: [Option<RawFd>; 3],
    /// `tasks` files of v1 hierarchies, open for writing.
    pub(crate) cgroup_tasks: Vec<RawFd>,
    pub(crate) new_cgroup_namespace: bool,
    pub(crate) user_map: Option<UserMap>,
    pub(crate) new_network: bool,
    pub(crate) hostname: Option<&'a OsStr>,
    pub(crate) root: RootPlan,
    pub(crate) new_session: bool,
    pub(crate) no_new_privs: bool,
    pub(crate) drop_capabilities: bool,
    pub(crate) seccomp: Option<&'a [sock_filter]>,
    /// What stays open over the exec beside the standard streams.
    pub(crate) files: Vec<RawFd>,
    pub(crate) program: CString,
    /// Pointers to C strings that outlive the plan, ended by a null pointer.
    pub(crate) argv: Vec<*const libc::c_char>,
    /// Likewise.
    pub(crate) envp: Vec<*const libc::c_char>,
}

/// Lines for `/proc/self/{uid,gid}_map` (user_namespaces(7)).
pub(crate) struct UserMap {
    pub(crate) uid: Vec<u8>,
    pub(crate) gid: Vec<u8>,
}

/// What becomes of `/`.
pub(crate) enum RootPlan {
    Host,
    Chroot(CString),
    Pivot {
        dir: CString,
        /// Whether /dev is a file system in memory that lacks all of them.
        new_dev: bool,
        /// Empty if the rootfs has nodes of its own.
        binds: DeviceBinds,
    },
    Overlay {
        /// Where the layers are.
        dir: CString,
        options: &'static CStr,
        /// As above.
        binds: DeviceBinds,
    },
}

/// The child's entry point; `plan` is a `Plan`.
pub(crate) extern "C" fn main(plan: *const ()) -> ! {
    // SAFETY: `start` passes a live `Plan` and sleeps, without touching it, until this process has executed
    // or exited.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    let Err(failure) = run(plan);
    plan.report.fail(failure);
    sys::exit_now(SETUP_FAILED)
}

fn run(plan: &Plan<'_>) -> Result<Infallible, Failure> {
    plan.report.end(Step::Clone);
    // First, so that nothing below can outlive a caller that is killed. Between the clone and here it can;
    // `execute` looks once more at the end, when a death before this line has long been noticed.
    prctl::set_pdeathsig(Signal::SIGKILL).or_fail("ask to die with the caller")?;

    // Before everything that allocates, so that it is charged to the instance.
    if !plan.cgroup_tasks.is_empty() || plan.new_cgroup_namespace {
        plan.report.begin(Step::Cgroup);
        join_cgroups(plan)?;
        plan.report.end(Step::Cgroup);
    }
    // Before everything that needs a capability: an unmapped user has none over its files.
    if let Some(map) = &plan.user_map {
        plan.report.begin(Step::UserMap);
        map_user(map)?;
        plan.report.end(Step::UserMap);
    }
    if plan.new_network || plan.hostname.is_some() {
        plan.report.begin(Step::Network);
        if plan.new_network {
            sys::loopback_up().or_fail("bring the loopback interface up")?;
        }
        if let Some(name) = plan.hostname {
            sethostname(name).or_fail("set the host name")?;
        }
        plan.report.end(Step::Network);
    }
    match &plan.root {
        RootPlan::Host => {}
        RootPlan::Chroot(dir) => {
            plan.report.begin(Step::Pivot);
            chroot(dir.as_c_str()).or_fail("chroot into the rootfs")?;
            // A working directory outside the new root would be a way out of it.
            chdir(c"/").or_fail("enter the new root")?;
            plan.report.end(Step::Pivot);
        }
        RootPlan::Pivot { dir, new_dev, binds } => {
            plan.report.begin(Step::Mounts);
            make_mounts_private()?;
            bind_root(dir)?;
            if *new_dev {
                make_dev(binds)?;
            }
            furnish(binds)?;
            // Last, for mount points had to be found in it. Not recursive: /tmp stays writable.
            let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
            sys::add_mount_attributes(c".", attributes).or_fail("make the rootfs read-only")?;
            plan.report.end(Step::Mounts);
            plan.report.begin(Step::Pivot);
            pivot()?;
            plan.report.end(Step::Pivot);
        }
        RootPlan::Overlay { dir, options, binds } => {
            plan.report.begin(Step::Overlay);
            make_mounts_private()?;
            overlay_root(dir, options)?;
            plan.report.end(Step::Overlay);
            plan.report.begin(Step::Mounts);
            furnish(binds)?;
            plan.report.end(Step::Mounts);
            plan.report.begin(Step::Pivot);
            pivot()?;
            plan.report.end(Step::Pivot);
        }
    }
    if plan.new_session || plan.drop_capabilities || plan.no_new_privs || plan.seccomp.is_some() {
        plan.report.begin(Step::Security);
        restrict(plan)?;
        plan.report.end(Step::Security);
    }
    plan.report.begin(Step::Exec);
    execute(plan)
}

/// Joins by writing "0", which means the writer: moving a process from outside waits for an RCU grace period.
fn join_cgroups(plan: &Plan<'_>) -> Result<(), Failure> {
    for fd in &plan.cgroup_tasks {
        sys::write(*fd, b"0").or_fail("join the cgroup")?;
    }
    // Only now, not by a flag of the clone: a cgroup namespace is rooted where its first process sits when
    // it is made, which was still the caller's cgroup at the clone (with CLONE_INTO_CGROUP, too).
    if plan.new_cgroup_namespace {
        unshare(CloneFlags::CLONE_NEWCGROUP).or_fail("unshare the cgroup namespace")?;
    }
    Ok(())
}

fn map_user(map: &UserMap) -> Result<(), Failure> {
    // The kernel wants setgroups denied before an unprivileged process may map groups: dropping a group
    // could otherwise grant what a file denies to that group.
    sys::write_file(c"/proc/self/setgroups", b"deny").or_fail("deny setgroups")?;
    sys::write_file(c"/proc/self/uid_map", &map.uid).or_fail("map the user id")?;
    sys::write_file(c"/proc/self/gid_map", &map.gid).or_fail("map the group id")
}

/// Before any other mount: on a host whose mounts are shared, ours would appear there, too.
fn make_mounts_private() -> Result<(), Failure> {
    mount(NONE, c"/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).or_fail("make the mounts private")
}

/// Makes the rootfs `dir` a mount, and the working directory.
fn bind_root(dir: &CStr) -> Result<(), Failure> {
    // pivot_root wants a mount point, so the rootfs is bound onto itself.
    mount(Some(dir), dir, NONE, MsFlags::MS_BIND, NONE).or_fail("bind the rootfs")?;
    chdir(dir).or_fail("enter the rootfs")
}

/// Unites the layers in `dir` with a new one on a tmpfs of the instance's own, and enters what comes of it.
fn overlay_root(dir: &CStr, options: &CStr) -> Result<(), Failure> {
    chdir(dir).or_fail("enter the folder of the layers")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(c"tmpfs"), layers::INSTANCE, Some(c"tmpfs"), flags, Some(UPPER_OPTIONS))
        .or_fail("mount a tmpfs for the instance's layer")?;
    let mode = Mode::from_bits_truncate(0o755);
    for folder in [layers::UPPER, layers::WORK, layers::UNITED] {
        mkdir(folder, mode).or_fail("make a folder of the instance's layer")?;
    }
    // The united root has the mode of the upper layer's, at which the umask has been.
    fchmodat(AT_FDCWD, layers::UPPER, mode, FchmodatFlags::FollowSymlink)
        .or_fail("open the instance's layer")?;
    mount(Some(c"overlay"), layers::UNITED, Some(c"overlay"), MsFlags::MS_NOSUID, Some(options))
        .or_fail("mount the overlay")?;
    chdir(layers::UNITED).or_fail("enter the united root")
}

/// Mounts what a root needs in the working directory, which is to become it.
fn furnish(binds: DeviceBinds) -> Result<(), Failure> {
    // While the host's /proc is still in sight: in a user namespace the kernel allows a new one only to
    // those who see an old one whole. Read-only, because /proc/sys and /proc/sysrq-trigger obey file modes
    // alone: uid 0 may write there without any capability.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(c"proc"), c"proc", Some(c"proc"), flags | MsFlags::MS_RDONLY, NONE).or_fail("mount /proc")?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some(c"tmpfs"), c"tmp", Some(c"tmpfs"), flags, Some(TMP_OPTIONS)).or_fail("mount /tmp")?;
    for (source, target) in binds {
        mount(Some(*source), *target, NONE, MsFlags::MS_BIND, NONE).or_fail("bind a device node")?;
    }
    Ok(())
}

/// Covers the root's /dev by a small file system in memory, with a file for every node that is to be bound.
fn make_dev(binds: DeviceBinds) -> Result<(), Failure> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some(c"tmpfs"), c"dev", Some(c"tmpfs"), flags, Some(DEV_OPTIONS)).or_fail("mount /dev")?;
    for (_, node) in binds {
        let flags = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        open(*node, flags, Mode::from_bits_truncate(0o666)).or_fail("make a place for a device node")?;
    }
    for (target, link) in LINKS {
        symlinkat(target, AT_FDCWD, link).or_fail("link a name in /dev")?;
    }
    Ok(())
}

/// Makes the working directory `/` and lets go of the host's root.
fn pivot() -> Result<(), Failure> {
    // With both arguments ".", the old root ends up on top of the new one, and that is what "." then
    // unmounts (pivot_root(2), NOTES): no directory is needed to put it in. The working directory is
    // the new root before and after.
    pivot_root(c".", c".").or_fail("pivot into the rootfs")?;
    umount2(c".", MntFlags::MNT_DETACH).or_fail("detach the host's root")
}

fn restrict(plan: &Plan<'_>) -> Result<(), Failure> {
    if plan.new_session {
        setsid().or_fail("start a session")?;
    }
    if plan.drop_capabilities {
        // The bounding set first: it takes CAP_SETPCAP, which the second call drops. With it empty, uid 0
        // gains nothing by the exec, so no securebits are needed.
        sys::empty_bounding_set().or_fail("empty the capability bounding set")?;
        sys::empty_capabilities().or_fail("drop the capabilities")?;
    }
    if plan.no_new_privs || plan.seccomp.is_some() {
        prctl::set_no_new_privs().or_fail("set no_new_privs")?;
    }
    // Last: it forbids most of the calls above.
    if let Some(filter) = plan.seccomp {
        sys::install_filter(filter).or_fail("install the seccomp filter")?;
    }
    Ok(())
}

fn execute(plan: &Plan<'_>) -> Result<Infallible, Failure> {
    for (target, source) in (0..).zip(plan.stdio) {
        if let Some(source) = source {
            sys::dup2(source, target).or_fail("set up the standard streams")?;
        }
    }
    // What the caller itself inherited without FD_CLOEXEC, say a directory of the host, would be a way out.
    sys::close_on_exec_from(3).or_fail("close the caller's files")?;
    for file in &plan.files {
        sys::keep_on_exec(*file).or_fail("hand a file on")?;
    }
    // Ignored signals survive an exec, and Rust's runtime ignores this one.
    sys::default_action(libc::SIGPIPE).or_fail("reset SIGPIPE")?;
    SignalMask::NONE.set();
    // getppid would not do: in a pid namespace it is 0 whoever the parent is.
    if sys::is_ready(plan.parent) {
        sys::exit_now(SETUP_FAILED);
    }
    // ETXTBSY: another thread of the caller forked while the program was being written, and its child
    // has that file open until its own exec. It goes away by itself.
    let mut patience = 100;
    loop {
        // SAFETY: `start` ended both arrays with a null pointer and keeps their strings alive.
        let errno = unsafe { sys::execve(&plan.program, &plan.argv, &plan.envp) };
        if errno != Errno::ETXTBSY || patience == 0 {
            return Err(Failure { doing: Failure::EXEC, errno });
        }
        patience -= 1;
        sys::sleep_ms(1);
    }
}

/// Names what was being done when a call failed.
trait OrFail<T> {
    fn or_fail(self, doing: &'static str) -> Result<T, Failure>;
}

impl<T> OrFail<T> for Result<T, Errno> {
    fn or_fail(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|errno| Failure { doing, errno })
    }
}

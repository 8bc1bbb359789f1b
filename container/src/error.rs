//! Why an instance could not be started or waited for, and what to do about it.

use std::path::PathBuf;

use nix::errno::Errno;

/// What went wrong with an instance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A string for the kernel contains a NUL byte.
    #[error("the {what} contains a NUL byte, which no path, argument or variable can; remove it")]
    Nul {
        /// Which string.
        what: &'static str,
    },
    /// The spec contradicts itself; following it would change the host or fall short.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The parent side could not prepare.
    #[error("cannot {doing}: {}{}", .errno.desc(), limit_advice(*.errno))]
    Prepare {
        /// What was being done.
        doing: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// `clone3` was refused.
    #[error("cannot create the process with its namespaces (clone3): {}{}", .0.desc(), clone_advice(*.0))]
    Clone(Errno),
    /// A step between clone and exec was refused.
    #[error("cannot {doing} (step {step}): {}{}", .errno.desc(), step_advice(*.errno))]
    Step {
        /// The phase it belongs to.
        step: &'static str,
        /// What was being done.
        doing: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The program could not be executed.
    #[error("cannot execute {}: {}{}", .program.display(), .errno.desc(), exec_advice(*.errno))]
    Exec {
        /// Its path inside the instance's root.
        program: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The child was killed before it could execute the program.
    #[error(
        "the instance was killed during step {step}; a memory limit too small to start in does that, so raise it"
    )]
    Killed {
        /// The phase that was under way.
        step: &'static str,
    },
    /// The instance could not be waited for.
    #[error("cannot wait for process {pid}: {}{}", .errno.desc(), wait_advice(*.errno))]
    Wait {
        /// Its process id.
        pid: i32,
        /// The kernel's answer.
        errno: Errno,
    },
}

fn limit_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EMFILE | Errno::ENFILE => "; close files or raise the limit (ulimit -n)",
        _ => "",
    }
}

fn clone_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM => {
            "; run as root, or add a user namespace (a runtime's seccomp filter, AppArmor and \
             kernel.unprivileged_userns_clone can forbid that, too)"
        }
        Errno::ENOSYS => "; needs Linux 5.12, and no seccomp filter around this process that hides clone3",
        Errno::ENOSPC | Errno::EUSERS => "; raise the limits in /proc/sys/user",
        Errno::EAGAIN => "; too many processes: raise ulimit -u or pids.max",
        Errno::EINVAL => "; the kernel lacks one of the namespaces or is older than 5.12",
        Errno::EBUSY => "; that cgroup has controllers enabled for its children, so it cannot hold processes",
        _ => "",
    }
}

fn step_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM | Errno::EACCES => "; run as root, or add a user namespace and check what confines it",
        Errno::ENOSYS => "; needs Linux 5.12",
        Errno::ENOENT => "; prepare the rootfs again",
        Errno::ENODEV => "; the kernel does not know this file system: load its module (modprobe overlay)",
        _ => "",
    }
}

fn exec_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT => {
            "; check the path as seen inside, and that the program is static (needs no interpreter)"
        }
        Errno::EACCES => "; make it executable (chmod +x), on a file system mounted without noexec",
        Errno::ENOEXEC => "; it must be an ELF file for this machine",
        Errno::ETXTBSY => "; someone is still writing to it",
        _ => "",
    }
}

fn wait_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::ECHILD => "; something else reaped it: do not ignore SIGCHLD or wait for all children",
        _ => "",
    }
}

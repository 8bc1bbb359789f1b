//! Starts a static executable with any subset of Linux isolation, from nothing at all to a full container.
//!
//! One spawn path serves them all, so that what a bare process, a `chroot` and a container cost can be
//! compared: only the steps that a [`Spec`] asks for are taken, in one order, by one function.
//! Times are CLOCK_MONOTONIC nanoseconds. Invariant: whatever [`start`] began is gone when it fails or when
//! the [`Instance`] is dropped; files and cgroups belong to the caller ([`Rootfs`], [`Layers`],
//! [`cgroup::Cgroup`]).
//!
//! Needs Linux 5.12 on x86-64 (`clone3`, `CLONE_INTO_CGROUP`, `close_range`, `mount_setattr`).
//!
//! ```no_run
//! use container::{Rootfs, Spec};
//! let program = std::fs::read("/bin/busybox")?;
//! let rootfs = Rootfs::prepare("/var/tmp/demo".as_ref(), "sh", &program)?;
//! let mut instance = container::start(&Spec::container(&rootfs).args(["-c", "id; ls /dev"]))?;
//! drop(instance.stdin.take());
//! let exit = instance.wait()?;
//! println!("{} after {:?}", exit.status, exit.user_time + exit.system_time);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!(
    "container speaks to Linux on x86-64 only: its clone3 entry and seccomp list are per architecture"
);

pub mod cgroup;
mod child;
mod clone;
mod error;
mod instance;
mod layers;
mod phase;
mod probe;
mod rootfs;
pub mod seccomp;
mod spec;
mod start;
mod sys;

pub use error::Error;
pub use instance::{Exit, Instance};
pub use layers::Layers;
pub use phase::Phase;
pub use probe::{probe, user_namespaces_available};
pub use rootfs::{Rootfs, RootfsError};
pub use spec::{Namespaces, Root, Spec, Stdio};
pub use start::start;

/// CLOCK_MONOTONIC now, in nanoseconds: the clock of every phase.
pub fn now_ns() -> u64 {
    sys::now_ns()
}

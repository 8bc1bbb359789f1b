//! `clone3(2)` with `CLONE_VM | CLONE_VFORK`: a child on a stack of its own in the caller's memory.
//!
//! The caller sleeps until the child executes a program or exits, so nothing is copied (a `fork` of a large
//! caller copies its page tables) and what the child writes into shared memory is there when the caller
//! wakes. Invariant: the child never returns into the caller's frames.

use std::arch::asm;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::sys::{Mapping, SignalMask};

/// The child's calls need a few hundred bytes; only pages that are touched cost anything.
const STACK_BYTES: usize = 64 << 10;

// linux/sched.h; libc's constants of these names are too narrow for their values.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What the child runs: async-signal-safe, without allocation, locks or unwinding.
pub(crate) type Entry = extern "C" fn(*const ()) -> !;

/// Runs `entry(argument)` in a child made with `namespaces` (CLONE_NEW*), inside the cgroup v2 directory
/// `cgroup` if there is one. Returns its process id and pidfd once it has executed a program or exited.
///
/// # Safety
/// `entry` must be sound to run on `argument` in this address space while this thread sleeps and the
/// caller's other threads go on.
pub(crate) unsafe fn vfork(
    namespaces: u32,
    cgroup: Option<RawFd>,
    entry: Entry,
    argument: *const (),
) -> Result<(i32, OwnedFd), Errno> {
    let stack = Mapping::stack(STACK_BYTES)?;
    let mut pidfd: RawFd = -1;
    // CLONE_CLEAR_SIGHAND: no handler of the caller's may run in the child, on the caller's memory.
    let mut flags = u64::from(namespaces)
        | (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD) as u64
        | CLONE_CLEAR_SIGHAND;
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    let args = libc::clone_args {
        flags,
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.address(),
        stack_size: stack.length(),
        cgroup: cgroup.unwrap_or(0) as u64,
        child_tid: 0,
        parent_tid: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
    };
    // The child is born with the thread's mask: nothing may be delivered to it between its birth and
    // its exec, where it takes the mask back by itself.
    let mask = SignalMask::ALL.set();
    let result: i64;
    // SAFETY: the parent's path is an ordinary system call that clobbers rax, rcx and r11. The child wakes
    // behind `syscall` with rax = 0, all other registers as the parent's and rsp at the 16-byte aligned end of
    // `stack`; it reads only registers, calls `entry`, which never returns, and so touches no frame of the
    // parent's. `stack`, `args` and `pidfd` outlive it, for the parent sleeps until it is gone from here.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp", // the outermost frame, for whoever unwinds
            "mov rdi, {argument}",
            "call {entry}",
            "ud2",
            "2:",
            argument = in(reg) argument,
            entry = in(reg) entry,
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") &raw const args,
            in("rsi") size_of_val(&args),
            // Not `lateout`: `entry` and `argument` must not live in registers that `syscall` destroys.
            out("rcx") _,
            out("r11") _,
        );
    }
    mask.set();
    if result < 0 {
        return Err(Errno::from_raw(-result as i32));
    }
    // SAFETY: CLONE_PIDFD stored a new descriptor there, as the call succeeded.
    Ok((result as i32, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

//! Threads and vfork children without a C library: raw `clone` onto a stack of our own, and futexes.
//!
//! A thread made here has no thread-local storage, so its function must not touch any: in the agent there is
//! none, in the library's tests the functions are ours. Invariant: a stack is unmapped only after the kernel
//! has said that its thread is gone.

use core::{
    arch::naked_asm,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{EAGAIN, EINTR, SysError, call, memory::Mapping};

const FUTEX: usize = 202;

/// `include/uapi/linux/sched.h`
const CLONE_VM: usize = 0x100;
const CLONE_FS: usize = 0x200;
const CLONE_FILES: usize = 0x400;
const CLONE_SIGHAND: usize = 0x800;
const CLONE_VFORK: usize = 0x4000;
const CLONE_THREAD: usize = 0x1_0000;
const CLONE_SYSVSEM: usize = 0x4_0000;
const CLONE_PARENT_SETTID: usize = 0x10_0000;
const CLONE_CHILD_CLEARTID: usize = 0x20_0000;
const SIGCHLD: usize = 17;

/// `include/uapi/linux/futex.h`; without FUTEX_PRIVATE_FLAG, since the kernel's wake-up at
/// CLONE_CHILD_CLEARTID is shared.
const FUTEX_WAIT: usize = 0;
const FUTEX_WAKE: usize = 1;

/// Plenty for the few small functions that run on it, so there is no guard page; also for a signal frame with
/// AVX-512 state, should the host send a signal.
const STACK: usize = 64 * 1024;

/// A second thread of this process.
pub struct Thread {
    /// The stack; its lowest word holds the thread id until the kernel clears it. Leaked unless joined.
    stack: core::mem::ManuallyDrop<Mapping>,
}

impl Thread {
    /// Runs `entry(argument)` in a new thread, which ends when `entry` returns.
    pub fn spawn(entry: extern "C" fn(usize), argument: usize) -> Result<Self, SysError> {
        const FLAGS: usize = CLONE_VM
            | CLONE_FS
            | CLONE_FILES
            | CLONE_SIGHAND
            | CLONE_THREAD
            | CLONE_SYSVSEM
            | CLONE_PARENT_SETTID
            | CLONE_CHILD_CLEARTID;
        let thread = Self { stack: core::mem::ManuallyDrop::new(Mapping::new(STACK)?) };
        // SAFETY: the stack is fresh and never unmapped before `join` has seen the thread's end. `entry`
        // takes a plain number and is safe to call from anywhere.
        let result = unsafe { clone_onto(FLAGS, thread.stack.end(), thread.id_word(), entry, argument) };
        if result < 0 {
            drop(core::mem::ManuallyDrop::into_inner(thread.stack));
            return Err(SysError { call: "clone", errno: -result as i32 });
        }
        Ok(thread)
    }

    /// Waits until the thread has ended, then unmaps its stack. A thread that is not joined keeps its stack.
    pub fn join(self) -> Result<(), SysError> {
        loop {
            let id = self.id_word().load(Ordering::Acquire);
            if id == 0 {
                return core::mem::ManuallyDrop::into_inner(self.stack).unmap();
            }
            futex_wait(self.id_word(), id)?;
        }
    }

    fn id_word(&self) -> &AtomicU32 {
        // SAFETY: the lowest word of the mapping is aligned, lives as long as `self`, and is used for nothing
        // else.
        unsafe { AtomicU32::from_ptr(self.stack.start().cast()) }
    }
}

/// Runs `entry(argument)` in a child that shares this memory, on `stack`, while the caller waits (as vfork(2)
/// does, but without sharing the stack frame). Returns the child's process id once it has ended or called
/// execve.
pub fn vfork(stack: &mut Mapping, entry: extern "C" fn(usize), argument: usize) -> Result<usize, SysError> {
    let ignored = AtomicU32::new(0);
    // SAFETY: the caller is suspended while the child uses the memory, and `stack` is borrowed mutably until
    // then.
    let result =
        unsafe { clone_onto(CLONE_VM | CLONE_VFORK | SIGCHLD, stack.end(), &ignored, entry, argument) };
    if result < 0 {
        return Err(SysError { call: "vfork", errno: -result as i32 });
    }
    Ok(result as usize)
}

/// Makes a stack for [`vfork`].
pub fn vfork_stack() -> Result<Mapping, SysError> {
    Mapping::new(STACK)
}

/// clone(2) into a child that calls `entry(argument)` on its own stack and then `exit(0)`; the caller gets
/// the child's id or a negated errno. `id` is both where the parent and where the child's end is noted, if
/// the flags ask for it.
///
/// The arguments arrive in RDI, RSI, RDX, RCX, R8; clone wants flags, stack, parent_tid, child_tid, tls in
/// RDI, RSI, RDX, R10, R8 (tls is not looked at without CLONE_SETTLS). SYSCALL destroys RCX, so the entry
/// waits in R9.
///
/// # Safety
///
/// `stack_end` must be the 16-byte aligned end of a stack that stays mapped until the child has ended.
#[unsafe(naked)]
unsafe extern "C" fn clone_onto(
    flags: usize,
    stack_end: usize,
    id: &AtomicU32,
    entry: extern "C" fn(usize),
    argument: usize,
) -> isize {
    naked_asm!(
        "mov r9, rcx",
        "mov r10, rdx",
        "mov eax, 56", // clone
        "syscall",
        "test rax, rax",
        "jnz 2f",
        "xor ebp, ebp", // the outermost frame of the child
        "mov rdi, r8",
        "call r9",
        "xor edi, edi",
        "mov eax, 60", // exit: this thread alone
        "syscall",
        "ud2",
        "2:",
        "ret",
    )
}

/// Sleeps until woken, unless `word` no longer holds `expected`. May return early.
#[inline(always)]
pub fn futex_wait(word: &AtomicU32, expected: u32) -> Result<(), SysError> {
    let arguments = [word.as_ptr().addr(), FUTEX_WAIT, expected as usize, 0, 0, 0];
    // SAFETY: the kernel only reads the word.
    match unsafe { call("futex", FUTEX, arguments) } {
        Err(error) if error.errno != EAGAIN && error.errno != EINTR => Err(error),
        _ => Ok(()),
    }
}

/// Wakes one thread that sleeps on `word`.
#[inline(always)]
pub fn futex_wake(word: &AtomicU32) -> Result<(), SysError> {
    // SAFETY: the kernel does not touch the word.
    unsafe { call("futex", FUTEX, [word.as_ptr().addr(), FUTEX_WAKE, 1, 0, 0, 0]).map(drop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SEEN: AtomicU32 = AtomicU32::new(0);

    extern "C" fn note(argument: usize) {
        SEEN.store(argument as u32, Ordering::Release);
    }

    #[test]
    fn a_joined_thread_has_done_its_work() {
        Thread::spawn(note, 42).unwrap().join().unwrap();
        assert_eq!(SEEN.load(Ordering::Acquire), 42);
    }

    static SHARED: AtomicU32 = AtomicU32::new(0);

    extern "C" fn share(argument: usize) {
        SHARED.store(argument as u32, Ordering::Release);
    }

    #[test]
    fn a_vfork_child_shares_the_memory_and_is_waited_for() {
        let pid = vfork(&mut vfork_stack().unwrap(), share, 7).unwrap();
        assert_eq!(SHARED.load(Ordering::Acquire), 7);
        assert_eq!(super::super::wait(pid), Ok(0));
    }
}

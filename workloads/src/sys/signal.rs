//! One signal, from the process to itself, for the signal-delivery workload.
//!
//! Invariant: the handler only adds to an atomic counter, so it may run anywhere, in any thread.

use core::{
    arch::naked_asm,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{SysError, call, getpid};

const RT_SIGACTION: usize = 13;
const GETTID: usize = 186;
const TGKILL: usize = 234;

/// `include/uapi/asm/signal.h` of x86
const SIGUSR1: usize = 10;
const SA_RESTORER: u64 = 0x0400_0000;
/// What the kernel calls `sizeof(sigset_t)`.
const SIGSET_BYTES: usize = 8;

static DELIVERED: AtomicU64 = AtomicU64::new(0);

/// The kernel's `struct sigaction`, which is not the C library's.
#[derive(Default)]
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// SIGUSR1 with a handler that counts; the disposition from before comes back on drop.
pub struct CountedSignal {
    previous: KernelSigaction,
    pid: usize,
    tid: usize,
}

impl CountedSignal {
    /// Installs the handler and remembers which thread is to get the signal.
    pub fn install() -> Result<Self, SysError> {
        let action = KernelSigaction {
            handler: count as *const () as usize,
            flags: SA_RESTORER,
            restorer: restore as *const () as usize,
            mask: 0,
        };
        // SAFETY: gettid takes no arguments and touches no memory.
        let tid = unsafe { call("gettid", GETTID, [0; 6])? };
        let pid = getpid()?;
        // SAFETY: the handler touches one atomic and returns through the restorer, which the x86-64 ABI
        // requires.
        let previous = unsafe { exchange(&action)? };
        Ok(Self { previous, pid, tid })
    }

    /// Sends the signal to the thread that installed it. If that is the caller, the handler has run on return
    /// (pthread_sigmask aside): a pending signal is delivered before the call goes back to user space.
    #[inline(always)]
    pub fn send(&self) -> Result<(), SysError> {
        // SAFETY: the signal's handler is `count`, as long as `self` lives.
        unsafe { call("tgkill", TGKILL, [self.pid, self.tid, SIGUSR1, 0, 0, 0]).map(drop) }
    }

    /// How often the handler has run since the process began.
    pub fn delivered(&self) -> u64 {
        DELIVERED.load(Ordering::Relaxed)
    }
}

impl Drop for CountedSignal {
    fn drop(&mut self) {
        // SAFETY: this is the disposition that held before. It cannot fail: the same call has succeeded
        // already.
        let _ = unsafe { exchange(&self.previous) };
    }
}

/// Sets the disposition of SIGUSR1 and returns the one before.
///
/// # Safety
///
/// The handler must be sound to run in any thread at any point.
unsafe fn exchange(action: &KernelSigaction) -> Result<KernelSigaction, SysError> {
    let mut previous = KernelSigaction::default();
    let arguments =
        [SIGUSR1, core::ptr::from_ref(action).addr(), (&raw mut previous).addr(), SIGSET_BYTES, 0, 0];
    // SAFETY: the kernel reads one `sigaction` and writes one; the caller vouches for the handler.
    unsafe { call("rt_sigaction", RT_SIGACTION, arguments)? };
    Ok(previous)
}

extern "C" fn count(_signal: i32) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
}

/// `rt_sigreturn`, number 15: takes the frame that the kernel left on the stack, so nothing may be pushed
/// before it.
#[unsafe(naked)]
extern "C" fn restore() {
    naked_asm!("mov eax, 15", "syscall", "ud2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_to_oneself_is_delivered_before_the_call_returns() {
        let signal = CountedSignal::install().unwrap();
        let before = signal.delivered();
        for _ in 0..3 {
            signal.send().unwrap();
        }
        assert_eq!(signal.delivered(), before + 3);
    }
}

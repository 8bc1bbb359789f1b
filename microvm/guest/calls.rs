//! The system calls: numbers (arch/x86/entry/syscalls/syscall_64.tbl) and where each is served.
//!
//! The subset is what the benchmark's agent, static C programs and Rust's std ask for. Invariant: a call
//! outside it returns ENOSYS and is counted; nothing pretends to have made a thread, a process or a signal.

use core::arch::asm;
use core::ptr;

use crate::errno::{EINVAL, ENOENT, ENOSYS, Errno, Result};
use crate::files::Files;
use crate::heap::Heap;
use crate::protocol::{UNKNOWN_CALLS, UNKNOWN_CALLS_LEN};
use crate::user::{self, boot_info};
use crate::{clock, doorbell};

// Two statics, so that the large one, all zeros, takes no room in the image.
static mut HEAP: Heap = Heap::new();
static mut FILES: Files = Files::new();

/// The only process is what Linux calls its first.
const PID: u64 = 1;
/// ARG of arch_prctl, arch/x86/include/uapi/asm/prctl.h.
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
/// Below it every address is canonical, so that WRFSBASE does not fault.
const ADDRESS_LIMIT: u64 = 1 << 47;
const RLIMIT_STACK: u64 = 3;
const RLIM_INFINITY: u64 = u64::MAX;

/// Serves one call; the result goes to the program's RAX.
pub fn serve(number: u64, args: [u64; 6]) -> u64 {
    let (heap, files) = (&raw mut HEAP, &raw mut FILES);
    // SAFETY: one vCPU, no interrupts, and this function is not called while it runs: these are the only references.
    let (heap, files) = unsafe { (&mut *heap, &mut *files) };
    let [a, b, c, d, _, _] = args;
    let result = match number {
        0 => files.read(a, b, c),
        1 => files.write(a, b, c),
        2 => files.open(a, b),
        3 => files.close(a),
        5 => files.fstat(a, b),
        7 => files.poll(a, b),
        8 => files.lseek(a),
        9 => heap.mmap(a, b, d),
        10 => Ok(0), // mprotect: heap.rs says why
        11 => heap.munmap(a, b),
        12 => heap.brk(a),
        // rt_sigaction, rt_sigprocmask, sigaltstack: C libraries and std set them up at start. That no signal is ever
        // delivered follows from kill and tgkill being ENOSYS.
        13 => forget(c, 4),
        14 => forget(c, 1),
        131 => forget(b, 3),
        16 => files.ioctl(a),
        20 => files.writev(a, b, c),
        24 => Ok(0), // sched_yield: there is nobody to yield to
        28 => heap.madvise(a, b, c),
        39 | 186 | 218 => Ok(PID),     // getpid, gettid, set_tid_address
        60 | 231 => doorbell::exit(a), // exit, exit_group
        63 => uname(a),
        72 => files.fcntl(a, b),
        89 | 267 => Err(ENOENT), // readlink, readlinkat
        96 => clock::gettimeofday(a),
        102 | 104 | 107 | 108 | 110 => Ok(0), // getuid, getgid, geteuid, getegid, getppid
        158 => arch_prctl(a, b),
        201 => clock::time(a),
        228 => clock::clock_gettime(a, b),
        229 => clock::clock_getres(a, b),
        257 => files.open(b, c),
        262 => files.fstatat(a, b, c, d),
        273 => Ok(0), // set_robust_list: its list is for threads that die
        302 => prlimit(b, c, d),
        318 => getrandom(a, b),
        _ => count_unknown(number),
    };
    match result {
        Ok(value) => value,
        Err(Errno(number)) => -number as u64,
    }
}

/// Answers a call that sets something nobody will ever ask for: the old value, if wanted, is `words` zeros.
fn forget(old: u64, words: u64) -> Result {
    if old != 0 {
        user::zero(old, words * 8)?;
    }
    Ok(0)
}

/// uname(2): six fields of 65 bytes. The release is the newest whose calls this subset was compared with.
fn uname(to: u64) -> Result {
    const FIELD: usize = 65;
    let mut names = [0u8; 6 * FIELD];
    let fields: [&[u8]; 5] = [b"Linux", b"microvm", b"6.1.0-microvm", b"embedded unikernel", b"x86_64"];
    for (field, text) in names.chunks_exact_mut(FIELD).zip(fields) {
        field[..text.len()].copy_from_slice(text);
    }
    user::write(to, names)?;
    Ok(0)
}

/// arch_prctl(2): the base of thread-local storage.
fn arch_prctl(code: u64, address: u64) -> Result {
    if address >= ADDRESS_LIMIT {
        return Err(EINVAL);
    }
    // SAFETY: the address is canonical; the kernel itself uses neither base. CR4.FSGSBASE is set (arch::regs),
    // and the VMM has checked that the processor has it.
    unsafe {
        match code {
            ARCH_SET_FS => asm!("wrfsbase {}", in(reg) address, options(nomem, nostack, preserves_flags)),
            ARCH_SET_GS => asm!("wrgsbase {}", in(reg) address, options(nomem, nostack, preserves_flags)),
            _ => return Err(EINVAL),
        }
    }
    Ok(0)
}

/// prlimit64(2): the stack is what the VMM made it, everything else has no limit, and nothing can be changed.
fn prlimit(resource: u64, new: u64, old: u64) -> Result {
    if new != 0 {
        return Err(EINVAL);
    }
    let limit = if resource == RLIMIT_STACK { boot_info().stack_bytes } else { RLIM_INFINITY };
    if old != 0 {
        user::write(old, [limit, limit])?;
    }
    Ok(0)
}

/// getrandom(2), from RDRAND.
fn getrandom(to: u64, length: u64) -> Result {
    // CPUID.1:ECX.RDRAND (SDM volume 2). It may be an exit, but a program asks once or twice in its life.
    if core::arch::x86_64::__cpuid(1).ecx >> 30 & 1 == 0 {
        return count_unknown(318);
    }
    user::check(to, length)?;
    let mut done = 0;
    while done < length {
        let bytes = rdrand().to_le_bytes();
        let count = (length - done).min(8);
        for (i, &byte) in (0..count).zip(&bytes) {
            user::write(to + done + i, byte)?;
        }
        done += count;
    }
    Ok(length)
}

/// A random number. The generator may be drained by others for a moment.
fn rdrand() -> u64 {
    loop {
        let (value, valid): (u64, u8);
        // SAFETY: the processor has the instruction (caller); it touches registers only.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) valid, options(nomem, nostack)) };
        if valid == 1 {
            return value;
        }
    }
}

/// A call outside the subset.
fn count_unknown(number: u64) -> Result {
    let index = (number as usize).min(UNKNOWN_CALLS_LEN - 1);
    // SAFETY: the counters are mapped memory of the shared page, and the index is below their number.
    unsafe {
        let counter = ptr::with_exposed_provenance_mut::<u32>(UNKNOWN_CALLS as usize).add(index);
        *counter = (*counter).saturating_add(1);
    }
    Err(ENOSYS)
}

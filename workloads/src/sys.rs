//! Linux system calls, raw: the x86-64 ABI, no libc, no `errno`, no cancellation points, nothing cached.
//!
//! Each wrapper is one `syscall` instruction, so that timing a wrapper times the kernel. Numbers are those of
//! the kernel's `arch/x86/entry/syscalls/syscall_64.tbl`, structures those of its `include/uapi`. The agent
//! has no other way to the kernel, and the library uses the same code in its tests.
//!
//! Invariant: a wrapper that is not `unsafe` cannot break memory safety whatever its arguments and the
//! kernel's answer.

pub mod identity;
pub mod memory;
pub mod port;
pub mod signal;
pub mod stack;
pub mod thread;
pub mod tty;
pub mod vdso;

use core::{arch::asm, ffi::CStr, fmt};

/// Stands for any child in [`wait`]: -1.
pub const ANY: usize = usize::MAX;

/// The agent's standard input.
pub const STDIN: i32 = 0;
/// The agent's standard output.
pub const STDOUT: i32 = 1;
/// The agent's standard error: the console, while it becomes `/init` of a guest; otherwise not used.
pub const STDERR: i32 = 2;

pub const EPERM: i32 = 1;
pub const ENOENT: i32 = 2;
pub const EINTR: i32 = 4;
pub const EAGAIN: i32 = 11;
pub const ENOMEM: i32 = 12;
pub const EACCES: i32 = 13;
pub const EINVAL: i32 = 22;
pub const ENOSYS: i32 = 38;

/// `include/uapi/linux/time.h`
const CLOCK_MONOTONIC: usize = 1;
/// `include/uapi/asm-generic/fcntl.h`
const O_RDWR: usize = 2;
const O_NOCTTY: usize = 0o400;
const O_CLOEXEC: usize = 0o2_000_000;
/// `include/uapi/linux/fcntl.h`
const AT_FDCWD: usize = -100_isize as usize;

/// The numbers of the calls used here.
mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const FSTAT: usize = 5;
    pub const DUP2: usize = 33;
    pub const GETPID: usize = 39;
    pub const FORK: usize = 57;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const GETRUSAGE: usize = 98;
    pub const SYSLOG: usize = 103;
    pub const REBOOT: usize = 169;
    pub const GETDENTS64: usize = 217;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const PIPE2: usize = 293;
}

/// A system call that the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SysError {
    /// The call's name, as in its manual page.
    pub call: &'static str,
    /// The positive `errno` value.
    pub errno: i32,
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed with errno {}", self.call, self.errno)
    }
}

/// `struct timespec` of `include/uapi/linux/time_types.h`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

impl Timespec {
    /// The time as nanoseconds; 2^64 ns is 584 years.
    pub fn as_ns(self) -> u64 {
        (self.seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(self.nanoseconds as u64)
    }
}

/// Performs system call `number`; a result in -4095..0 is a negated `errno`.
///
/// # Safety
///
/// The call must be sound with these arguments: what it reads, writes, maps, unmaps or duplicates must not be
/// memory or state that Rust code relies on.
#[inline(always)]
pub unsafe fn call(name: &'static str, number: usize, arguments: [usize; 6]) -> Result<usize, SysError> {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the kernel preserves every register but RAX, RCX and R11 and leaves the user's stack, red zone
    // included, alone; what the call itself does is the caller's to vouch for.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if (-4095..0).contains(&result) {
        Err(SysError { call: name, errno: -result as i32 })
    } else {
        Ok(result as usize)
    }
}

/// Ends the process.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: the call ends the process; the loop is for the type, exit_group does not return.
        let _ = unsafe { call("exit_group", number::EXIT_GROUP, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Restarts the machine at once, or switches it off, without writing anything back; returns if that is not permitted.
///
/// Only for `/init` of a guest.
pub fn end_machine(off: bool) {
    /// `include/uapi/linux/reboot.h`
    const MAGIC1: usize = 0xfee1_dead;
    const MAGIC2: usize = 672_274_793;
    const CMD_RESTART: usize = 0x0123_4567;
    const CMD_POWER_OFF: usize = 0x4321_fedc;
    let command = if off { CMD_POWER_OFF } else { CMD_RESTART };
    // SAFETY: nothing of this program goes on after it.
    let _ = unsafe { call("reboot", number::REBOOT, [MAGIC1, MAGIC2, command, 0, 0, 0]) };
}

/// Lets what the kernel says of level 0, emergencies, go to its console, and nothing else.
///
/// Only for `/init` of a guest.
pub fn speak_of_emergencies() -> Result<(), SysError> {
    /// `include/linux/syslog.h`, and the least level that it takes
    const CONSOLE_LEVEL: usize = 8;
    const EMERGENCIES: usize = 1;
    // SAFETY: the call takes no pointer for this action and touches no memory of the process.
    unsafe { call("syslog", number::SYSLOG, [CONSOLE_LEVEL, 0, EMERGENCIES, 0, 0, 0]) }.map(drop)
}

/// The process id: the cheapest call there is, and never cached here.
#[inline(always)]
pub fn getpid() -> Result<usize, SysError> {
    // SAFETY: getpid takes no arguments and touches no memory.
    unsafe { call("getpid", number::GETPID, [0; 6]) }
}

/// CLOCK_MONOTONIC by a real system call, never through the vDSO.
#[inline(always)]
pub fn clock_gettime() -> Result<Timespec, SysError> {
    let mut time = Timespec::default();
    // SAFETY: the kernel writes one `timespec` to the address of one.
    unsafe {
        call("clock_gettime", number::CLOCK_GETTIME, [CLOCK_MONOTONIC, (&raw mut time).addr(), 0, 0, 0, 0])?;
    }
    Ok(time)
}

/// Reads at most `buffer.len()` bytes; 0 is the end of the file.
#[inline(always)]
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize, SysError> {
    // SAFETY: the kernel writes at most `len` bytes to a buffer of `len` bytes that is borrowed mutably.
    unsafe { call("read", number::READ, [fd as usize, buffer.as_mut_ptr().addr(), buffer.len(), 0, 0, 0]) }
}

/// Writes at most `bytes.len()` bytes and says how many.
#[inline(always)]
pub fn write(fd: i32, bytes: &[u8]) -> Result<usize, SysError> {
    // SAFETY: the kernel reads at most `len` bytes from a slice of `len` bytes.
    unsafe { call("write", number::WRITE, [fd as usize, bytes.as_ptr().addr(), bytes.len(), 0, 0, 0]) }
}

/// Writes all of `bytes`, going on after a short write or an interruption.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), SysError> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.errno == EINTR => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens an existing file for reading and writing, close-on-exec.
#[inline(always)]
pub fn open(path: &CStr) -> Result<i32, SysError> {
    open_with(path, O_RDWR | O_CLOEXEC)
}

/// Opens an existing file for reading, close-on-exec.
pub fn open_to_read(path: &CStr) -> Result<i32, SysError> {
    open_with(path, O_CLOEXEC)
}

/// Opens a serial line, without making it the controlling terminal.
pub fn open_line(path: &CStr) -> Result<i32, SysError> {
    open_with(path, O_RDWR | O_CLOEXEC | O_NOCTTY)
}

#[inline(always)]
fn open_with(path: &CStr, flags: usize) -> Result<i32, SysError> {
    // SAFETY: the kernel reads the path up to its NUL, which a `CStr` has.
    let fd = unsafe { call("openat", number::OPENAT, [AT_FDCWD, path.as_ptr().addr(), flags, 0, 0, 0])? };
    Ok(fd as i32)
}

/// Makes `target` another name of open descriptor `fd`, not close-on-exec.
pub fn duplicate_onto(fd: i32, target: i32) -> Result<(), SysError> {
    // SAFETY: no memory is touched; the agent uses descriptors as plain numbers.
    unsafe { call("dup2", number::DUP2, [fd as usize, target as usize, 0, 0, 0, 0]).map(drop) }
}

/// Closes a descriptor of the agent.
#[inline(always)]
pub fn close(fd: i32) -> Result<(), SysError> {
    // SAFETY: no memory is touched; the wrappers hand out plain numbers, so no Rust owner is confused by it.
    unsafe { call("close", number::CLOSE, [fd as usize, 0, 0, 0, 0, 0]).map(drop) }
}

/// `fstat` into a buffer whose content nobody looks at; returns its first word, the device number.
#[inline(always)]
pub fn fstat(fd: i32) -> Result<u64, SysError> {
    // `struct stat` of arch/x86/include/uapi/asm/stat.h has 144 bytes.
    let mut stat = [0_u64; 18];
    // SAFETY: the kernel writes one `struct stat`, 144 bytes, to a buffer of 144 bytes.
    unsafe { call("fstat", number::FSTAT, [fd as usize, stat.as_mut_ptr().addr(), 0, 0, 0, 0])? };
    Ok(stat[0])
}

/// A pipe: the end to read from, the end to write to; both close-on-exec.
pub fn pipe() -> Result<(i32, i32), SysError> {
    let mut ends = [0_i32; 2];
    // SAFETY: the kernel writes two `int`s to an array of two.
    unsafe { call("pipe2", number::PIPE2, [ends.as_mut_ptr().addr(), O_CLOEXEC, 0, 0, 0, 0])? };
    Ok((ends[0], ends[1]))
}

/// Forks a child that exits with status 0 at once, and returns its process id.
#[inline(always)]
pub fn fork_exit() -> Result<usize, SysError> {
    // SAFETY: the child has its own copy of the memory and does nothing with it but exit.
    let pid = unsafe { call("fork", number::FORK, [0; 6])? };
    if pid == 0 {
        exit(0);
    }
    Ok(pid)
}

/// Forks a child that waits until `input` ends, then exits with status 0. It closes `output`, its copy of the other end,
/// first: so `input` ends when the parent closes its own or dies, whatever it dies of.
pub fn fork_waiting(input: i32, output: i32) -> Result<usize, SysError> {
    // SAFETY: the child has its own copy of the memory; it closes a descriptor, waits and exits.
    let pid = unsafe { call("fork", number::FORK, [0; 6])? };
    if pid == 0 {
        let _ = close(output);
        while read(input, &mut [0]).is_err_and(|error| error.errno == EINTR) {}
        exit(0);
    }
    Ok(pid)
}

/// Reads directory entries of `fd` into `buffer` (`struct linux_dirent64`) and says how many bytes; 0 is the end.
pub fn directory_entries(fd: i32, buffer: &mut [u8]) -> Result<usize, SysError> {
    // SAFETY: the kernel writes at most `len` bytes to a buffer of `len` bytes that is borrowed mutably.
    unsafe {
        let arguments = [fd as usize, buffer.as_mut_ptr().addr(), buffer.len(), 0, 0, 0];
        call("getdents64", number::GETDENTS64, arguments)
    }
}

/// Waits for child `pid`, or with [`ANY`] for any of them, and returns its raw wait status: 0 means that it exited with status 0.
#[inline(always)]
pub fn wait(pid: usize) -> Result<i32, SysError> {
    let mut status = 0_i32;
    loop {
        // SAFETY: the kernel writes one `int` to the address of one.
        match unsafe { call("wait4", number::WAIT4, [pid, (&raw mut status).addr(), 0, 0, 0, 0]) } {
            Ok(_) => return Ok(status),
            Err(error) if error.errno == EINTR => {}
            Err(error) => return Err(error),
        }
    }
}

/// Replaces the program by `path`, with one argument `argument_zero` and no environment. Returns only to
/// fail.
pub fn execve(path: &CStr, argument_zero: &CStr) -> SysError {
    let arguments = [argument_zero.as_ptr(), core::ptr::null()];
    let environment = [core::ptr::null::<u8>()];
    let addresses = [path.as_ptr().addr(), arguments.as_ptr().addr(), environment.as_ptr().addr(), 0, 0, 0];
    // SAFETY: the strings end in NUL and the vectors in a null pointer; if the call succeeds, this memory is
    // gone.
    match unsafe { call("execve", number::EXECVE, addresses) } {
        Ok(_) => SysError { call: "execve", errno: 0 },
        Err(error) => error,
    }
}

/// The number of page faults that this process has taken without I/O (`ru_minflt` of getrusage(2)).
pub fn minor_faults() -> Result<u64, SysError> {
    /// Two `timeval`s and 14 `long`s (include/uapi/linux/resource.h); `ru_minflt` is the fifth `long`.
    const RU_MINFLT: usize = 4 + 4;
    let mut usage = [0_u64; 18];
    // SAFETY: RUSAGE_SELF is 0; the kernel writes one `struct rusage`, 144 bytes, to a buffer of 144 bytes.
    unsafe { call("getrusage", number::GETRUSAGE, [0, usage.as_mut_ptr().addr(), 0, 0, 0, 0])? };
    Ok(usage[RU_MINFLT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_call_names_itself_and_its_errno() {
        assert_eq!(open(c"/no/such/file"), Err(SysError { call: "openat", errno: ENOENT }));
    }

    #[test]
    fn getpid_agrees_with_the_standard_library() {
        assert_eq!(getpid(), Ok(std::process::id() as usize));
    }

    #[test]
    fn a_forked_child_exits_with_status_zero() {
        assert_eq!(wait(fork_exit().unwrap()), Ok(0));
    }

    #[test]
    fn touching_memory_counts_as_minor_faults() {
        let before = minor_faults().unwrap();
        let pages = memory::Mapping::new(64 * memory::PAGE).unwrap();
        pages.forbid_huge_pages().unwrap();
        pages.touch(64);
        assert!(minor_faults().unwrap() >= before + 64);
    }
}

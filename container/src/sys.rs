//! System calls that nix does not wrap, each made safe here; all are async-signal-safe and allocate nothing.
//!
//! Times are nanoseconds, errors are errnos. Invariant: no function here keeps state.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use seccompiler::sock_filter;

/// CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes. The call cannot fail: the clock id is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    // Monotonic time counts from boot and is never negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A private anonymous mapping, unmapped on drop.
pub(crate) struct Mapping {
    address: *mut c_void,
    length: usize,
}

impl Mapping {
    /// A stack. Without a guard page, as in glibc's `posix_spawn`: what runs on it is a fixed, shallow
    /// sequence of calls.
    pub(crate) fn stack(length: usize) -> Result<Self, Errno> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
        let address = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Self { address, length }) }
    }

    pub(crate) fn address(&self) -> u64 {
        self.address as u64
    }

    pub(crate) fn length(&self) -> u64 {
        self.length as u64
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is exactly the mapping that `stack` made, and nothing refers into it: the child that
        // ran on it has executed or exited.
        unsafe { libc::munmap(self.address, self.length) };
    }
}

/// All signals, the ones that glibc keeps for itself included: its own wrappers leave those unblocked.
#[derive(Clone, Copy)]
pub(crate) struct SignalMask(u64);

impl SignalMask {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// Makes this the calling thread's mask and returns the one before.
    pub(crate) fn set(self) -> Self {
        let mut old = 0_u64;
        // SAFETY: both pointers are to 8 bytes, the size the kernel is told (64 signals). The call cannot
        // fail with a valid `how` and valid pointers.
        unsafe {
            libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &self.0, &mut old, size_of::<u64>())
        };
        Self(old)
    }
}

/// Resets a signal that the caller ignores to its default action.
pub(crate) fn default_action(signal: c_int) -> Result<(), Errno> {
    // SAFETY: SIG_DFL installs no handler, so no code of ours can run on this signal.
    let old = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if old == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}

/// A pidfd of the calling process.
pub(crate) fn pidfd_of_self() -> Result<OwnedFd, Errno> {
    // SAFETY: takes no pointers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) })?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends `signal` to the process behind `pidfd`.
pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: c_int) -> Result<(), Errno> {
    let no_info = ptr::null::<c_void>();
    // SAFETY: a null siginfo is allowed and means "as kill(2) would".
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0)
    })
    .map(drop)
}

/// Whether `fd` is readable or hung up right now.
pub(crate) fn is_ready(fd: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry, and its count is given as one.
    unsafe { libc::poll(&mut poll, 1, 0) > 0 }
}

/// Waits for the child `pid`; returns its wait status and resource use.
pub(crate) fn wait4(pid: i32) -> Result<(c_int, libc::rusage), Errno> {
    let mut status = 0;
    // SAFETY: rusage is a struct of integers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are valid for writes of their types.
        match Errno::result(unsafe { libc::wait4(pid, &mut status, 0, &mut usage) }) {
            Ok(_) => return Ok((status, usage)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Makes `target` a copy of `source`, inherited by an exec. The two must differ.
pub(crate) fn dup2(source: RawFd, target: RawFd) -> Result<(), Errno> {
    // SAFETY: takes no pointers. Only the child calls this, on standard streams, which no Rust object owns.
    Errno::result(unsafe { libc::dup2(source, target) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed by the exec.
pub(crate) fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    let result =
        // SAFETY: takes no pointers; marks only, so that no descriptor vanishes under its owner.
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop)
}

/// Lets a descriptor survive the exec.
pub(crate) fn keep_on_exec(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: takes no pointers; the flag belongs to the child's own table of descriptors.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }).map(drop)
}

/// Writes all of `bytes` to the existing file `path` in one call.
pub(crate) fn write_file(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: `path` is a valid C string.
    let fd = Errno::result(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just made this descriptor for us.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    write(file.as_raw_fd(), bytes)
}

/// Writes all of `bytes` in one call, as the control files of the kernel want it.
pub(crate) fn write(fd: RawFd, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: the pointer and length are of one live slice.
    let written = Errno::result(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })?;
    if written as usize == bytes.len() { Ok(()) } else { Err(Errno::EIO) }
}

/// Brings the loopback interface of the calling process's network namespace up.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    // SAFETY: takes no pointers.
    let fd = Errno::result(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel has just made this descriptor for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: ifreq is made of integers, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS (netdevice(7)) reads one ifreq, whose name is terminated by the zeroes.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }).map(drop)
}

/// Sets mount attributes (`MOUNT_ATTR_*`) on the mount at `path`, leaving the others as they are.
///
/// Unlike a remount this needs no knowledge of the flags that are there already, which a user namespace may
/// not clear.
pub(crate) fn add_mount_attributes(path: &CStr, attributes: u64) -> Result<(), Errno> {
    /// `struct mount_attr` of linux/mount.h.
    #[repr(C)]
    struct MountAttr {
        attr_set: u64,
        attr_clr: u64,
        propagation: u64,
        userns_fd: u64,
    }
    let attr = MountAttr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let (fd, flags, size) = (libc::AT_FDCWD, 0_u32, size_of::<MountAttr>());
    // SAFETY: `path` is a C string and `attr` a struct of the size given.
    Errno::result(unsafe { libc::syscall(libc::SYS_mount_setattr, fd, path.as_ptr(), flags, &attr, size) })
        .map(drop)
}

/// Removes every capability from the calling process's bounding set. Needs CAP_SETPCAP.
pub(crate) fn empty_bounding_set() -> Result<(), Errno> {
    for capability in 0..64 {
        // SAFETY: takes no pointers.
        match Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            Ok(_) => {}
            // Past the last capability that this kernel knows.
            Err(Errno::EINVAL) if capability > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Empties the effective, permitted and inheritable sets of the calling thread, and with them the ambient
/// set, which the kernel keeps within the other two.
pub(crate) fn empty_capabilities() -> Result<(), Errno> {
    /// _LINUX_CAPABILITY_VERSION_3 of linux/capability.h: two words a set.
    const VERSION_3: u32 = 0x2008_0522;
    /// `struct __user_cap_header_struct`.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    let header = Header { version: VERSION_3, pid: 0 };
    // Two of `struct __user_cap_data_struct`: effective, permitted, inheritable.
    let none = [[0_u32; 3]; 2];
    // SAFETY: version 3 reads one header and two data structs; these are they.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &header, &none) }).map(drop)
}

/// Installs a seccomp filter on the calling thread.
pub(crate) fn install_filter(filter: &[sock_filter]) -> Result<(), Errno> {
    /// `struct sock_fprog` of linux/filter.h.
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const sock_filter,
    }
    let length = u16::try_from(filter.len()).map_err(|_| Errno::EINVAL)?;
    let program = Program { length, filter: filter.as_ptr() };
    let (mode, flags): (c_long, c_long) = (libc::SECCOMP_SET_MODE_FILTER.into(), 0);
    // SAFETY: `program` describes the live slice `filter`, whose element type is the kernel's.
    Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &program) }).map(drop)
}

/// Executes `program`; returns only on failure.
///
/// # Safety
/// `argv` and `envp` must be arrays of pointers to C strings, each ended by a null pointer.
pub(crate) unsafe fn execve(
    program: &CStr,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
) -> Errno {
    // SAFETY: passed on to the caller of this function.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    Errno::last()
}

/// Ends the calling process without running anything of the caller's.
pub(crate) fn exit_now(status: c_int) -> ! {
    // SAFETY: never returns, and runs neither destructors nor exit handlers, which belong to the caller.
    unsafe { libc::_exit(status) }
}

/// Sleeps; async-signal-safe, unlike the standard library's promise.
pub(crate) fn sleep_ms(milliseconds: i64) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    // SAFETY: `time` is valid and the remainder is not asked for.
    unsafe { libc::nanosleep(&time, ptr::null_mut()) };
}

/// A pipe's reading and writing end, both closed by an exec and numbered above the standard streams.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    Ok((above_stdio(reader)?, above_stdio(writer)?))
}

/// The host's /dev/null, for reading and writing.
pub(crate) fn open_null() -> Result<OwnedFd, Errno> {
    nix::fcntl::open(c"/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
}

/// Moves `fd` above the standard streams: a caller that has closed those may have got one of their numbers.
pub(crate) fn above_stdio(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    if fd.as_raw_fd() > libc::STDERR_FILENO {
        return Ok(fd);
    }
    // SAFETY: takes no pointers.
    let copy = Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) })?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

//! What the kernel says about itself and about this process without a file system.
//!
//! Invariant: a structure that the kernel fills in is at least as large as the kernel's.

use core::{
    ffi::CStr,
    fmt::{self, Display},
};

use super::{SysError, Timespec, call, number};

const UNAME: usize = 63;
const SYSINFO: usize = 99;
const GETUID: usize = 102;
const CAPGET: usize = 125;
const PRCTL: usize = 157;
const SCHED_GETAFFINITY: usize = 204;
const FACCESSAT: usize = 269;

/// `include/uapi/linux/utsname.h`: a field has 65 bytes, its NUL included.
const UTS_FIELD: usize = 65;
/// `include/uapi/linux/time.h`: time since the machine was started, sleep included.
const CLOCK_BOOTTIME: usize = 7;
/// `include/uapi/linux/prctl.h`
const PR_GET_SECCOMP: usize = 21;
/// `include/uapi/linux/capability.h`
const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// `struct new_utsname`.
#[repr(C)]
pub struct Utsname {
    fields: [[u8; UTS_FIELD]; 6],
}

impl Utsname {
    /// The host's name.
    pub fn nodename(&self) -> &[u8] {
        self.field(1)
    }

    /// The kernel's release, as `6.1.0`.
    pub fn release(&self) -> &[u8] {
        self.field(2)
    }

    /// Which build of that release it is.
    pub fn version(&self) -> &[u8] {
        self.field(3)
    }

    fn field(&self, index: usize) -> &[u8] {
        // The kernel ends every field in a NUL; whoever plays one may not.
        CStr::from_bytes_until_nul(&self.fields[index]).map_or(&[], CStr::to_bytes)
    }
}

/// uname(2)
pub fn uname() -> Result<Utsname, SysError> {
    let mut names = Utsname { fields: [[0; UTS_FIELD]; 6] };
    // SAFETY: the kernel writes one `struct new_utsname` to the address of one.
    unsafe { call("uname", UNAME, [(&raw mut names).addr(), 0, 0, 0, 0, 0])? };
    Ok(names)
}

/// What sysinfo(2) knows that is of interest here.
pub struct Sysinfo {
    /// Memory that the kernel manages, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads of the whole machine, other namespaces' included.
    pub tasks: u16,
}

/// sysinfo(2)
pub fn sysinfo() -> Result<Sysinfo, SysError> {
    /// `struct sysinfo` of `include/uapi/linux/sysinfo.h`, as far as it is read; 112 bytes in all.
    #[derive(Default)]
    #[repr(C)]
    struct Raw {
        uptime: i64,
        loads: [u64; 3],
        totalram: u64,
        freeram: u64,
        sharedram: u64,
        bufferram: u64,
        totalswap: u64,
        freeswap: u64,
        procs: u16,
        pad: u16,
        totalhigh: u64,
        freehigh: u64,
        mem_unit: u32,
    }
    const _: () = assert!(size_of::<Raw>() == 112);
    let mut raw = Raw::default();
    // SAFETY: the kernel writes one `struct sysinfo` to the address of one.
    unsafe { call("sysinfo", SYSINFO, [(&raw mut raw).addr(), 0, 0, 0, 0, 0])? };
    Ok(Sysinfo { memory_bytes: raw.totalram.saturating_mul(raw.mem_unit.into()), tasks: raw.procs })
}

/// The user id, as this user namespace sees it.
pub fn getuid() -> Result<usize, SysError> {
    // SAFETY: getuid takes no arguments and touches no memory.
    unsafe { call("getuid", GETUID, [0; 6]) }
}

/// How many CPUs this thread may run on.
pub fn cpus() -> Result<u32, SysError> {
    // Room for 8192 CPUs, the most that Linux can be built for on x86-64; it fills in the bytes that it has.
    let mut set = [0_u64; 128];
    let arguments = [0, size_of_val(&set), set.as_mut_ptr().addr(), 0, 0, 0];
    // SAFETY: the kernel writes at most as many bytes as it is told that there are.
    unsafe { call("sched_getaffinity", SCHED_GETAFFINITY, arguments)? };
    Ok(set.iter().map(|word| word.count_ones()).sum())
}

/// Whether the directory `path` could be written to, by access(2): an error says why not.
pub fn writable(path: &CStr) -> Result<(), SysError> {
    /// `include/uapi/linux/fcntl.h`, `unistd.h`
    const AT_FDCWD: usize = -100_isize as usize;
    const W_OK: usize = 2;
    let arguments = [AT_FDCWD, path.as_ptr().addr(), W_OK, 0, 0, 0];
    // SAFETY: the kernel reads the path up to its NUL, which a `CStr` has.
    unsafe { call("faccessat", FACCESSAT, arguments)? };
    Ok(())
}

/// How long the kernel has been running.
pub fn since_boot() -> Result<Timespec, SysError> {
    let mut time = Timespec::default();
    let arguments = [CLOCK_BOOTTIME, (&raw mut time).addr(), 0, 0, 0, 0];
    // SAFETY: the kernel writes one `timespec` to the address of one.
    unsafe { call("clock_gettime", number::CLOCK_GETTIME, arguments)? };
    Ok(time)
}

/// Where a file lies: no two that are there at a time have the same.
pub struct Place {
    device: u64,
    inode: u64,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

/// The place of what is open as `fd`, by fstat(2).
pub fn place(fd: i32) -> Result<Place, SysError> {
    // `struct stat` of arch/x86/include/uapi/asm/stat.h: 144 bytes, of which the first words are these two.
    let mut stat = [0_u64; 18];
    // SAFETY: the kernel writes one `struct stat`, 144 bytes, to a buffer of 144 bytes.
    unsafe { call("fstat", number::FSTAT, [fd as usize, stat.as_mut_ptr().addr(), 0, 0, 0, 0])? };
    Ok(Place { device: stat[0], inode: stat[1] })
}

/// The seccomp mode: 0 none, 2 a filter.
pub fn seccomp_mode() -> Result<usize, SysError> {
    // SAFETY: PR_GET_SECCOMP takes no further arguments and touches no memory.
    unsafe { call("prctl", PRCTL, [PR_GET_SECCOMP, 0, 0, 0, 0, 0]) }
}

/// The effective capabilities, one bit each.
pub fn capabilities() -> Result<u64, SysError> {
    /// `struct __user_cap_header_struct`
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let mut header = Header { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    // Twice effective, permitted, inheritable: the low words, then the high ones.
    let mut data = [0_u32; 6];
    let arguments = [(&raw mut header).addr(), data.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the kernel reads a header and writes two `struct __user_cap_data_struct`, 24 bytes.
    unsafe { call("capget", CAPGET, arguments)? };
    Ok(u64::from(data[3]) << 32 | u64::from(data[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_proc(path: &str) -> String {
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    #[test]
    fn the_kernel_names_itself_as_in_proc() {
        let names = uname().unwrap();
        assert_eq!(str::from_utf8(names.release()), Ok(of_proc("/proc/sys/kernel/osrelease").as_str()));
        assert_eq!(str::from_utf8(names.version()), Ok(of_proc("/proc/sys/kernel/version").as_str()));
        assert_eq!(str::from_utf8(names.nodename()), Ok(of_proc("/proc/sys/kernel/hostname").as_str()));
    }

    #[test]
    fn a_field_without_an_end_is_empty() {
        assert_eq!(Utsname { fields: [[b'x'; UTS_FIELD]; 6] }.release(), b"");
    }

    #[test]
    fn capabilities_and_seccomp_are_those_of_proc() {
        let status = of_proc("/proc/thread-self/status");
        let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim();
        assert_eq!(format!("{:016x}", capabilities().unwrap()), line("CapEff:"));
        assert_eq!(seccomp_mode().unwrap().to_string(), line("Seccomp:"));
        assert_eq!(getuid().unwrap().to_string(), line("Uid:").split_whitespace().next().unwrap());
    }

    #[test]
    fn cpus_are_counted_as_in_proc_and_proc_is_no_place_to_write_to() {
        let status = of_proc("/proc/thread-self/status");
        let mask = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:")).unwrap();
        let bits: u32 = mask.chars().filter_map(|digit| digit.to_digit(16)).map(u32::count_ones).sum();
        assert_eq!(cpus().unwrap(), bits);
        assert!(writable(c"/tmp").is_ok());
        assert!(writable(c"/no-such-directory").is_err());
    }

    #[test]
    fn the_memory_is_that_of_proc() {
        let text = of_proc("/proc/meminfo");
        let kib = text.strip_prefix("MemTotal:").and_then(|rest| rest.split_whitespace().next()).unwrap();
        assert_eq!(sysinfo().unwrap().memory_bytes / 1024, kib.parse::<u64>().unwrap());
        assert!(sysinfo().unwrap().tasks > 0 && since_boot().unwrap().as_ns() > 0);
    }
}

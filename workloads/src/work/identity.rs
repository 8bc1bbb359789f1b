//! Who this is, seen from inside: what an instance shares with its host and what it does not.
//!
//! Nothing is measured. A container has its host's kernel, boot and uptime under another name and process id;
//! a virtual machine has its own. Invariant: every fact is reported, one that is not to be had as
//! `n/a: REASON`.

use core::{
    ffi::CStr,
    fmt::{self, Display},
};

use super::{Stop, surroundings};
use crate::{
    events,
    meter::Meter,
    sys::{self, SysError, identity},
};

/// 36 characters and a line feed, the same for all of one boot of one kernel.
const BOOT_ID: &CStr = c"/proc/sys/kernel/random/boot_id";

pub fn identity(meter: &Meter) -> Result<(), Stop> {
    let out = meter.out;
    let names = identity::uname();
    let name = |field: fn(&identity::Utsname) -> &[u8]| match &names {
        Ok(names) => text(field(names)),
        Err(error) => Err((*error).into()),
    };
    fact(out, "kernel-release", name(identity::Utsname::release))?;
    fact(out, "kernel-version", name(identity::Utsname::version))?;
    fact(out, "hostname", name(identity::Utsname::nodename))?;
    fact(out, "boot-id", boot_id(&mut [0; 64]))?;
    fact(out, "uptime-ms", from(identity::since_boot().map(|time| time.as_ns() / 1_000_000)))?;
    fact(out, "root-directory", root_directory())?;
    fact(out, "root-access", root_access())?;
    fact(out, "cpus", from(identity::cpus()))?;
    fact(out, "pid", from(sys::getpid()))?;
    fact(out, "uid", from(identity::getuid()))?;
    fact(out, "capabilities", from(identity::capabilities()).map(Hex))?;
    fact(out, "seccomp-mode", from(identity::seccomp_mode()))?;
    let machine = identity::sysinfo();
    fact(out, "memory-bytes", from(machine.as_ref().map(|machine| machine.memory_bytes).map_err(|e| *e)))?;
    fact(out, "tasks", from(machine.map(|machine| machine.tasks)))?;
    fact(out, "processes", surroundings::processes())?;
    fact(out, "mounts", surroundings::mounts())?;
    fact(out, "network-interfaces", surroundings::interfaces())?;
    fact(out, "uid-map", surroundings::uid_map())?;
    Ok(events::line(out, format_args!("{}", events::DONE))?)
}

/// Reports one fact, or why it is not to be had.
fn fact(out: i32, key: &str, value: Result<impl Display, Stop>) -> Result<(), SysError> {
    match value {
        Ok(value) => events::line(out, format_args!("{} {key} {value}", events::FACT)),
        Err(why) => events::line(out, format_args!("{} {key} n/a: {why}", events::FACT)),
    }
}

fn from<T>(result: Result<T, SysError>) -> Result<T, Stop> {
    Ok(result?)
}

/// Text of the kernel's, which may be empty; a fact may not.
fn text(bytes: &[u8]) -> Result<core::slice::EscapeAscii<'_>, Stop> {
    if bytes.is_empty() { Err(Stop::Missing("it is empty")) } else { Ok(bytes.escape_ascii()) }
}

fn boot_id(buffer: &mut [u8]) -> Result<core::slice::EscapeAscii<'_>, Stop> {
    let file = sys::open_to_read(BOOT_ID).map_err(|_| Stop::Missing("needs /proc"))?;
    let read = sys::read(file, buffer);
    sys::close(file)?;
    text(buffer.get(..read?).unwrap_or_default().trim_ascii_end())
}

/// Which directory `/` is: its device's number and its own there, which nothing needs /proc for.
fn root_directory() -> Result<identity::Place, Stop> {
    let root = sys::open_to_read(c"/").map_err(|_| Stop::Missing("needs a root directory"))?;
    let place = identity::place(root);
    sys::close(root)?;
    from(place)
}

/// Whether `/` can be written to, for all that the file system says: the permissions of the agent are facts of their own.
fn root_access() -> Result<&'static str, Stop> {
    /// `include/uapi/asm-generic/errno-base.h`
    const EROFS: i32 = 30;
    match identity::writable(c"/") {
        Ok(()) => Ok("writable"),
        Err(error) if error.errno == EROFS => Ok("read-only"),
        Err(error) => Err(error.into()),
    }
}

/// A set of 64 bits, as /proc writes it.
struct Hex(u64);

impl Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

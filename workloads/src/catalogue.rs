//! Every workload there is. A new one is an entry here and the function that it names.
//!
//! Invariant: names are unique, stable and dashed; they are the keys under which results are kept.

use crate::{
    meter::Meter,
    work::{Stop, chase, cpu, identity, limits, memory, processes, startup, syscalls, threads, victim},
};

/// One entry of the catalogue.
#[derive(Debug)]
pub struct Workload {
    /// The stable, dashed name: the agent's first argument and the key in the results.
    pub name: &'static str,
    /// The experiment it belongs to.
    pub group: Group,
    /// What its samples are; without meaning for [`Group::Startup`], [`Group::Evidence`], [`Group::Limits`] and
    /// [`Group::Program`].
    pub yields: Yields,
    /// What one operation is, in one line.
    pub summary: &'static str,
    /// Runs it, reporting to the meter.
    pub(crate) run: fn(&Meter) -> Result<(), Stop>,
}

/// The kinds of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Does nothing but be there: for startup and memory.
    Startup,
    /// Asks the kernel for something.
    Syscalls,
    /// Uses the processor and the memory system.
    Cpu,
    /// Measures nothing; reports facts about the place.
    Evidence,
    /// Tries how far a limit lets it go.
    Limits,
    /// Runs beside another instance and measures what that does to it.
    Neighbour,
    /// Is no workload of the agent's at all.
    Program,
}

/// What a workload's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Yields {
    /// Operations: the result is nanoseconds per operation.
    TimePerOp,
    /// Bytes: the result is bytes per second.
    Bandwidth,
}

/// The workload called `name`.
pub fn find(name: &str) -> Option<&'static Workload> {
    CATALOGUE.iter().find(|workload| workload.name == name)
}

const fn startup(name: &'static str, run: fn(&Meter) -> Result<(), Stop>, summary: &'static str) -> Workload {
    Workload { name, group: Group::Startup, yields: Yields::TimePerOp, summary, run }
}

const fn syscall(name: &'static str, run: fn(&Meter) -> Result<(), Stop>, summary: &'static str) -> Workload {
    Workload { name, group: Group::Syscalls, yields: Yields::TimePerOp, summary, run }
}

const fn cpu(name: &'static str, run: fn(&Meter) -> Result<(), Stop>, summary: &'static str) -> Workload {
    Workload { name, group: Group::Cpu, yields: Yields::TimePerOp, summary, run }
}

const fn bandwidth(
    name: &'static str,
    run: fn(&Meter) -> Result<(), Stop>,
    summary: &'static str,
) -> Workload {
    Workload { name, group: Group::Cpu, yields: Yields::Bandwidth, summary, run }
}

const fn evidence(
    name: &'static str,
    run: fn(&Meter) -> Result<(), Stop>,
    summary: &'static str,
) -> Workload {
    Workload { name, group: Group::Evidence, yields: Yields::TimePerOp, summary, run }
}

const fn limit(name: &'static str, run: fn(&Meter) -> Result<(), Stop>, summary: &'static str) -> Workload {
    Workload { name, group: Group::Limits, yields: Yields::TimePerOp, summary, run }
}

/// All workloads, in the order in which reports show them.
pub static CATALOGUE: &[Workload] = &[
    startup("noop", startup::noop, "report READY, then wait for the end of standard input"),
    syscall("getpid", syscalls::getpid, "getpid: the way into the kernel and back"),
    syscall(
        "clock-gettime-vdso",
        syscalls::clock_vdso,
        "clock_gettime through the vDSO, without a system call",
    ),
    syscall("clock-gettime-call", syscalls::clock_call, "clock_gettime as a real system call"),
    syscall("read-zero-1", syscalls::read_zero_1, "read 1 byte of /dev/zero"),
    syscall("read-zero-4k", syscalls::read_zero_4k, "read 4 KiB of /dev/zero"),
    syscall("write-null-1", syscalls::write_null_1, "write 1 byte to /dev/null"),
    syscall("write-null-4k", syscalls::write_null_4k, "write 4 KiB to /dev/null"),
    syscall("openat-close", syscalls::openat_close, "open /dev/null and close it"),
    syscall("fstat", syscalls::fstat, "fstat of an open /dev/null"),
    syscall("mmap-touch-munmap", syscalls::mmap_touch_munmap, "map one page, write to it, unmap it"),
    syscall(
        "pipe-round-trip",
        threads::pipe_round_trip,
        "one byte to a second thread and back, through two pipes",
    ),
    syscall("futex-wake", threads::futex_wake, "wake a second thread by a futex and be woken by it"),
    syscall("fork-exit", processes::fork_exit, "fork a child that exits at once, and wait for it"),
    syscall("execve", processes::execve, "vfork, execute the agent, which exits at once, and wait for it"),
    syscall("signal-delivery", processes::signal_delivery, "send oneself a signal and run its handler"),
    cpu("sha256", cpu::sha256, "SHA-256 of 4 KiB, in plain integer code"),
    cpu("sort", cpu::sort, "fill 4096 integers pseudo-randomly and sort them"),
    cpu("matmul", cpu::matmul, "multiply two 64 by 64 matrices of doubles"),
    bandwidth("memcpy", memory::copy, "copy 32 MiB by `rep movsb`; bytes read and written both count"),
    bandwidth(
        "triad",
        memory::triad,
        "a = b + s*c over 3 arrays of 16 MiB; bytes read and written both count",
    ),
    cpu("pointer-chase-16k", chase::in_16k, "one dependent load from 16 KiB (within most L1 caches)"),
    cpu("pointer-chase-256k", chase::in_256k, "one dependent load from 256 KiB (within most L2 caches)"),
    cpu("pointer-chase-4m", chase::in_4m, "one dependent load from 4 MiB (within most last-level caches)"),
    cpu("pointer-chase-32m", chase::in_32m, "one dependent load from 32 MiB (beyond many last-level caches)"),
    cpu("first-touch", memory::first_touch, "first write to a fresh 4 KiB page: one page fault"),
    evidence(
        "identity",
        identity::identity,
        "report kernel, boot, host name, processes, mounts, network, privileges: what the agent sees of the place it is in",
    ),
    limit("hog", limits::hog, "take memory MiB by MiB, writing all over it, until stopped or at a ceiling"),
    limit(
        "fork-storm",
        limits::fork_storm,
        "fork children that wait until no more can be had, go on trying for a while, reap all",
    ),
    limit("spin", limits::spin, "burn CPU for a given time of the wall clock"),
    Workload {
        name: "victim",
        group: Group::Neighbour,
        yields: Yields::TimePerOp,
        summary: "one page mapped, written, unmapped, then 256 dependent loads from 4 MiB",
        run: victim::victim,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_dashed() {
        for (index, workload) in CATALOGUE.iter().enumerate() {
            assert!(workload.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(CATALOGUE[..index].iter().all(|other| other.name != workload.name), "{}", workload.name);
        }
    }

    #[test]
    fn every_workload_is_found_by_its_name() {
        assert!(
            CATALOGUE.iter().all(|workload| find(workload.name).is_some_and(|w| w.name == workload.name))
        );
        assert!(find("").is_none() && find("GETPID").is_none());
    }
}

//! What the VMM and the guest kernel say to each other: the contents of [`SHARED_PAGE`].
//!
//! The VMM fills in [`BootInfo`] before the first instruction. For a request the guest fills in [`Mailbox`] and
//! stores the request's number (32 bits) at the doorbell; the VMM answers in `result` before the guest goes on.
//! Invariant: every field is a little-endian `u64`, and the VMM believes none of them. The guest kernel
//! includes this very file.

use crate::layout::SHARED_PAGE;

/// Where [`BootInfo`] lies.
pub const BOOT_INFO: u64 = SHARED_PAGE;
/// Where [`Mailbox`] lies.
pub const MAILBOX: u64 = SHARED_PAGE + 0x200;
/// Where the counters of calls that the kernel does not know lie: [`UNKNOWN_CALLS_LEN`] counters of 32 bits.
pub const UNKNOWN_CALLS: u64 = SHARED_PAGE + 0x400;
/// Number of counters. The last one counts all calls whose number is not below it.
pub const UNKNOWN_CALLS_LEN: usize = 512;

/// Write `arg1` = address, `arg2` = length to descriptor `arg0` (1 or 2). Result as of write(2).
pub const REQUEST_WRITE: u32 = 1;
/// Read from standard input to `arg1` = address, at most `arg2` bytes; waits. Result as of read(2).
pub const REQUEST_READ: u32 = 2;
/// The program ends with status `arg0`. No answer.
pub const REQUEST_EXIT: u32 = 3;
/// The vCPU took an exception; its stack pointer is at a fault frame. No answer. The mailbox is not used.
pub const REQUEST_FAULT: u32 = 4;

/// What the guest kernel needs to know of its machine.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct BootInfo {
    /// First byte that brk and mmap may hand out.
    pub heap_start: u64,
    /// First byte they may not.
    pub heap_end: u64,
    /// First byte behind the memory.
    pub memory_end: u64,
    /// Bytes of stack below `memory_end`.
    pub stack_bytes: u64,
    /// The time-stamp counter at the moment of the two clocks below.
    pub tsc_base: u64,
    /// Nanoseconds of a tick of the time-stamp counter, times 2^32.
    pub tsc_scale: u64,
    /// The host's CLOCK_MONOTONIC in nanoseconds.
    pub monotonic_ns: u64,
    /// The host's CLOCK_REALTIME in nanoseconds.
    pub realtime_ns: u64,
}

/// One request of the guest and its answer.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Mailbox {
    /// First argument.
    pub arg0: u64,
    /// Second argument.
    pub arg1: u64,
    /// Third argument.
    pub arg2: u64,
    /// Answer: a count, or an error number negated, as a system call would return it.
    pub result: u64,
}

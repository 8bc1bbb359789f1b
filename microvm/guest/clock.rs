//! Clocks, from the time-stamp counter: the host's clocks at the start plus the ticks since.
//!
//! Times are nanoseconds. Invariant: never an exit from the guest.

use core::arch::x86_64::{_mm_lfence, _rdtsc};

use crate::errno::{EINVAL, Result};
use crate::user;

const NS_PER_SECOND: u64 = 1_000_000_000;

// Clock numbers, include/uapi/linux/time.h.
const REALTIME: u64 = 0;
const MONOTONIC: u64 = 1;
const MONOTONIC_RAW: u64 = 4;
const REALTIME_COARSE: u64 = 5;
const MONOTONIC_COARSE: u64 = 6;
const BOOTTIME: u64 = 7;

/// Nanoseconds since the VMM read the clocks.
fn elapsed() -> u64 {
    // SAFETY: SSE2 and RDTSC are in every x86-64 processor; the fence keeps the read from being done early.
    let ticks = unsafe {
        _mm_lfence();
        _rdtsc()
    };
    let info = user::boot_info();
    let since = ticks.saturating_sub(info.tsc_base);
    ((u128::from(since) * u128::from(info.tsc_scale)) >> 32) as u64
}

fn clock(number: u64) -> Result {
    let info = user::boot_info();
    match number {
        REALTIME | REALTIME_COARSE => Ok(info.realtime_ns + elapsed()),
        MONOTONIC | MONOTONIC_RAW | MONOTONIC_COARSE | BOOTTIME => Ok(info.monotonic_ns + elapsed()),
        _ => Err(EINVAL),
    }
}

/// clock_gettime(2).
pub fn clock_gettime(number: u64, to: u64) -> Result {
    let now = clock(number)?;
    user::write(to, [now / NS_PER_SECOND, now % NS_PER_SECOND])?;
    Ok(0)
}

/// clock_getres(2): the counter ticks faster than once a nanosecond, or nearly so.
pub fn clock_getres(number: u64, to: u64) -> Result {
    clock(number)?;
    if to != 0 {
        user::write(to, [0, 1u64])?;
    }
    Ok(0)
}

/// gettimeofday(2); the time zone is not filled in, as nobody has wanted it for decades.
pub fn gettimeofday(to: u64) -> Result {
    let now = clock(REALTIME)?;
    if to != 0 {
        user::write(to, [now / NS_PER_SECOND, now % NS_PER_SECOND / 1000])?;
    }
    Ok(0)
}

/// time(2).
pub fn time(to: u64) -> Result {
    let seconds = clock(REALTIME)? / NS_PER_SECOND;
    if to != 0 {
        user::write(to, seconds)?;
    }
    Ok(seconds)
}

//! The host's one clock: `CLOCK_MONOTONIC`, in nanoseconds, comparable across processes.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since an arbitrary moment before boot.
pub fn now_ns() -> u64 {
    // CLOCK_MONOTONIC exists on every Linux and the pointer is the wrapper's own: it cannot fail.
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC can be read");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

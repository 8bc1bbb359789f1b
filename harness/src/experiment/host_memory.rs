//! The machine's memory, as experiments that start many instances look at it. Unit: bytes.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;
use procfs::Current;

/// What earlier trials left is freed late, by RCU and the kernel's workers: memory is at rest when it changed by less than
/// this over several readings in a row. A ramp that began earlier would count that freeing as its own.
const AT_REST: f64 = 65_536.0;
const READINGS: usize = 4;
const BETWEEN: Duration = Duration::from_millis(10);
/// On a machine where something else always moves, the ramp has to begin all the same.
const REST_TIME: Duration = Duration::from_millis(500);

/// Waits until the machine's memory in use is at rest.
pub fn come_to_rest() -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut last, mut steady) = (in_use()?, 0);
    while steady < READINGS && begun.elapsed() < REST_TIME {
        std::thread::sleep(BETWEEN);
        let now = in_use()?;
        steady = if (now - last).abs() < AT_REST { steady + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// Memory that can be had without swapping.
pub fn available() -> anyhow::Result<u64> {
    let info = procfs::Meminfo::current().context("read /proc/meminfo")?;
    Ok(info.mem_available.unwrap_or(info.mem_free))
}

/// Memory in use by anything but the page cache, as `free` computes it: what could be dropped does
/// not count, shared memory does. Free pages that a CPU keeps at hand are free all the same.
pub fn in_use() -> anyhow::Result<f64> {
    // The kernel's counters lag behind by up to a second; writing here makes every CPU hand in what it
    // holds back (Documentation/admin-guide/sysctl/vm.rst, `stat_refresh`). Only root may: without it
    // the slope is noisier, which its interval shows.
    let _ = fs::write("/proc/sys/vm/stat_refresh", "1");
    let info = procfs::Meminfo::current().context("read /proc/meminfo")?;
    let at_hand = pages_at_hand(&fs::read_to_string("/proc/zoneinfo").unwrap_or_default());
    let free = info.mem_free + at_hand * procfs::page_size();
    let cache = info.buffers + info.cached + info.s_reclaimable.unwrap_or(0);
    let used = info.mem_total.saturating_sub(free + cache) + info.shmem.unwrap_or(0);
    Ok(used as f64)
}

/// Pages on the per-CPU lists, which are not in `MemFree`: the `count:` lines of /proc/zoneinfo.
fn pages_at_hand(zoneinfo: &str) -> u64 {
    let counts = zoneinfo.lines().filter_map(|line| line.trim().strip_prefix("count:"));
    counts.filter_map(|count| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_at_hand_are_summed_over_zones_and_cpus() {
        let text = "Node 0, zone DMA32\n  pages free 5\n  pagesets\n    cpu: 0\n              count:    12\n\
                    \x20             high:     14\n    cpu: 1\n              count: 30\n";
        assert_eq!(pages_at_hand(text), 42);
    }
}

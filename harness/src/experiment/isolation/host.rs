//! What a hog may never do: make the host swap, or kill anything but the hog.
//!
//! Units: bytes, events. The kernel's counters are those of the whole machine, so what somebody else's doing looks the same;
//! it marks the trial all the same.

use anyhow::{Context, Result};
use procfs::Current;

/// Marks a trial during which the host swapped or killed something else.
pub(super) const FLAG: &str = "host-disturbed";

/// The host's counters when something began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    /// Processes killed for want of memory, in whatever cgroup.
    oom_kills: u64,
    /// Pages written to swap.
    swapped_out: u64,
}

impl Host {
    /// Reads them.
    pub fn look() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/vmstat").context("read /proc/vmstat")?;
        Ok(Self::parse(&text))
    }

    fn parse(vmstat: &str) -> Self {
        // A kernel without swap or without cgroups lacks the line, and then it did not happen.
        let of = |name: &str| {
            let values = vmstat.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            values.filter_map(|value| value.trim().parse::<u64>().ok()).sum()
        };
        Self { oom_kills: of("oom_kill"), swapped_out: of("pswpout") }
    }

    /// What happened since beside the `own` kills inside the hog's cgroup, in words.
    pub fn disturbed(self, own: u64) -> Result<Option<String>> {
        Ok(self.changed(Self::look()?, own))
    }

    fn changed(self, now: Self, own: u64) -> Option<String> {
        let killed = now.oom_kills.saturating_sub(self.oom_kills).saturating_sub(own);
        let swapped = now.swapped_out.saturating_sub(self.swapped_out);
        let said: Vec<String> = [
            (killed > 0)
                .then(|| format!("{killed} processes outside of the hog's cgroup were killed for memory")),
            (swapped > 0).then(|| format!("{swapped} pages were swapped out")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// Whether the host has that many bytes to spare, or why a hog would endanger it.
pub(super) fn can_spare(bytes: u64) -> Result<(), String> {
    let info =
        procfs::Meminfo::current().map_err(|error| format!("/proc/meminfo cannot be read: {error}"))?;
    let available = info.mem_available.unwrap_or(info.mem_free);
    if available >= bytes {
        return Ok(());
    }
    Err(format!(
        "the host has {} MiB of memory to spare; limits are tried only where there are {} MiB",
        available >> 20,
        bytes >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_in_the_hogs_own_cgroup_is_no_disturbance() {
        let before = Host::parse("nr_free_pages 5\noom_kill 6\npswpin 0\npswpout 2\n");
        let after = Host::parse("oom_kill 7\npswpout 2\n");
        assert_eq!(before.changed(after, 1), None);
        assert_eq!(
            before.changed(after, 0).unwrap(),
            "1 processes outside of the hog's cgroup were killed for memory"
        );
    }

    #[test]
    fn a_page_that_is_swapped_out_is_a_disturbance() {
        let before = Host::parse("pswpout 2\n");
        assert_eq!(before.changed(Host::parse("pswpout 9\n"), 1).unwrap(), "7 pages were swapped out");
    }

    #[test]
    fn a_host_with_too_little_memory_is_spared() {
        let why = can_spare(u64::MAX).unwrap_err();
        assert!(why.contains("limits are tried only where"), "{why}");
        assert_eq!(can_spare(0), Ok(()));
    }
}

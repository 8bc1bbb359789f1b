//! The machine: its fingerprint in the results, and what `bench doctor` says about it.

pub mod doctor;
mod hypervisor;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use container::cgroup::{Kind, Layout};
use microvm::KvmFacts;
use procfs::Current;
use results::Host;

pub use hypervisor::hypervisor;

/// Looks at the machine. What it does not tell stays `None`.
pub fn fingerprint() -> Host {
    Host {
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned()),
        os: os_release(&read("/etc/os-release").unwrap_or_default()),
        cpu_model: cpu_model(),
        cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        memory_bytes: procfs::Meminfo::current().map_or(0, |info| info.mem_total),
        hypervisor: hypervisor(),
        kvm: Some(kvm_finding()),
        cgroups: cgroup_generation().to_owned(),
        root: nix::unistd::geteuid().is_root(),
        user_namespaces: container::user_namespaces_available().is_ok(),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        turbo: turbo(),
        smt: read("/sys/devices/system/cpu/smt/active").map(|active| active == "1"),
        thp: read("/sys/kernel/mm/transparent_hugepage/enabled").map(|line| chosen(&line)),
        ksm: read("/sys/kernel/mm/ksm/run").map(|run| run == "1"),
        clocksource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        nx_huge_pages: read("/sys/module/kvm/parameters/nx_huge_pages"),
        mounts: read("/proc/self/mountinfo").map_or(0, |table| table.lines().count() as u32),
        load_1m: procfs::LoadAverage::current().map_or(0.0, |load| f64::from(load.one)),
        mitigations: mitigations(),
    }
}

/// Which generation of cgroups the host has: `v2`, `v1`, `hybrid` or `none`.
pub fn cgroup_generation() -> &'static str {
    match Layout::detect().map_or(Kind::None, |layout| layout.kind()) {
        Kind::V1 => "v1",
        Kind::V2 => "v2",
        Kind::Hybrid => "hybrid",
        Kind::None => "none",
    }
}

/// What the probe guest found out about KVM, or why there is none. It runs once per process.
pub fn kvm() -> Result<KvmFacts, String> {
    static FOUND: OnceLock<Result<KvmFacts, String>> = OnceLock::new();
    FOUND.get_or_init(|| microvm::probe().map_err(|error| error.to_string())).clone()
}

/// The same in words.
pub fn kvm_finding() -> String {
    kvm().map_or_else(|why| format!("unavailable: {why}"), |facts| facts.to_string())
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn os_release(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

fn cpu_model() -> String {
    procfs::CpuInfo::current()
        .ok()
        .and_then(|info| info.model_name(0).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The drivers disagree on the file and on its sense.
fn turbo() -> Option<bool> {
    read("/sys/devices/system/cpu/intel_pstate/no_turbo")
        .map(|off| off == "0")
        .or_else(|| read("/sys/devices/system/cpu/cpufreq/boost").map(|on| on == "1"))
}

/// The bracketed word of a sysfs choice: `always [madvise] never`.
fn chosen(line: &str) -> String {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .unwrap_or(line)
        .to_owned()
}

fn mitigations() -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, read(entry.path())?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_word_of_a_sysfs_file_is_the_bracketed_one() {
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(chosen("odd"), "odd");
    }

    #[test]
    fn the_name_of_the_distribution_is_unquoted() {
        let text = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(os_release(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(os_release(""), None);
    }
}

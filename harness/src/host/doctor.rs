//! What this host can measure and what distorts the numbers: each finding says what it does to the
//! numbers and which command mends it.

use std::fmt;

use procfs::{Current, CurrentSI, KernelStats, LoadAverage};
use results::Host;
use serde::Serialize;

use crate::kernel;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to mend.
    Ok,
    /// The numbers suffer, or mean something else than a reader may think.
    Warn,
    /// Something cannot be measured.
    Missing,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Missing => "missing",
        })
    }
}

/// One thing looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is well.
    pub verdict: Verdict,
    /// What was seen.
    pub finding: String,
    /// What that does to the numbers.
    pub effect: &'static str,
    /// The command that mends it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

/// Looks at everything.
pub fn examine(host: &Host) -> Vec<Check> {
    let mut checks = vec![
        kvm(host),
        guest_kernel(),
        hypervisor(host),
        cgroups(host),
        user_namespaces(host),
        privileges(host),
        governor(host),
        turbo(host),
        smt(host),
        load(),
        steal(),
        mitigations(host),
        clock_source(host),
        merging(host),
        huge_pages(host),
        mounts(host),
    ];
    checks.extend(nx_huge_pages(host));
    checks.extend(favordynmods());
    checks
}

fn check(
    name: &'static str,
    verdict: Verdict,
    finding: impl Into<String>,
    effect: &'static str,
    remedy: Option<&'static str>,
) -> Check {
    Check {
        name,
        verdict,
        finding: finding.into(),
        effect,
        remedy: remedy.filter(|_| verdict != Verdict::Ok),
    }
}

fn kvm(_: &Host) -> Check {
    match super::kvm() {
        Ok(facts) if facts.runs_stock_kernels() => {
            check("kvm", Verdict::Ok, facts.to_string(), "microVMs run on hardware virtualization", None)
        }
        Ok(facts) => check(
            "kvm",
            Verdict::Warn,
            facts.to_string(),
            "the unikernel microVM runs natively in ring 3, but its start and exits cost more than with VMX or \
             SVM; a guest with its own Linux kernel cannot run",
            Some("use a bare-metal host, or turn on nested virtualization in the hypervisor below"),
        ),
        Err(why) => check(
            "kvm",
            Verdict::Missing,
            why,
            "no microVM can be measured",
            Some("modprobe kvm_intel || modprobe kvm_amd; usermod -aG kvm $USER"),
        ),
    }
}

fn guest_kernel() -> Check {
    match kernel::choose(None) {
        Ok(found) if found.is_hosts => check(
            "guest kernel",
            Verdict::Ok,
            format!("{}, the host's own", found.release),
            "container and microvm-linux run the same kernel: the fairest comparison",
            None,
        ),
        Ok(found) => check(
            "guest kernel",
            Verdict::Ok,
            format!("{} in {}", found.release, found.path.display()),
            "microvm-linux runs another kernel than the host: a part of every difference is the kernels'",
            None,
        ),
        Err(error) => check(
            "guest kernel",
            Verdict::Missing,
            error.to_string(),
            "microvm-linux has nothing to boot",
            Some("bench kernel fetch"),
        ),
    }
}

fn hypervisor(host: &Host) -> Check {
    match &host.hypervisor {
        None => check("hypervisor", Verdict::Ok, "none: bare metal", "numbers are the machine's own", None),
        Some(name) => check(
            "hypervisor",
            Verdict::Warn,
            format!("this machine runs under {name}"),
            "every VM exit of a guest is 10 to 100 times dearer, page faults and interrupts cost more; compare \
             only with runs on the like",
            Some("run on bare metal"),
        ),
    }
}

fn cgroups(host: &Host) -> Check {
    match host.cgroups.as_str() {
        "v2" => check("cgroups", Verdict::Ok, "v2", "one hierarchy, all kernel memory accounted", None),
        "none" => check(
            "cgroups",
            Verdict::Missing,
            "no hierarchy is mounted",
            "no limits hold and no memory is accounted per instance",
            Some("mount -t cgroup2 none /sys/fs/cgroup"),
        ),
        legacy => check(
            "cgroups",
            Verdict::Warn,
            format!("{legacy}: controllers on version 1"),
            "a container joins one hierarchy per controller; kernel memory is accounted only in part",
            Some("boot with systemd.unified_cgroup_hierarchy=1"),
        ),
    }
}

fn user_namespaces(_: &Host) -> Check {
    match container::user_namespaces_available() {
        Ok(()) => check("user namespaces", Verdict::Ok, "available", "containers work without root", None),
        Err(reason) => check(
            "user namespaces",
            Verdict::Warn,
            reason,
            "without root no container can be measured",
            Some("sysctl user.max_user_namespaces=15000 kernel.apparmor_restrict_unprivileged_userns=0"),
        ),
    }
}

fn privileges(host: &Host) -> Check {
    if host.root {
        check("privileges", Verdict::Ok, "root", "cgroup limits and every namespace can be used", None)
    } else {
        check(
            "privileges",
            Verdict::Warn,
            "not root",
            "containers need a user namespace, which adds to their start; limits hold only in a delegated cgroup",
            Some("sudo bench, or systemd-run --user --scope -p Delegate=yes bench"),
        )
    }
}

fn governor(host: &Host) -> Check {
    let effect = "short work runs before the frequency has risen, so that it looks slower than it is";
    match host.governor.as_deref() {
        None => {
            check("governor", Verdict::Ok, "no frequency scaling visible", "none that could be seen", None)
        }
        Some("performance") => check("governor", Verdict::Ok, "performance", "the frequency is steady", None),
        Some(other) => {
            check("governor", Verdict::Warn, other, effect, Some("cpupower frequency-set -g performance"))
        }
    }
}

fn turbo(host: &Host) -> Check {
    match host.turbo {
        Some(true) => check(
            "turbo",
            Verdict::Warn,
            "on",
            "the frequency depends on temperature and on what the other cores do",
            Some(
                "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo  # or: echo 0 > /sys/devices/system/cpu/cpufreq/boost",
            ),
        ),
        Some(false) => check("turbo", Verdict::Ok, "off", "the frequency is steady", None),
        None => check("turbo", Verdict::Ok, "not visible", "none that could be seen", None),
    }
}

fn smt(host: &Host) -> Check {
    match host.smt {
        Some(true) => check(
            "smt",
            Verdict::Warn,
            "on",
            "work on the sibling thread slows the measured one down",
            Some("echo off > /sys/devices/system/cpu/smt/control"),
        ),
        Some(false) => check("smt", Verdict::Ok, "off", "no sibling disturbs", None),
        None => check("smt", Verdict::Ok, "not visible", "none that could be seen", None),
    }
}

fn load() -> Check {
    let Ok(load) = LoadAverage::current() else {
        return check("load", Verdict::Warn, "cannot be read", "other work cannot be noticed", None);
    };
    let verdict = if load.one > 0.5 { Verdict::Warn } else { Verdict::Ok };
    check(
        "load",
        verdict,
        format!("{:.2} over one minute, {} tasks runnable now", load.one, load.cur),
        if verdict == Verdict::Ok { "the machine is quiet" } else { "other work competes for the CPUs" },
        Some("stop other work, or wait; `uptime` shows when it is quiet"),
    )
}

fn steal() -> Check {
    let Some((steal, total)) = KernelStats::current().ok().and_then(|stats| {
        let t = stats.total;
        let total = t.user + t.nice + t.system + t.idle + t.iowait.unwrap_or(0) + t.steal.unwrap_or(0);
        Some((t.steal?, total.max(1)))
    }) else {
        return check("steal", Verdict::Ok, "not visible", "none that could be seen", None);
    };
    let share = steal as f64 * 100.0 / total as f64;
    let verdict = if share > 0.5 { Verdict::Warn } else { Verdict::Ok };
    check(
        "steal",
        verdict,
        format!("{share:.2} % of all CPU time since boot went to other machines"),
        if verdict == Verdict::Ok {
            "too little to matter"
        } else {
            "trials are stretched at random; marked ones are kept"
        },
        Some("use a dedicated host"),
    )
}

fn mitigations(host: &Host) -> Check {
    let active = host.mitigations.values().filter(|state| state.starts_with("Mitigation")).count();
    let open = host.mitigations.values().filter(|state| state.starts_with("Vulnerable")).count();
    let kpti = host.mitigations.get("meltdown").is_some_and(|state| state.contains("PTI"));
    check(
        "mitigations",
        Verdict::Ok,
        format!("{active} active, {open} vulnerable{}", if kpti { ", page table isolation on" } else { "" }),
        "they set the price of a system call and of a VM exit: compare only runs with the same ones",
        None,
    )
}

fn clock_source(host: &Host) -> Check {
    match host.clocksource.as_deref() {
        Some(fine @ ("tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page")) => {
            check("clock source", Verdict::Ok, fine, "reading the clock needs no system call", None)
        }
        other => check(
            "clock source",
            Verdict::Warn,
            other.unwrap_or("unknown"),
            "reading the clock is slow, which widens every short interval",
            Some("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"),
        ),
    }
}

fn merging(host: &Host) -> Check {
    if host.ksm == Some(true) {
        check(
            "ksm",
            Verdict::Warn,
            "on",
            "equal pages are merged: memory figures shrink with time and with the number of instances",
            Some("echo 0 > /sys/kernel/mm/ksm/run"),
        )
    } else {
        check("ksm", Verdict::Ok, "off", "pages are not merged", None)
    }
}

fn huge_pages(host: &Host) -> Check {
    match host.thp.as_deref() {
        Some("always") => check(
            "huge pages",
            Verdict::Warn,
            "transparent huge pages always",
            "guest memory is touched 2 MiB at a time: the footprint of a VM looks larger than its need",
            Some("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
        ),
        Some(other) => {
            let finding = format!("transparent huge pages {other}");
            check("huge pages", Verdict::Ok, finding, "guest memory is counted by the 4 KiB page", None)
        }
        None => check("huge pages", Verdict::Ok, "not supported", "memory is counted by the page", None),
    }
}

fn mounts(host: &Host) -> Check {
    let verdict = if host.mounts > 100 { Verdict::Warn } else { Verdict::Ok };
    check(
        "mounts",
        verdict,
        format!("{} mounts", host.mounts),
        "a new mount namespace copies them all, under one lock: a container's start grows with them",
        Some("umount what is not needed, or run in a slim mount namespace: unshare -m"),
    )
}

fn nx_huge_pages(host: &Host) -> Option<Check> {
    let setting = host.nx_huge_pages.as_deref()?;
    let on = setting.starts_with(['Y', '1']);
    Some(check(
        "nx_huge_pages",
        if on { Verdict::Warn } else { Verdict::Ok },
        setting,
        if on {
            "creating a VM starts a kernel thread, which costs milliseconds"
        } else {
            "VM creation is not slowed"
        },
        Some("echo never > /sys/module/kvm/parameters/nx_huge_pages"),
    ))
}

/// With this mount option attaching to a cgroup is fast and fork and exit are slower.
fn favordynmods() -> Option<Check> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let on = mounts.into_iter().any(|m| m.super_options.contains_key("favordynmods"));
    on.then(|| {
        let effect = "attaching to a cgroup is quick, fork and exit cost a little more";
        check("favordynmods", Verdict::Ok, "on", effect, None)
    })
}

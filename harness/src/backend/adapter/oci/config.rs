//! A bundle's `config.json` (opencontainers/runtime-spec, config.md and config-linux.md): the terms of `container` in the words of
//! the specification. What is not set here is the runtime's default.
//!
//! Units: bytes, microseconds.

use std::path::PathBuf;

use container::seccomp::{CLONE_NAMESPACES, allowed_calls};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::runtime::{Allowance, Order};

/// The kernel's default (sched-bwc.rst).
const CPU_PERIOD_US: u64 = 100_000;

/// What `runc spec` masks and makes read-only.
const MASKED: [&str; 9] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// `config.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    oci_version: &'static str,
    process: Process,
    root: Root,
    hostname: &'static str,
    mounts: Vec<Mount>,
    linux: Linux,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    terminal: bool,
    user: User,
    args: Vec<String>,
    env: Vec<String>,
    cwd: &'static str,
    capabilities: Capabilities,
    no_new_privileges: bool,
}

#[derive(Debug, Serialize)]
struct User {
    uid: u32,
    gid: u32,
}

/// All sets empty.
#[derive(Debug, Default, Serialize)]
struct Capabilities {
    bounding: [&'static str; 0],
    effective: [&'static str; 0],
    inheritable: [&'static str; 0],
    permitted: [&'static str; 0],
    ambient: [&'static str; 0],
}

#[derive(Debug, Serialize)]
struct Root {
    path: PathBuf,
    readonly: bool,
}

#[derive(Debug, Serialize)]
struct Mount {
    destination: &'static str,
    r#type: &'static str,
    source: &'static str,
    options: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    cgroups_path: String,
    resources: Resources,
    namespaces: Vec<Namespace>,
    masked_paths: [&'static str; 9],
    readonly_paths: [&'static str; 5],
    seccomp: Value,
}

#[derive(Debug, Serialize)]
struct Resources {
    devices: [Device; 1],
    memory: Memory,
    cpu: Cpu,
    pids: Pids,
}

#[derive(Debug, Serialize)]
struct Device {
    allow: bool,
    access: &'static str,
}

#[derive(Debug, Serialize)]
struct Memory {
    limit: u64,
}

#[derive(Debug, Serialize)]
struct Cpu {
    quota: u64,
    period: u64,
}

#[derive(Debug, Serialize)]
struct Pids {
    limit: u64,
}

#[derive(Debug, Serialize)]
struct Namespace {
    r#type: &'static str,
}

impl Config {
    /// With a PATH in the environment, though it names no program.
    pub fn with_path(mut self) -> Self {
        self.process.env.push("PATH=/".to_owned());
        self
    }

    /// With words in the place of 300 names of calls.
    pub fn with_seccomp(mut self, text: &str) -> Self {
        self.linux.seccomp = Value::from(text);
        self
    }
}

/// The configuration of one instance.
pub fn config(order: &Order, allowance: Allowance) -> Config {
    let limits = &order.job.limits;
    Config {
        oci_version: "1.0.2",
        process: Process {
            terminal: false,
            user: User { uid: 0, gid: 0 },
            args: order.agent().map(|word| word.to_string_lossy().into_owned()).collect(),
            env: order.env().collect(),
            cwd: "/",
            capabilities: Capabilities::default(),
            no_new_privileges: true,
        },
        root: Root { path: order.site.rootfs.clone(), readonly: true },
        hostname: "container",
        mounts: vec![
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/tmp", "tmpfs", &["nosuid", "nodev", "mode=1777", "size=64m"]),
        ],
        linux: Linux {
            // Absolute: a cgroup at the top of each hierarchy, which the next run finds by its name if this one is killed.
            cgroups_path: format!("/{}", order.name),
            resources: Resources {
                devices: [Device { allow: false, access: "rwm" }],
                memory: Memory { limit: order.job.memory_bytes + allowance.memory_bytes },
                cpu: Cpu { quota: (limits.cpu * CPU_PERIOD_US as f64).round() as u64, period: CPU_PERIOD_US },
                pids: Pids { limit: limits.pids + allowance.pids },
            },
            namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"]
                .map(|r#type| Namespace { r#type })
                .into(),
            masked_paths: MASKED,
            readonly_paths: READ_ONLY,
            seccomp: seccomp(),
        },
    }
}

fn mount(destination: &'static str, r#type: &'static str, options: &[&'static str]) -> Mount {
    Mount { destination, r#type, source: r#type, options: options.to_vec() }
}

/// The filter of `container`, rule by rule.
fn seccomp() -> Value {
    const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
    let allow = |name: &str, argument: Value| json!({ "names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument] });
    let mut calls = vec![
        json!({ "names": allowed_calls().collect::<Vec<_>>(), "action": "SCMP_ACT_ALLOW" }),
        json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": nix::libc::ENOSYS }),
        allow(
            "clone",
            json!({ "index": 0, "value": CLONE_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" }),
        ),
        allow("socket", json!({ "index": 0, "value": nix::libc::AF_VSOCK, "op": "SCMP_CMP_NE" })),
    ];
    calls.extend(
        PERSONALITIES
            .map(|value| allow("personality", json!({ "index": 0, "value": value, "op": "SCMP_CMP_EQ" }))),
    );
    json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": nix::libc::EPERM, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": calls })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::runtime::Site;
    use super::*;
    use crate::backend::{Job, JobLimits};

    #[test]
    fn a_bundle_has_the_terms_of_the_job() {
        let site = Site { dir: "/d".into(), rootfs: "/r".into(), token: "t".to_owned() };
        let limits = JobLimits { cpu: 0.5, pids: 64 };
        let job = Job {
            args: &["noop"],
            env: &[("A", "b")],
            memory_bytes: 32 << 20,
            limits,
            accounted: false,
            deadline: None,
        };
        let order = Order { tool: Path::new("runc"), site: &site, job: &job, name: "bench-1-2.0.1" };
        let config = serde_json::to_value(config(&order, Allowance { memory_bytes: 1, pids: 2 })).unwrap();
        assert_eq!(config["process"]["args"], json!(["/workload", "noop"]));
        assert_eq!(config["process"]["env"], json!(["A=b"]));
        assert_eq!(config["process"]["capabilities"]["bounding"], json!([]));
        assert_eq!(config["root"], json!({ "path": "/r", "readonly": true }));
        assert_eq!(config["linux"]["cgroupsPath"], "/bench-1-2.0.1");
        let resources = &config["linux"]["resources"];
        assert_eq!(resources["memory"]["limit"], (32 << 20) + 1);
        assert_eq!((&resources["cpu"]["quota"], &resources["pids"]["limit"]), (&json!(50_000), &json!(66)));
        assert!(
            config["linux"]["seccomp"]["syscalls"][0]["names"].as_array().unwrap().contains(&json!("read"))
        );
    }
}

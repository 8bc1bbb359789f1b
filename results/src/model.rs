//! What one `bench` invocation measured: the types behind `run.json` (schema version 1).
//!
//! Units are spelled out per measurement; times are nanoseconds, sizes are bytes.
//! Invariant: `samples`, `blocks` and (if present) `flags` of a measurement have the same length.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Metric;

/// The only schema version this build writes, and the newest it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What marks a sample of a backend that was delayed on purpose, to test comparisons: it is not what the backend costs.
pub const TEST_DELAY_FLAG: &str = "test-delay";

/// What marks a sample of a machine whose processor was emulated by software, though this host's own is not.
pub const EMULATION_FLAG: &str = "software-emulation";

/// Everything one `bench` invocation measured; the root of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Version of this layout; a newer one than [`SCHEMA_VERSION`] is refused.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// Name of the run and of its folder.
    pub run_id: String,
    /// RFC 3339 time at which the run began.
    pub started_at: String,
    /// Whether the plan was carried out to its end.
    pub state: RunState,
    /// The program that measured.
    pub tool: Tool,
    /// The machine it measured on.
    pub host: Host,
    /// What it was asked to do.
    pub config: Config,
    /// Every backend that was asked for, also those that could not run.
    pub backends: Vec<Backend>,
    /// The samples, one entry per (experiment, workload, backend, metric).
    pub measurements: Vec<Measurement>,
    /// Facts observed from inside the instances.
    pub evidence: Vec<Evidence>,
}

impl Run {
    /// The measurement of one metric of one workload on one backend, whatever its status.
    pub fn measurement(
        &self,
        experiment: Experiment,
        workload: &str,
        backend: &str,
        metric: &Metric,
    ) -> Option<&Measurement> {
        self.measurements.iter().find(|measurement| {
            measurement.experiment == experiment
                && measurement.workload == workload
                && measurement.backend == backend
                && measurement.metric == *metric
        })
    }

    /// The backend of this name.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.name == name)
    }
}

/// Whether a run reached the end of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Every planned experiment ended, by its plan or by its time budget.
    Complete,
    /// The run was interrupted or killed; what was measured until then is here.
    Interrupted,
}

/// The program that measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Version of `bench`.
    pub version: String,
    /// Commit it was built from, if known.
    pub git: Option<String>,
    /// SHA-256 (hex) of the agent ELF that ran in every backend.
    pub agent_sha256: String,
}

/// Fingerprint of the machine; `None` means that the host does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Kernel release, as `uname -r`.
    pub kernel: String,
    /// Name of the distribution, from os-release.
    pub os: Option<String>,
    /// CPU model name.
    pub cpu_model: String,
    /// Logical CPUs that `bench` may use.
    pub cpus: u32,
    /// Memory of the machine, in bytes.
    pub memory_bytes: u64,
    /// The hypervisor below this machine, if it runs under one.
    pub hypervisor: Option<String>,
    /// What the probe guest found out about KVM, or why there is none.
    pub kvm: Option<String>,
    /// cgroup layout: `v2`, `v1`, `hybrid` or `none`.
    pub cgroups: String,
    /// Whether `bench` ran as root.
    pub root: bool,
    /// Whether user namespaces can be created.
    pub user_namespaces: bool,
    /// Frequency governor of the first CPU used.
    pub governor: Option<String>,
    /// Whether turbo/boost is on.
    pub turbo: Option<bool>,
    /// Whether SMT is active.
    pub smt: Option<bool>,
    /// Setting of transparent huge pages.
    pub thp: Option<String>,
    /// Whether KSM merges pages.
    pub ksm: Option<bool>,
    /// The kernel's clock source.
    pub clocksource: Option<String>,
    /// KVM's `nx_huge_pages`, which slows VM creation down.
    pub nx_huge_pages: Option<String>,
    /// Entries in the host's mount table; each is copied into a new mount namespace.
    pub mounts: u32,
    /// Load average over one minute when the run began.
    pub load_1m: f64,
    /// CPU vulnerabilities and their mitigations, from sysfs.
    pub mitigations: BTreeMap<String, String>,
}

impl Host {
    /// The software that emulated the processor, if the host says that it was: its numbers then say what an emulator finds
    /// easy, and are no result.
    pub fn emulator(&self) -> Option<&str> {
        let below = self.hypervisor.as_deref()?;
        let lower = below.to_ascii_lowercase();
        ["tcg", "emulat"].iter().any(|sign| lower.contains(sign)).then_some(below)
    }
}

/// What the run was asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed of the block order and of every bootstrap.
    pub seed: u64,
    /// The preset: `quick`, `default` or `thorough`.
    pub preset: String,
    /// Blocks asked for with `--samples`.
    pub samples: Option<u32>,
    /// Time budget in seconds.
    pub time_budget_s: f64,
    /// Experiments, in the order they ran.
    pub experiments: Vec<Experiment>,
    /// Workloads asked for; empty means all.
    pub workloads: Vec<String>,
    /// CPU that every instance was pinned to, if any.
    pub pinned_cpu: Option<u32>,
    /// Memory limit (guest size, cgroup limit) of an instance, in bytes, by experiment.
    pub memory_limit_bytes: BTreeMap<Experiment, u64>,
    /// The command line, as typed.
    pub command: Vec<String>,
    /// Most instances at a time, of `density`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

/// A way to run a workload, and whether it could be used here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Stable name, as on the command line.
    pub name: String,
    /// Whether it ran.
    pub status: BackendStatus,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Facts a reader needs to judge its numbers: what is isolated, which limits held.
    pub details: BTreeMap<String, String>,
}

/// Whether a backend could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackendStatus {
    /// It ran.
    Ok,
    /// This host cannot run it.
    Unavailable,
    /// It should run here, but broke.
    Failed,
}

/// A measurement plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Experiment {
    /// From the start call to READY, and back to nothing.
    Startup,
    /// What an idle instance occupies.
    Memory,
    /// Time per system call.
    Syscalls,
    /// Computation and memory system.
    Cpu,
    /// Many instances at once: one after another, and several started together.
    Density,
    /// Whether limits hold, and what a neighbour notices of whoever tries them.
    Isolation,
    /// What each mechanism of isolation adds, one after another from a bare process on.
    Ladder,
    /// The user's own program, from its start to its end.
    Exec,
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Experiment::Startup => "startup",
            Experiment::Memory => "memory",
            Experiment::Syscalls => "syscalls",
            Experiment::Cpu => "cpu",
            Experiment::Density => "density",
            Experiment::Isolation => "isolation",
            Experiment::Ladder => "ladder",
            Experiment::Exec => "exec",
        })
    }
}

/// Samples of one metric of one workload on one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The plan it belongs to.
    pub experiment: Experiment,
    /// Stable dashed name of the workload.
    pub workload: String,
    /// Name of the backend.
    pub backend: String,
    /// What was measured.
    pub metric: Metric,
    /// Unit of every sample.
    pub unit: Unit,
    /// Which direction is an improvement.
    pub better: Better,
    /// Whether there are samples.
    pub status: Status,
    /// Why there are none (or fewer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One value per block, in the order taken.
    pub samples: Vec<f64>,
    /// The block each sample belongs to; pairs samples across backends. In `density`, 100000 times the round and the
    /// instance's number within it.
    pub blocks: Vec<u32>,
    /// What disturbed each sample, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<Vec<String>>>,
}

/// Whether a measurement has samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Status {
    /// It has.
    #[serde(rename = "ok")]
    Ok,
    /// The backend cannot do this by design; the reason says what it lacks.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// The value cannot be had on this host.
    #[serde(rename = "unavailable")]
    Unavailable,
    /// The trial broke.
    #[serde(rename = "failed")]
    Failed,
}

/// Which direction is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
}

/// Unit of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Operations per second.
    #[serde(rename = "ops/s")]
    OpsPerSecond,
    /// Bytes per second.
    #[serde(rename = "bytes/s")]
    BytesPerSecond,
    /// A plain number.
    #[serde(rename = "count")]
    Count,
    /// A quotient of two like quantities.
    #[serde(rename = "ratio")]
    Ratio,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Nanoseconds => "ns",
            Unit::Bytes => "bytes",
            Unit::OpsPerSecond => "ops/s",
            Unit::BytesPerSecond => "bytes/s",
            Unit::Count => "count",
            Unit::Ratio => "ratio",
        })
    }
}

/// A fact observed from inside an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Name of the backend.
    pub backend: String,
    /// What was looked at.
    pub key: String,
    /// What was seen.
    pub value: String,
}

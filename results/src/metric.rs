//! Names of what is measured. A name ends in no unit; a phase carries its own name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Better, Unit};

/// What a measurement measures; a `snake_case` string in `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Metric {
    /// From the call that starts an instance to the host seeing READY.
    StartupTime,
    /// One stretch of the startup, e.g. `phase_mounts`; the name has no prefix here.
    Phase(String),
    /// From the stop request to the last resource reaped.
    TeardownTime,
    /// CPU time (user + system) of the instance over its life, as reaped.
    CpuTime,
    /// CPU time of daemons that work for all instances, from an instance's start to its end.
    DaemonCpuTime,
    /// What the instance's cgroup is charged.
    MemoryCurrent,
    /// Proportional set size of the instance's host processes.
    Pss,
    /// Unique set size of the instance's host processes.
    Uss,
    /// Guest memory that the guest has touched.
    GuestRam,
    /// USS of the VMM without guest memory.
    VmmOverhead,
    /// Slope of system memory in use over the number of idle instances.
    MarginalMemory,
    /// Time per operation.
    TimePerOp,
    /// Bytes moved per second.
    Bandwidth,
    /// System calls of the agent that the guest does not implement.
    UnknownSyscalls,
    /// System memory in use with so many instances, above that with none.
    MemoryInUse,
    /// From the first stop request to the last resource of the last instance reaped.
    StopAllTime,
    /// Instances that became READY per second.
    StartRate,
    /// The most that the cgroup of a memory hog was charged.
    PeakMemory,
    /// The most processes that a fork storm had at once, itself included.
    PeakProcesses,
    /// CPU time used over wall time by a program that never waits, under a quota.
    CpuShare,
    /// Time per operation of an instance beside another one that tries its limits, over its own time alone.
    NeighbourSlowdown,
    /// From the call that starts an instance to its exit having been reaped.
    WallTime,
}

const FIXED: &[(&str, Metric)] = &[
    ("startup_time", Metric::StartupTime),
    ("teardown_time", Metric::TeardownTime),
    ("cpu_time", Metric::CpuTime),
    ("daemon_cpu_time", Metric::DaemonCpuTime),
    ("memory_current", Metric::MemoryCurrent),
    ("pss", Metric::Pss),
    ("uss", Metric::Uss),
    ("guest_ram", Metric::GuestRam),
    ("vmm_overhead", Metric::VmmOverhead),
    ("marginal_memory", Metric::MarginalMemory),
    ("time_per_op", Metric::TimePerOp),
    ("bandwidth", Metric::Bandwidth),
    ("unknown_syscalls", Metric::UnknownSyscalls),
    ("memory_in_use", Metric::MemoryInUse),
    ("stop_all_time", Metric::StopAllTime),
    ("start_rate", Metric::StartRate),
    ("peak_memory", Metric::PeakMemory),
    ("peak_processes", Metric::PeakProcesses),
    ("cpu_share", Metric::CpuShare),
    ("neighbour_slowdown", Metric::NeighbourSlowdown),
    ("wall_time", Metric::WallTime),
];

const PHASE: &str = "phase_";

impl Metric {
    /// The one unit its samples have.
    pub fn unit(&self) -> Unit {
        match self {
            Metric::StartupTime
            | Metric::Phase(_)
            | Metric::TeardownTime
            | Metric::CpuTime
            | Metric::DaemonCpuTime
            | Metric::TimePerOp
            | Metric::StopAllTime
            | Metric::WallTime => Unit::Nanoseconds,
            Metric::MemoryCurrent
            | Metric::Pss
            | Metric::Uss
            | Metric::GuestRam
            | Metric::VmmOverhead
            | Metric::MarginalMemory
            | Metric::MemoryInUse
            | Metric::PeakMemory => Unit::Bytes,
            Metric::Bandwidth => Unit::BytesPerSecond,
            Metric::UnknownSyscalls | Metric::PeakProcesses => Unit::Count,
            Metric::StartRate => Unit::OpsPerSecond,
            Metric::CpuShare | Metric::NeighbourSlowdown => Unit::Ratio,
        }
    }

    /// Whether it explains another measurement more than it is one: phases are parts of the startup time, the count of
    /// unknown calls is a fact about the guest, not a cost, memory in use is what the marginal memory is the slope of, and how
    /// far a limit let a hog go has no better direction.
    pub fn is_part(&self) -> bool {
        matches!(
            self,
            Metric::Phase(_)
                | Metric::UnknownSyscalls
                | Metric::MemoryInUse
                | Metric::PeakMemory
                | Metric::PeakProcesses
                | Metric::CpuShare
        )
    }

    /// Which direction is an improvement.
    pub fn better(&self) -> Better {
        if matches!(self, Metric::Bandwidth | Metric::StartRate) { Better::Higher } else { Better::Lower }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Metric::Phase(name) = self {
            return write!(f, "{PHASE}{name}");
        }
        let name = FIXED.iter().find(|(_, metric)| metric == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// A metric name that is not one.
#[derive(Debug, thiserror::Error)]
#[error("unknown metric `{0}`")]
pub struct UnknownMetric(String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(phase) = name.strip_prefix(PHASE)
            && !phase.is_empty()
            && phase.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return Ok(Metric::Phase(phase.to_owned()));
        }
        let fixed = FIXED.iter().find(|(fixed, _)| *fixed == name);
        fixed.map(|(_, metric)| metric.clone()).ok_or_else(|| UnknownMetric(name.to_owned()))
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}

impl TryFrom<String> for Metric {
    type Error = UnknownMetric;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_]*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_reads_back_from_its_name() {
        let phase = Metric::Phase("kvm_objects".to_owned());
        for metric in FIXED.iter().map(|(_, metric)| metric).chain([&phase]) {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), *metric);
        }
        assert_eq!(phase.to_string(), "phase_kvm_objects");
    }

    #[test]
    fn a_name_that_is_no_metric_is_refused() {
        for name in ["", "phase_", "phase_Mounts", "phase_a b", "latency", "Startup_time"] {
            assert!(name.parse::<Metric>().is_err(), "{name:?}");
        }
    }
}

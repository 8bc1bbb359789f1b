//! Names of measurements for people.

use results::{Experiment, Metric};

/// A metric in words.
pub(crate) fn metric(metric: &Metric) -> String {
    match metric {
        Metric::StartupTime => "startup time",
        Metric::Phase(name) => return format!("phase {name}"),
        Metric::TeardownTime => "teardown time",
        Metric::CpuTime => "CPU time, whole life",
        Metric::DaemonCpuTime => "CPU time of daemons meanwhile",
        Metric::MemoryCurrent => "charged to the cgroup (memory.current)",
        Metric::Pss => "proportional set size (PSS)",
        Metric::Uss => "unique set size (USS)",
        Metric::GuestRam => "guest RAM touched",
        Metric::VmmOverhead => "VMM without guest RAM (USS)",
        Metric::MarginalMemory => "marginal memory of a further instance",
        Metric::TimePerOp => "time per operation",
        Metric::Bandwidth => "bandwidth",
        Metric::UnknownSyscalls => "system calls the guest does not know",
        Metric::MemoryInUse => "memory in use by all",
        Metric::StopAllTime => "time to stop all",
        Metric::StartRate => "instances started per second",
        Metric::PeakMemory => "memory charged at most",
        Metric::PeakProcesses => "processes at most",
        Metric::CpuShare => "CPU time over wall time",
        Metric::NeighbourSlowdown => "slowdown of a neighbour",
        Metric::WallTime => "from the start call to the exit",
    }
    .to_owned()
}

/// What was measured, within its experiment: those over one workload are told apart by metric, the others by workload.
pub(crate) fn measurement(experiment: Experiment, workload: &str, of: &Metric) -> String {
    match (experiment, of) {
        (Experiment::Startup | Experiment::Memory, of) => metric(of),
        (_, Metric::TimePerOp | Metric::Bandwidth) => workload.to_owned(),
        (Experiment::Ladder, of) => metric(of),
        (_, of) => format!("{workload}, {}", metric(of)),
    }
}

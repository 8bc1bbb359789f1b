//! System calls and computation.

use super::machines::SPECIFICATION;
use super::unikernels::EUROSYS;
use super::*;
use crate::claims::Family;

static ANT: Source = Source {
    name: "Running gVisor in Production at Scale in Ant",
    short: "gVisor’s blog",
    place: "gvisor.dev/blog",
    date: "2021-12-02",
    machine: "Intel Xeon E5-2650 v2",
};

static SECCOMP: Source = Source {
    name: "collected without its source",
    short: "source not kept",
    place: "not kept",
    date: "collected 2026-11",
    machine: "not named",
};

const GETPID: Measure = Measure::One {
    name: "time per getpid",
    experiment: Experiment::Syscalls,
    workload: "getpid",
    metric: Metric::TimePerOp,
};

const COMPUTATION: Measure = Measure::Family {
    name: "time of computation",
    experiment: Experiment::Cpu,
    workloads: Family::Only(&["sha256", "sort", "matmul"]),
};

const fn getpid(id: &'static str, system: &'static str, nanoseconds: f64, comparison: Comparison) -> Anchor {
    Anchor {
        id,
        system,
        what: "getpid",
        stops: "one call, of a loop",
        figure: about(nanoseconds, Scale::Nanoseconds),
        conditions: "gVisor's getpid_benchmark",
        source: &ANT,
        compare: Compare::With(comparison),
    }
}

const fn native(host: HostNeed) -> Comparison {
    Comparison { what: GETPID, of: Side::new("process"), to: None, host: Some(host), differs: &[] }
}

const fn gvisor(of: Side) -> Comparison {
    let to = Divisor { side: Side::new("process"), figure: Some("getpid-native") };
    Comparison { what: GETPID, of, to: Some(to), host: Some(HostNeed::SharedPageTables), differs: &[] }
}

const fn cycles(id: &'static str, system: &'static str, what: &'static str, count: f64) -> Anchor {
    Anchor {
        id,
        system,
        what,
        stops: "one call that does nothing",
        figure: about(count, Scale::Cycles),
        conditions: "table 1",
        source: &EUROSYS,
        compare: Compare::Not(
            About::Quantity,
            "bench counts nanoseconds, and a run does not tell the clock rate of each",
        ),
    }
}

pub(super) static ANCHORS: &[Anchor] = &[
    getpid("getpid-native", "Linux", 62.0, native(HostNeed::SharedPageTables)),
    getpid("getpid-kpti", "Linux with isolated page tables", 236.0, native(HostNeed::IsolatedPageTables)),
    getpid("getpid-gvisor-kvm", "gVisor, KVM", 830.0, gvisor(Side::machine("gvisor").platform("kvm"))),
    getpid("getpid-gvisor-ptrace", "gVisor, ptrace", 6_249.0, gvisor(Side::new("gvisor").platform("ptrace"))),
    cycles("call-linux", "Linux", "a system call", 222.0),
    cycles("call-linux-unmitigated", "Linux", "a system call, mitigations off", 154.0),
    cycles("call-unikraft", "Unikraft", "a call of its kernel, which is one of a function", 4.0),
    cycles("call-unikraft-binary", "Unikraft", "a system call of an unchanged program", 84.0),
    Anchor {
        id: "seccomp-load",
        system: "Linux, seccomp",
        what: "building and loading a filter like Docker's",
        stops: "from the list of rules to the filter in force",
        figure: about(1.4, Scale::Milliseconds),
        conditions: "as collected",
        source: &SECCOMP,
        compare: Compare::Not(
            About::StoppingPoint,
            "bench compiles its filter once, before the clock starts; the ladder's step rung-seccomp is the loading alone",
        ),
    },
    Anchor {
        id: "firecracker-cpu",
        system: "Firecracker",
        what: "computation in the guest, promised",
        stops: "compute-only performance of a guest",
        figure: at_least(95.0, Scale::PercentOfBareMetal),
        conditions: "1 vCPU, 128 MiB; its test is \"pending\" for years",
        source: &SPECIFICATION,
        compare: Compare::With(Comparison {
            what: COMPUTATION,
            // Performance is the inverse of time: the bare process stands above the line.
            of: Side::new("process"),
            to: Some(Divisor { side: Side::machine("firecracker"), figure: None }),
            host: None,
            differs: &[],
        }),
    },
];

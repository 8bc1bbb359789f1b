//! Memory of idle instances.

use super::machines::{NSDI, REAP, SPECIFICATION};
use super::unikernels::EUROSYS;
use super::*;

static GVISOR_DENSITY: Source = Source {
    name: "gVisor, performance/density.csv",
    short: "gVisor’s density.csv",
    place: "github.com/google/gvisor, website/performance",
    date: "collected 2026-11",
    machine: "as in gVisor's performance guide",
};

const MARGINAL: Measure = Measure::One {
    name: "memory of one more idle instance",
    experiment: Experiment::Memory,
    workload: "noop",
    metric: Metric::MarginalMemory,
};

const fn overhead(id: &'static str, system: &'static str, mebibytes: f64) -> Anchor {
    Anchor {
        id,
        system,
        what: "memory of the VMM beyond the guest's",
        stops: "writable memory mapped by the VMM's process, of pmap, less the guest's size",
        figure: about(mebibytes, Scale::Mebibytes),
        conditions: "one idle VM",
        source: &NSDI,
        compare: Compare::Not(
            About::Quantity,
            "the source counts what is mapped, touched or not; bench what is in memory",
        ),
    }
}

const fn least(id: &'static str, system: &'static str, megabytes: f64) -> Anchor {
    Anchor {
        id,
        system,
        what: "memory that a hello world needs",
        stops: "the smallest limit with which it still runs",
        figure: about(megabytes, Scale::Megabytes),
        conditions: "figure 11",
        source: &EUROSYS,
        compare: Compare::Not(
            About::Quantity,
            "the source lowers the limit until the program fails; bench counts what an idle instance takes",
        ),
    }
}

const fn empty(id: &'static str, system: &'static str, megabytes: f64, compare: Compare) -> Anchor {
    Anchor {
        id,
        system,
        what: "memory of one more idle container",
        stops: "memory of the machine in use, divided by the many containers that sleep",
        figure: about(megabytes, Scale::Megabytes),
        conditions: "density.empty, below Docker",
        source: &GVISOR_DENSITY,
        compare,
    }
}

const fn clones(id: &'static str, what: &'static str, low: f64, high: f64) -> Anchor {
    Anchor {
        id,
        system: "Firecracker, functions",
        what,
        stops: "resident memory of an instance",
        figure: range(low, high, Scale::Megabytes),
        conditions: "the paper's functions",
        source: &REAP,
        compare: Compare::Not(About::NotMeasured, NO_SNAPSHOTS),
    }
}

const BELOW_DOCKER: &[Known] = &[(
    About::Conditions,
    Lean::Either,
    "the source starts containers by Docker, whose shim is part of each; here the runtime is called by itself",
)];

pub(super) static ANCHORS: &[Anchor] = &[
    Anchor {
        id: "firecracker-memory",
        system: "Firecracker",
        what: "memory of the VMM beyond the guest's, promised",
        stops: "memory of the VMM's threads",
        figure: at_most(5.0, Scale::Mebibytes),
        conditions: "1 vCPU, 128 MiB",
        source: &SPECIFICATION,
        compare: itself(
            Measure::One {
                name: "private memory of the VMM without the guest's",
                experiment: Experiment::Memory,
                workload: "noop",
                metric: Metric::VmmOverhead,
            },
            Side::machine("firecracker"),
            &[(
                About::Quantity,
                Lean::Smaller,
                "the source counts all resident pages, here it is the private ones: it is less",
            )],
        ),
    },
    overhead("nsdi-memory-firecracker", "Firecracker", 2.5),
    overhead("nsdi-memory-cloud-hypervisor", "Cloud Hypervisor", 13.3),
    overhead("nsdi-memory-qemu", "QEMU", 131.0),
    least("hello-memory-unikraft", "Unikraft", 2.0),
    least("hello-memory-docker", "Docker", 6.0),
    least("hello-memory-osv", "OSv", 24.0),
    least("hello-memory-linux", "Linux in a microVM", 29.0),
    empty(
        "gvisor-idle",
        "gVisor",
        23.7,
        multiple(MARGINAL, Side::new("gvisor"), (Side::new("runc"), "runc-idle"), BELOW_DOCKER),
    ),
    empty("runc-idle", "runc", 4.1, itself(MARGINAL, Side::new("runc"), BELOW_DOCKER)),
    clones("reap-memory-restored", "memory of a restored instance", 8.0, 99.0),
    clones("reap-memory-booted", "memory of an instance that was booted", 148.0, 256.0),
];

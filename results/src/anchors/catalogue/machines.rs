//! Virtual machines with Linux in them: Firecracker's promises, the data of its paper, and snapshots.

use super::*;

const FIRECRACKER: Side = Side::machine("firecracker");
/// The paper's versions.
const PAPERS_FIRECRACKER: Side = FIRECRACKER.version("0.20.0");
const PAPERS_QEMU: Side = Side::machine("qemu-q35").version("4.2.0");

pub(super) static SPECIFICATION: Source = Source {
    name: "Firecracker, SPECIFICATION.md",
    short: "Firecracker’s specification",
    place: "github.com/firecracker-microvm/firecracker",
    date: "kept up to date",
    machine: "AWS m5d.metal or i3.metal, by edition; hyperthreading off",
};

static DESIGN: Source = Source {
    name: "Firecracker, docs/design.md",
    short: "Firecracker’s design",
    place: "github.com/firecracker-microvm/firecracker",
    date: "kept up to date",
    machine: "a host with 36 cores, as an example",
};

pub(super) static NSDI: Source = Source {
    name: "Firecracker: Lightweight Virtualization for Serverless Applications, its data",
    short: "Firecracker paper, NSDI 2020",
    place: "NSDI 2020, github.com/firecracker-microvm/nsdi2020-data",
    date: "2020-02",
    machine: "AWS m5d.metal, Xeon Platinum 8175M, Linux 4.15",
};

static SNAPSHOTS: Source = Source {
    name: "Firecracker, baselines of its continuous integration",
    short: "Firecracker’s CI",
    place: "github.com/firecracker-microvm/firecracker",
    date: "collected 2026-11",
    machine: "AWS m5d.metal",
};

pub(super) static REAP: Source = Source {
    name: "Benchmarking, Analysis, and Optimization of Serverless Function Snapshots (REAP)",
    short: "REAP, ASPLOS 2021",
    place: "ASPLOS 2021",
    date: "2021",
    machine: "as in the paper",
};

static KVM_CREATE_VM_6: Source = Source {
    name: "Hyperlight, issue 47",
    short: "Hyperlight, issue 47",
    place: "github.com/hyperlight-dev/hyperlight/issues/47",
    date: "2024-11",
    machine: "not named",
};

static KVM_CREATE_VM_5: Source = Source {
    name: "Firecracker, issue 2129",
    short: "Firecracker, issue 2129",
    place: "github.com/firecracker-microvm/firecracker/issues/2129",
    date: "2020-09",
    machine: "not named; Linux 5.4",
};

/// The clock of the paper's figures.
const EXEC_TO_EXIT: &str =
    "from starting the VMM's process to its exit, which the guest's init brings about at once";

const BY_DEBUG_PORT: Known = (
    About::StoppingPoint,
    Lean::Either,
    "in the source init ends the VMM through a debug port; here it says READY, is asked to stop and shuts down",
);
const OTHER_GUEST: Known = (
    About::Conditions,
    Lean::Either,
    "the source boots a kernel tuned for Firecracker from a disk, here it is the kernel of this run with an initramfs",
);

const ANOTHER_LOAD: &str = "1,000 starts, 50 at a time, are another load than density has, whose medians are of as many starts \
                            at once as there are CPUs; bench report --import-nsdi draws these data beside a run's";

const fn paper(id: &'static str, system: &'static str, milliseconds: f64, compare: Compare) -> Anchor {
    Anchor {
        id,
        system,
        what: "start and end of a VM, one after another",
        stops: EXEC_TO_EXIT,
        figure: about(milliseconds, Scale::Milliseconds),
        conditions: "median of 500 starts; 1 vCPU, 256 MiB, minimal kernel, no network, console off",
        source: &NSDI,
        compare,
    }
}

const fn paper_at_once(id: &'static str, system: &'static str, milliseconds: f64) -> Anchor {
    Anchor {
        id,
        system,
        what: "start and end of a VM, 50 at a time, the slowest 1 %",
        stops: EXEC_TO_EXIT,
        figure: about(milliseconds, Scale::Milliseconds),
        conditions: "99th percentile of 1,000 starts; otherwise as one after another",
        source: &NSDI,
        compare: Compare::Not(About::Conditions, ANOTHER_LOAD),
    }
}

const fn restored(id: &'static str, what: &'static str, figure: Figure, source: &'static Source) -> Anchor {
    Anchor {
        id,
        system: "Firecracker, from a snapshot",
        what,
        stops: "from the request to load it to the answer; with REAP to the first useful answer of the function",
        figure,
        conditions: "before the pages arrive, where it is the loading alone",
        source,
        compare: Compare::Not(About::NotMeasured, NO_SNAPSHOTS),
    }
}

const fn create_vm(id: &'static str, what: &'static str, figure: Figure, source: &'static Source) -> Anchor {
    Anchor {
        id,
        system: "Linux, KVM_CREATE_VM",
        what,
        stops: "the one ioctl",
        figure,
        conditions: "some hosts and kernels; it hangs on nx_huge_pages and cgroups",
        source,
        compare: Compare::Not(
            About::StoppingPoint,
            "bench times KVM's objects together, as phase_kvm_objects: the VM, its CPU and its interrupt controllers",
        ),
    }
}

pub(super) static ANCHORS: &[Anchor] = &[
    Anchor {
        id: "firecracker-boot",
        system: "Firecracker",
        what: "boot, promised",
        stops: "from the InstanceStart call to the start of the guest's /sbin/init",
        figure: at_most(125.0, Scale::Milliseconds),
        conditions: "1 vCPU, 128 MiB, serial console off, minimal kernel tuned for it",
        source: &SPECIFICATION,
        compare: itself(
            STARTUP,
            FIRECRACKER,
            &[
                (
                    About::StoppingPoint,
                    Lean::Larger,
                    "here the VMM's process and its configuration are in the time, too, and READY comes over a serial port: it is longer",
                ),
                OTHER_GUEST,
            ],
        ),
    },
    Anchor {
        id: "firecracker-process",
        system: "Firecracker",
        what: "start of its process, promised",
        stops: "CPU time of the process until its API socket is there",
        figure: at_most(8.0, Scale::CpuMilliseconds),
        conditions: "before there is a VM",
        source: &SPECIFICATION,
        compare: itself(
            Measure::One {
                name: "CPU time from start to end",
                experiment: Experiment::Startup,
                workload: "noop",
                metric: Metric::CpuTime,
            },
            FIRECRACKER,
            &[(
                About::StoppingPoint,
                Lean::Larger,
                "here it is the CPU time of the whole life, that of the guest in it: it is longer",
            )],
        ),
    },
    Anchor {
        id: "firecracker-rate",
        system: "Firecracker",
        what: "virtual machines started and ended steadily, promised",
        stops: "starts that a host sustains",
        figure: at_least(5.0, Scale::StartsPerSecondAndCore),
        conditions: "1 vCPU, 128 MiB, minimal kernel",
        source: &DESIGN,
        compare: Compare::Not(
            About::Quantity,
            "bench's start_rate counts starts until as many stand as were asked for, and ends nothing meanwhile",
        ),
    },
    paper(
        "nsdi-firecracker",
        "Firecracker",
        161.0,
        multiple(LIFE, PAPERS_FIRECRACKER, (PAPERS_QEMU, "nsdi-qemu"), &[BY_DEBUG_PORT, OTHER_GUEST]),
    ),
    paper(
        "nsdi-cloud-hypervisor",
        "Cloud Hypervisor",
        102.0,
        multiple(
            LIFE,
            Side::machine("cloud-hypervisor"),
            (PAPERS_QEMU, "nsdi-qemu"),
            &[
                BY_DEBUG_PORT,
                OTHER_GUEST,
                (
                    About::Version,
                    Lean::Either,
                    "the source's Cloud Hypervisor is its commit 38c0d328, before February 2020",
                ),
            ],
        ),
    ),
    paper(
        "nsdi-qemu-qboot",
        "QEMU with qboot",
        214.0,
        Compare::Not(
            About::Version,
            "its firmware is qboot on QEMU's machine pc; here qemu-q35 has the usual one and qemu-microvm another machine",
        ),
    ),
    paper(
        "nsdi-qemu",
        "QEMU",
        244.0,
        itself(
            LIFE,
            PAPERS_QEMU,
            &[
                BY_DEBUG_PORT,
                OTHER_GUEST,
                (About::Conditions, Lean::Either, "the source's machine is pc, here it is q35"),
            ],
        ),
    ),
    paper_at_once("nsdi-firecracker-at-once", "Firecracker", 247.0),
    paper_at_once("nsdi-cloud-hypervisor-at-once", "Cloud Hypervisor", 159.0),
    paper_at_once("nsdi-qemu-at-once", "QEMU", 281.0),
    restored(
        "snapshot-load",
        "loading a snapshot of 128 MB to one of 32 GB",
        range(2.8, 22.0, Scale::Milliseconds),
        &SNAPSHOTS,
    ),
    restored("reap-restored", "restored, then an answer", about(232.0, Scale::Milliseconds), &REAP),
    restored("reap-warm", "warm, then an answer", about(1.0, Scale::Milliseconds), &REAP),
    restored(
        "reap-prefetched",
        "restored with its pages prefetched, then an answer",
        about(60.0, Scale::Milliseconds),
        &REAP,
    ),
    create_vm(
        "kvm-create-vm-6",
        "the ioctl on some 6.x kernels",
        range(1.9, 8.8, Scale::Milliseconds),
        &KVM_CREATE_VM_6,
    ),
    create_vm(
        "kvm-create-vm-cgroup",
        "the ioctl on 5.4, outside and inside a cgroup",
        range(0.35, 27.0, Scale::Milliseconds),
        &KVM_CREATE_VM_5,
    ),
];

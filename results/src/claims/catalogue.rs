//! The claims of the article, restated, each with what would support and what would refute it.
//!
//! Invariant: ids are stable and unique, and a limit stands here, with its reason, before there is a number to fit it to.

use super::facts::{FactWanted, KernelWanted};
use super::measure::{Family, Measure};
use super::rule::{RatioWanted, Rule};
use super::{Claim, Part, Role};
use crate::{Experiment, Metric, evidence};

const PROCESS: &str = "process";
const CHROOT: &str = "chroot";
/// Rungs of the ladder, the one before the layers and the one with them.
const UNLAYERED: &str = "rung-cgroup";
const LAYERED: &str = "rung-overlay";
const CONTAINER: &str = "container";
const UNFILTERED: &str = "container-noseccomp";
/// A virtual machine, but not a virtualized whole operating system: in C1 and C2 it is an aside.
const UNIKERNEL: &str = "microvm";
const LINUX_VM: &str = "microvm-linux";

const STARTUP: Measure = one("startup time", Experiment::Startup, "noop", Metric::StartupTime);
const RUNG_STARTUP: Measure = one("startup time", Experiment::Ladder, "noop", Metric::StartupTime);
const CPU_TIME: Measure = one("CPU time from start to end", Experiment::Startup, "noop", Metric::CpuTime);
const MARGINAL: Measure =
    one("memory of one more idle instance", Experiment::Memory, "noop", Metric::MarginalMemory);
const GETPID: Measure = one("time per getpid", Experiment::Syscalls, "getpid", Metric::TimePerOp);
const FIRST_TOUCH: Measure = one("time per page fault", Experiment::Cpu, "first-touch", Metric::TimePerOp);

const SYSCALLS: Measure = family("time per system call", Experiment::Syscalls, Family::All);
const CPU: Measure = family("time of computation and memory work", Experiment::Cpu, Family::All);
const COMPUTATION: Measure =
    family("time of computation", Experiment::Cpu, Family::Only(&["sha256", "sort", "matmul"]));
const MEMORY_WORK: Measure = family(
    "time of memory work",
    Experiment::Cpu,
    Family::Only(&[
        "memcpy",
        "triad",
        "pointer-chase-16k",
        "pointer-chase-256k",
        "pointer-chase-4m",
        "pointer-chase-32m",
    ]),
);

/// The article's "as fast as" and "a few per cent".
const A_FEW_PER_CENT: RatioWanted = RatioWanted::Within(5);
const DEARER: RatioWanted = RatioWanted::Above(1.0);
/// A call that left the guest would cost several times a native one (an exit alone takes longer than a native getpid), while
/// other mitigations in the guest's kernel can make two of it.
const WITHOUT_EXIT: RatioWanted = RatioWanted::Below(3.0);

/// "Little": whoever waits for a container does not notice a quarter more, and anything dearer would be the dearest step of
/// its start but one or two.
const LITTLE_MORE: RatioWanted = RatioWanted::Below(1.25);

const fn one(name: &'static str, experiment: Experiment, workload: &'static str, metric: Metric) -> Measure {
    Measure::One { name, experiment, workload, metric }
}

const fn family(name: &'static str, experiment: Experiment, workloads: Family) -> Measure {
    Measure::Family { name, experiment, workloads }
}

const fn ratio(
    name: &'static str,
    role: Role,
    what: Measure,
    (of, to): (&'static str, &'static str),
    wanted: RatioWanted,
) -> Part {
    Part { name, role, rule: Rule::Ratio { what, of, to, wanted } }
}

const fn kernel(name: &'static str, role: Role, of: &'static str, wanted: KernelWanted) -> Part {
    Part { name, role, rule: Rule::Kernel { of, host: PROCESS, wanted } }
}

const fn fact(name: &'static str, of: &'static str, key: &'static str, wanted: FactWanted) -> Part {
    Part { name, role: Role::Deciding, rule: Rule::Fact { of, key, wanted } }
}

const fn held(name: &'static str, of: &'static str, key: &'static str) -> Part {
    fact(name, of, key, FactWanted::Held)
}

/// Every claim, in the order of the article.
pub static CLAIMS: &[Claim] = &[
    Claim {
        id: "C1",
        says: "Containers start fast, because they do not bring up a whole operating system of their own.",
        hypothesis: "A virtual machine with Linux in it takes longer to start than a container; the ratio says by what factor.",
        parts: &[
            ratio("Linux VM against container", Role::Deciding, STARTUP, (LINUX_VM, CONTAINER), DEARER),
            ratio("unikernel VM against container", Role::Aside, STARTUP, (UNIKERNEL, CONTAINER), DEARER),
        ],
    },
    Claim {
        id: "C2",
        says: "Containers need fewer resources than virtual machines.",
        hypothesis: "One more idle virtual machine with Linux takes more memory than one more container, and starting and \
                     ending it takes more CPU time.",
        parts: &[
            ratio(
                "memory, Linux VM against container",
                Role::Deciding,
                MARGINAL,
                (LINUX_VM, CONTAINER),
                DEARER,
            ),
            ratio(
                "CPU time, Linux VM against container",
                Role::Deciding,
                CPU_TIME,
                (LINUX_VM, CONTAINER),
                DEARER,
            ),
            ratio(
                "memory, unikernel VM against container",
                Role::Aside,
                MARGINAL,
                (UNIKERNEL, CONTAINER),
                DEARER,
            ),
            ratio(
                "CPU time, unikernel VM against container",
                Role::Aside,
                CPU_TIME,
                (UNIKERNEL, CONTAINER),
                DEARER,
            ),
        ],
    },
    Claim {
        id: "C3",
        says: "A container uses the kernel of its host; a virtual machine has one of its own.",
        hypothesis: "Seen from inside, a container is in the host's boot of the host's kernel and a virtual machine is not.",
        parts: &[
            kernel("container", Role::Deciding, CONTAINER, KernelWanted::Same),
            kernel("Linux VM", Role::Alternative, LINUX_VM, KernelWanted::Other),
            kernel("unikernel VM", Role::Alternative, UNIKERNEL, KernelWanted::Other),
        ],
    },
    Claim {
        id: "C4",
        says: "Each container on a host has a process tree and resources of its own.",
        hypothesis: "Inside, the program is process 1 and sees only its own processes, and its limits hold.",
        parts: &[
            fact("process 1", CONTAINER, "pid", FactWanted::Is("1")),
            fact("visible processes", CONTAINER, "processes", FactWanted::Is("1")),
            held("memory limit", CONTAINER, evidence::LIMIT_MEMORY),
            held("process limit", CONTAINER, evidence::LIMIT_PIDS),
            held("CPU quota", CONTAINER, evidence::LIMIT_CPU),
        ],
    },
    Claim {
        id: "C5",
        says: "A hypervisor isolates at the level of the hardware: each virtual machine has CPUs, disk and network of its own.",
        hypothesis: "A guest sees only the memory that it was given, a guest that wants more hurts only itself, and its share \
                     of the CPU can be held.",
        parts: &[
            fact("memory of its own", LINUX_VM, "memory-bytes", FactWanted::LessThanIn(PROCESS)),
            held("out of memory, Linux VM", LINUX_VM, evidence::LIMIT_MEMORY),
            held("CPU quota, Linux VM", LINUX_VM, evidence::LIMIT_CPU),
        ],
    },
    Claim {
        id: "C6",
        says: "Inside a container, which is on its host's kernel, programs compute and call the kernel as fast as outside.",
        hypothesis: "Computation and system calls cost the same as in a bare process within a few per cent, but for what a \
                     seccomp filter adds to system calls.",
        parts: &[
            ratio(
                "computation, container against process",
                Role::Deciding,
                CPU,
                (CONTAINER, PROCESS),
                A_FEW_PER_CENT,
            ),
            ratio(
                "system calls, container without filter against process",
                Role::Deciding,
                SYSCALLS,
                (UNFILTERED, PROCESS),
                A_FEW_PER_CENT,
            ),
            ratio(
                "system calls, filter against none",
                Role::Aside,
                SYSCALLS,
                (CONTAINER, UNFILTERED),
                DEARER,
            ),
        ],
    },
    Claim {
        id: "C7",
        says: "A virtual machine pays for its isolation while it runs.",
        hypothesis: "In a Linux guest, computation costs the same as on the host within a few per cent, system calls are \
                     served by the guest's kernel without leaving it, and page faults are dearer.",
        parts: &[
            ratio(
                "computation, Linux VM against process",
                Role::Deciding,
                COMPUTATION,
                (LINUX_VM, PROCESS),
                A_FEW_PER_CENT,
            ),
            ratio(
                "getpid, Linux VM against process",
                Role::Deciding,
                GETPID,
                (LINUX_VM, PROCESS),
                WITHOUT_EXIT,
            ),
            ratio(
                "page faults, Linux VM against process",
                Role::Deciding,
                FIRST_TOUCH,
                (LINUX_VM, PROCESS),
                DEARER,
            ),
            ratio(
                "memory work, Linux VM against process",
                Role::Aside,
                MEMORY_WORK,
                (LINUX_VM, PROCESS),
                A_FEW_PER_CENT,
            ),
            ratio(
                "computation, unikernel VM against process",
                Role::Aside,
                COMPUTATION,
                (UNIKERNEL, PROCESS),
                A_FEW_PER_CENT,
            ),
            ratio(
                "getpid, unikernel VM against process",
                Role::Aside,
                GETPID,
                (UNIKERNEL, PROCESS),
                WITHOUT_EXIT,
            ),
        ],
    },
    Claim {
        id: "C8",
        says: "chroot restricts the view of files and nothing else.",
        hypothesis: "Under chroot the root directory is another, while kernel, host name, user and privileges remain the \
                     host's.",
        // Processes and network are seen through /proc, which is a file and so out of sight: what a chroot leaves of them
        // cannot be asked for from inside.
        parts: &[
            fact("files", CHROOT, "root-directory", FactWanted::OtherThan(PROCESS)),
            fact("kernel", CHROOT, "kernel-version", FactWanted::SameAs(PROCESS)),
            fact("host name", CHROOT, "hostname", FactWanted::SameAs(PROCESS)),
            fact("user", CHROOT, "uid", FactWanted::SameAs(PROCESS)),
            fact("privileges", CHROOT, "capabilities", FactWanted::SameAs(PROCESS)),
            fact("system calls", CHROOT, "seccomp-mode", FactWanted::SameAs(PROCESS)),
        ],
    },
    Claim {
        id: "C9",
        says: "Docker starts applications with little effort, on images made of layers.",
        hypothesis: "A root file system of overlaid layers adds little to a container's startup; the ratio says how much.",
        parts: &[ratio(
            "layers against a plain root",
            Role::Deciding,
            RUNG_STARTUP,
            (LAYERED, UNLAYERED),
            LITTLE_MORE,
        )],
    },
    Claim {
        id: "C10",
        says: "Hypervisors of type 1 run on the hardware, those of type 2 on an operating system.",
        hypothesis: "The layer below this host says which type it is, and that there is one shows in the numbers.",
        parts: &[Part {
            name: "the layer below",
            role: Role::Deciding,
            rule: Rule::Layer {
                takes: "two runs, one on the bare machine and one in a virtual machine on it, since a name is no measurement",
            },
        }],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_of_the_article_is_here_once_and_in_order() {
        let ids: Vec<&str> = CLAIMS.iter().map(|claim| claim.id).collect();
        assert_eq!(ids, ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10"]);
    }

    #[test]
    fn every_claim_has_something_to_stand_on_and_an_alternative_is_never_alone() {
        for claim in CLAIMS {
            let count = |role| claim.parts.iter().filter(|part| part.role == role).count();
            assert!(count(Role::Deciding) > 0 && count(Role::Alternative) != 1, "{}", claim.id);
            let names: std::collections::BTreeSet<_> = claim.parts.iter().map(|part| part.name).collect();
            assert_eq!(names.len(), claim.parts.len(), "{}", claim.id);
        }
    }
}

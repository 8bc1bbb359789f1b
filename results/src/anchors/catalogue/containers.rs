//! Container runtimes, gVisor among them, and a limit of the kernel below them.

use super::*;

static YOUKI: Source = Source {
    name: "youki, README",
    short: "youki’s README",
    place: "github.com/youki-dev/youki",
    date: "collected 2026-11",
    machine: "16 cores, 64 GB, Ubuntu 22.04, Linux 6.5",
};

static CRUN: Source = Source {
    name: "crun, pull request 2054",
    short: "crun, pull request 2054",
    place: "github.com/containers/crun/pull/2054",
    date: "collected 2026-11",
    machine: "not named",
};

static APOXY: Source = Source {
    name: "gVisor cold start: where the time goes",
    short: "apoxy’s blog",
    place: "apoxy.dev/blog/gvisor-cold-start-where-the-time-goes",
    date: "collected 2026-11",
    machine: "eight hosts, from an Apple M1 to a bare AWS instance",
};

static IRONCLAW: Source = Source {
    name: "IronClaw, pull request 280",
    short: "IronClaw, pull request 280",
    place: "github.com/IronSecCo/ironclaw/pull/280",
    date: "2026-07",
    machine: "a runner of GitHub, ubuntu-24.04: a virtual machine",
};

static COCOON: Source = Source {
    name: "cocoonstack/sandbox, issue 30",
    short: "cocoonstack/sandbox, issue 30",
    place: "github.com/cocoonstack/sandbox/issues/30",
    date: "2026-07",
    machine: "384 cores",
};

const FIRST_READ: &[Known] = &[
    (
        About::Conditions,
        Lean::Either,
        "the source empties the page cache before each start; here the programs are in memory",
    ),
    (
        About::StoppingPoint,
        Lean::Either,
        "the source calls create, start and delete one after another, each under sudo; here it is run, once",
    ),
];

const fn cycle(id: &'static str, system: &'static str, milliseconds: f64, compare: Compare) -> Anchor {
    Anchor {
        id,
        system,
        what: "create, start and delete a container",
        stops: "from the first of three commands to the end of the third",
        figure: about(milliseconds, Scale::Milliseconds),
        conditions: "mean of 100, page cache emptied before each; youki 0.3.3, runc 1.1.7, crun 1.15",
        source: &YOUKI,
        compare,
    }
}

const fn warm(id: &'static str, system: &'static str, milliseconds: f64, compare: Compare) -> Anchor {
    Anchor {
        id,
        system,
        what: "run a container that ends at once, warm",
        stops: "from starting the runtime's run to its exit",
        figure: about(milliseconds, Scale::Milliseconds),
        conditions: "median of 25; platform systrap, no network, user namespace, 1 CPU, 512 MiB",
        source: &IRONCLAW,
        compare,
    }
}

const NO_NETWORK_NAMESPACE: &[Known] = &[(
    About::Conditions,
    Lean::Either,
    "the source's containers have no network namespace of their own and a user namespace; here it is the other way round",
)];

const RUNC_1_1: Side = Side::new("runc").version("1.1.7");
const SYSTRAP: Side = Side::new("gvisor").platform("systrap");

pub(super) static ANCHORS: &[Anchor] = &[
    cycle("youki-runc", "runc", 225.0, itself(LIFE, RUNC_1_1, FIRST_READ)),
    cycle(
        "youki-crun",
        "crun",
        47.0,
        multiple(LIFE, Side::new("crun").version("1.15"), (RUNC_1_1, "youki-runc"), FIRST_READ),
    ),
    cycle(
        "youki-youki",
        "youki",
        112.0,
        multiple(LIFE, Side::new("youki").version("0.3.3"), (RUNC_1_1, "youki-runc"), FIRST_READ),
    ),
    Anchor {
        id: "crun-run",
        system: "crun",
        what: "run a container, warm",
        stops: "from starting crun run to its exit",
        figure: about(6.0, Scale::Milliseconds),
        conditions: "page cache warm",
        source: &CRUN,
        compare: itself(LIFE, Side::new("crun"), &[]),
    },
    Anchor {
        id: "gvisor-start",
        system: "gVisor",
        what: "create and start a sandbox",
        stops: "from runsc create to the sandbox's init process being scheduled",
        figure: range(81.0, 280.0, Scale::Milliseconds),
        conditions: "platform systrap, a network of the authors' own; the fastest and the slowest of eight hosts",
        source: &APOXY,
        compare: itself(
            STARTUP,
            SYSTRAP,
            &[(
                About::Conditions,
                Lean::Smaller,
                "the source's sandboxes have a network stack, here there is none",
            )],
        ),
    },
    warm(
        "ironclaw-gvisor",
        "gVisor",
        22.0,
        multiple(LIFE, SYSTRAP, (Side::new("runc"), "ironclaw-runc"), NO_NETWORK_NAMESPACE),
    ),
    warm("ironclaw-runc", "runc", 7.0, itself(LIFE, Side::new("runc"), NO_NETWORK_NAMESPACE)),
    Anchor {
        id: "unshare-256",
        system: "Linux, mount namespaces",
        what: "256 unshare -m at once",
        stops: "from starting unshare to its end, under one lock of the kernel",
        figure: about(742.0, Scale::Milliseconds),
        conditions: "median; 264 mounts on the host",
        source: &COCOON,
        compare: Compare::Not(
            About::NotMeasured,
            "bench makes a mount namespace as part of a container, and never 256 at once",
        ),
    },
];

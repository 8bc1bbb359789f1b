//! Unikernels and functions in virtual machines of their own. bench has a unikernel of its own, which is none of these.

use super::*;

pub(super) static EUROSYS: Source = Source {
    name: "Unikraft: Fast, Specialized Unikernels the Easy Way, its artifacts",
    short: "Unikraft paper, EuroSys 2021",
    place: "EuroSys 2021, github.com/unikraft/eurosys21-artifacts",
    date: "2021-04",
    machine: "Intel i7-9700K, Debian 10, hyperthreading off, performance governor",
};

static LIGHTVM: Source = Source {
    name: "My VM is Lighter (and Safer) than your Container (LightVM)",
    short: "LightVM, SOSP 2017",
    place: "SOSP 2017",
    date: "2017-10",
    machine: "a host of Xen, as in the paper",
};

static WASP: Source = Source {
    name: "Isolating Functions at the Hardware Limit with Virtines, its data",
    short: "Virtines, EuroSys 2022",
    place: "EuroSys 2022, github.com/virtines/wasp",
    date: "2022-04",
    machine: "AMD EPYC 7281",
};

static HYPERLIGHT: Source = Source {
    name: "Hyperlight, issue 47",
    short: "Hyperlight, issue 47",
    place: "github.com/hyperlight-dev/hyperlight/issues/47",
    date: "2024-11",
    machine: "not named",
};

static HYPERLIGHT_BENCH: Source = Source {
    name: "Hyperlight, HTTP benchmarks",
    short: "Hyperlight’s HTTP benchmarks",
    place: "github.com/hyperlight-dev/hyperlight-bench",
    date: "collected 2026-11",
    machine: "AMD EPYC 9V74",
};

const fn anchor(
    id: &'static str,
    (system, what, stops): (&'static str, &'static str, &'static str),
    figure: Figure,
    conditions: &'static str,
    source: &'static Source,
    compare: Compare,
) -> Anchor {
    Anchor { id, system, what, stops, figure, conditions, source, compare }
}

const OTHER_GUEST: Compare = Compare::Not(
    About::Conditions,
    "the guest is Unikraft, which starts in little time; bench boots Linux in this VMM",
);
const NONE: Compare = Compare::Not(About::NotMeasured, NO_ADAPTER);

const fn hello(id: &'static str, system: &'static str, milliseconds: f64, compare: Compare) -> Anchor {
    let stops = "from the start of the VMM to the guest's main()";
    let what = (system, "start of a hello-world unikernel", stops);
    anchor(id, what, about(milliseconds, Scale::Milliseconds), "figure 10", &EUROSYS, compare)
}

const fn boot(id: &'static str, system: &'static str, figure: Figure, compare: Compare) -> Anchor {
    let what = (system, "start", "as the artifacts time each of them, not everywhere to the same point");
    anchor(id, what, figure, "a hello world, or next to nothing; same machine for all", &EUROSYS, compare)
}

const fn virtine(id: &'static str, what: &'static str, microseconds: f64, compare: Compare) -> Anchor {
    let what = ("Wasp", what, "as the paper's microbenchmarks time it");
    anchor(id, what, about(microseconds, Scale::Microseconds), "median", &WASP, compare)
}

const fn sandbox(id: &'static str, what: &'static str, milliseconds: f64) -> Anchor {
    let what = ("Hyperlight", what, "one call of its library that makes a sandbox on KVM");
    anchor(id, what, about(milliseconds, Scale::Milliseconds), "criterion", &HYPERLIGHT, NONE)
}

const fn served(id: &'static str, what: &'static str, per_second: f64) -> Anchor {
    let what = ("Hyperlight", what, "requests answered over HTTP");
    anchor(id, what, about(per_second, Scale::RequestsPerSecond), "50 connections", &HYPERLIGHT_BENCH, NONE)
}

const ONLY_KVM: Compare = Compare::Not(
    About::StoppingPoint,
    "bench's phases are of a guest with memory and a program in it; an empty context that is entered is not timed apart",
);

/// A process that does nothing: bench runs the agent's first act, too.
const fn process(differs: &'static [Known]) -> Compare {
    itself(STARTUP, Side::new("process"), differs)
}

pub(super) static ANCHORS: &[Anchor] = &[
    hello("unikraft-firecracker", "Unikraft in Firecracker", 2.7, OTHER_GUEST),
    hello("unikraft-solo5", "Unikraft in Solo5", 3.0, NONE),
    hello("unikraft-qemu-microvm", "Unikraft in QEMU's microvm", 9.0, OTHER_GUEST),
    hello("unikraft-qemu", "Unikraft in QEMU", 37.8, OTHER_GUEST),
    anchor(
        "unikraft-guest",
        (
            "Unikraft",
            "start of a hello-world unikernel, without the VMM",
            "from the guest's first instruction to main()",
        ),
        about(1.3, Scale::Milliseconds),
        "figure 10; the guest itself",
        &EUROSYS,
        NONE,
    ),
    boot("osv-boot", "OSv", about(4.4, Scale::Milliseconds), NONE),
    boot("rump-boot", "Rump", about(14.4, Scale::Milliseconds), NONE),
    boot("hermitux-boot", "HermiTux", about(32.0, Scale::Milliseconds), NONE),
    boot("lupine-boot", "Lupine", range(18.0, 68.0, Scale::Milliseconds), NONE),
    boot(
        "docker-boot",
        "Docker",
        about(66.0, Scale::Milliseconds),
        Compare::Not(About::StoppingPoint, "the source does not say where its clock stops for a container"),
    ),
    boot(
        "alpine-boot",
        "Alpine Linux in a VM",
        about(332.0, Scale::Milliseconds),
        Compare::Not(About::Conditions, "a distribution starts in it; in microvm-linux init is the agent"),
    ),
    anchor(
        "lightvm-boot",
        (
            "LightVM",
            "boot of a unikernel that does nothing",
            "from the toolstack's call to the guest running",
        ),
        about(2.3, Scale::Milliseconds),
        "Xen, noop unikernel, the paper's own toolstack",
        &LIGHTVM,
        NONE,
    ),
    anchor(
        "lightvm-process",
        ("Linux process", "fork and exec", "from the call to the program running"),
        about(1.0, Scale::Milliseconds),
        "given as \"about\", to set the VM beside it",
        &LIGHTVM,
        process(&[]),
    ),
    virtine("wasp-create", "making a KVM context", 446.0, ONLY_KVM),
    virtine("wasp-cached", "a context from a cached VM", 6.1, ONLY_KVM),
    virtine("wasp-run", "KVM_RUN and back", 4.1, ONLY_KVM),
    virtine(
        "wasp-process",
        "making a process",
        281.0,
        process(&[(
            About::StoppingPoint,
            Lean::Either,
            "whether exec and the way back are in the source's time is not said",
        )]),
    ),
    virtine(
        "wasp-thread",
        "making a thread",
        51.0,
        Compare::Not(About::NotMeasured, "bench starts no threads"),
    ),
    sandbox("hyperlight-create-5", "making a sandbox on Linux 5.15", 1.87),
    sandbox("hyperlight-create-6", "making a sandbox on Linux 6.9", 8.75),
    served("hyperlight-new", "a new sandbox for each request", 287.0),
    served("hyperlight-restored", "a restored sandbox for each request", 113_420.0),
    served("hyperlight-reused", "one sandbox for all requests", 113_621.0),
];

//! A run like a real one, made from a seed: what tests, benches and a look at the page render.

use std::collections::BTreeMap;

use results::stats::Rng;
use results::{
    Backend, BackendStatus, Better, Config, Evidence, Experiment, Host, Measurement, Metric, Run, RunState,
    SCHEMA_VERSION, Status, Tool, Unit,
};

/// Backend, and factors on time for startup, system calls and computation.
const BACKENDS: [(&str, f64, f64, f64); 4] = [
    ("process", 1.0, 1.0, 1.0),
    ("container", 2.1, 1.12, 1.003),
    ("microvm", 4.6, 0.4, 1.012),
    ("microvm-linux", 212.0, 1.03, 1.021),
];

const SYSCALLS: [(&str, f64); 8] = [
    ("getpid", 98.0),
    ("clock-gettime-vdso", 24.0),
    ("read-zero-4k", 310.0),
    ("openat-close", 1_900.0),
    ("mmap-touch-munmap", 2_700.0),
    ("pipe-round-trip", 9_400.0),
    ("fork-exit", 92_000.0),
    ("execve", 310_000.0),
];

const CPU: [(&str, f64); 4] =
    [("sha256", 21.0e6), ("sort", 61.0e6), ("pointer-chase-4m", 9.0), ("first-touch", 410.0)];

const PHASES: [&[(&str, f64)]; 4] = [
    &[("clone", 0.3), ("exec", 0.5)],
    &[("clone", 0.2), ("cgroup", 0.1), ("mounts", 0.25), ("pivot", 0.08), ("security", 0.04), ("exec", 0.2)],
    &[("vmm_exec", 0.15), ("kvm_objects", 0.4), ("memory", 0.08), ("load", 0.07), ("first_entry", 0.2)],
    &[
        ("vmm_exec", 0.003),
        ("memory", 0.002),
        ("load", 0.06),
        ("kvm_objects", 0.015),
        ("first_entry", 0.004),
        ("kernel", 0.9),
        ("init", 0.01),
        ("ready", 0.001),
    ],
];

/// What each backend says of itself.
const EVIDENCE: [(&str, &[&str; 4]); 6] = [
    ("kernel-release", &["6.18.0", "6.18.0", "6.1.0-microvm", "6.1.0-56-cloud-amd64"]),
    (
        "kernel-version",
        &[
            "#1 SMP PREEMPT_DYNAMIC Debian 6.18-1",
            "#1 SMP PREEMPT_DYNAMIC Debian 6.18-1",
            "embedded unikernel",
            "#1 SMP PREEMPT_DYNAMIC Debian 6.1.164-1 (2026-03-09)",
        ],
    ),
    (
        "boot-id",
        &[
            "c5cecfd4-b5a0-457f-b283-2c46a615158a",
            "c5cecfd4-b5a0-457f-b283-2c46a615158a",
            "n/a: needs /proc",
            "n/a: needs /proc",
        ],
    ),
    ("hostname", &["vm", "bench", "microvm", "(none)"]),
    ("pid", &["15179", "1", "1", "1"]),
    ("capabilities", &["000001ffffffffff", "0000000000000000", "n/a: needs capget", "000001ffffffffff"]),
];

struct Maker {
    rng: Rng,
    blocks: u32,
}

impl Maker {
    /// A sample around a median, with a tail to the right as times have.
    fn sample(&mut self, median: f64, spread: f64) -> f64 {
        let mut uniform = || self.rng.next_u64() as f64 / u64::MAX as f64;
        let bell = uniform() + uniform() + uniform() - 1.5;
        let tail = if uniform() > 0.96 { 1.0 + uniform() } else { 1.0 };
        (median * (1.0 + spread * bell) * tail * 1000.0).round() / 1000.0
    }

    fn measure(
        &mut self,
        key: (Experiment, &str, &str, Metric),
        unit: Unit,
        median: f64,
        spread: f64,
    ) -> Measurement {
        let (experiment, workload, backend, metric) = key;
        let samples: Vec<f64> = (0..self.blocks).map(|_| self.sample(median, spread)).collect();
        let better = if metric == Metric::Bandwidth { Better::Higher } else { Better::Lower };
        let flags = samples
            .iter()
            .map(|s| if *s > median * 1.5 { vec!["steal".to_owned()] } else { vec![] })
            .collect();
        Measurement {
            experiment,
            workload: workload.to_owned(),
            backend: backend.to_owned(),
            metric,
            unit,
            better,
            status: Status::Ok,
            reason: None,
            blocks: (0..self.blocks).collect(),
            samples,
            flags: Some(flags),
        }
    }
}

/// A complete run with this many blocks.
pub fn run(blocks: u32) -> Run {
    seeded(blocks, 7)
}

/// The same with samples of another seed.
pub fn seeded(blocks: u32, seed: u64) -> Run {
    let mut maker = Maker { rng: Rng::new(seed), blocks };
    let mut measurements = Vec::new();
    for (place, (backend, startup, syscall, cpu)) in BACKENDS.into_iter().enumerate() {
        let ns = Unit::Nanoseconds;
        let base = 560_000.0 * startup;
        let noop = |experiment, metric| (experiment, "noop", backend, metric);
        measurements.push(maker.measure(noop(Experiment::Startup, Metric::StartupTime), ns, base, 0.12));
        for (phase, share) in PHASES[place] {
            let key = noop(Experiment::Startup, Metric::Phase((*phase).to_owned()));
            measurements.push(maker.measure(key, ns, base * share, 0.1));
        }
        measurements.push(maker.measure(
            noop(Experiment::Startup, Metric::TeardownTime),
            ns,
            base * 0.4,
            0.2,
        ));
        measurements.push(maker.measure(noop(Experiment::Startup, Metric::CpuTime), ns, base * 0.9, 0.1));
        let guest = [0.0, 0.0, 1.0, 21.0][place];
        let memory = [
            (Metric::MemoryCurrent, 190.0 + 1700.0 * guest),
            (Metric::Pss, 62.0 + 1480.0 * guest),
            (Metric::Uss, 44.0 + 1420.0 * guest),
            (Metric::MarginalMemory, 230.0 + 1900.0 * guest + 110.0 * f64::from(place == 1)),
            (Metric::GuestRam, 1180.0 * guest),
            (Metric::VmmOverhead, 284.0 * f64::min(guest, 1.5)),
        ];
        for (metric, kib) in memory.into_iter().filter(|(_, kib)| *kib > 0.0) {
            measurements.push(maker.measure(
                noop(Experiment::Memory, metric),
                Unit::Bytes,
                kib * 1024.0,
                0.03,
            ));
        }
        for (workload, time) in SYSCALLS {
            let key = (Experiment::Syscalls, workload, backend, Metric::TimePerOp);
            let needs = matches!(workload, "pipe-round-trip" | "fork-exit" | "execve") && place == 2;
            let mut measured = maker.measure(key, ns, time * syscall, 0.04);
            if needs {
                measured.samples.clear();
                measured.blocks.clear();
                measured.flags = None;
                measured.status = Status::NotApplicable;
                measured.reason = Some("needs fork".to_owned());
            }
            measurements.push(measured);
        }
        for (workload, time) in CPU {
            let slow = if workload == "first-touch" { 1.0 + 12.0 * (cpu - 1.0) } else { cpu };
            let key = (Experiment::Cpu, workload, backend, Metric::TimePerOp);
            measurements.push(maker.measure(key, ns, time * slow, 0.01));
        }
        let key = (Experiment::Cpu, "triad", backend, Metric::Bandwidth);
        measurements.push(maker.measure(key, Unit::BytesPerSecond, 1.4e10 / cpu, 0.02));
    }
    frame(measurements)
}

/// Everything around the measurements.
fn frame(measurements: Vec<Measurement>) -> Run {
    let backend = |name: &str, details: &[(&str, &str)]| Backend {
        name: name.to_owned(),
        status: BackendStatus::Ok,
        reason: None,
        details: details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let evidence = |backend: &str, key: &str, value: &str| Evidence {
        backend: backend.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    Run {
        schema_version: SCHEMA_VERSION,
        run_id: "20261124-001500-example".to_owned(),
        started_at: "2026-11-24T00:15:00Z".to_owned(),
        state: RunState::Complete,
        tool: Tool {
            version: "0.1.0".to_owned(),
            git: Some("c49eea3".to_owned()),
            agent_sha256: "5f".repeat(32),
        },
        host: Host {
            kernel: "6.18.0".to_owned(),
            os: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
            cpu_model: "AMD EPYC 9V74 80-Core Processor".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            hypervisor: Some("KVM".to_owned()),
            kvm: Some("API 12; SYSCALL stays in ring 3; ring 0 is emulated".to_owned()),
            cgroups: "hybrid".to_owned(),
            root: true,
            user_namespaces: true,
            clocksource: Some("tsc".to_owned()),
            thp: Some("madvise".to_owned()),
            mounts: 31,
            load_1m: 0.21,
            mitigations: BTreeMap::from([("spectre_v2".to_owned(), "Mitigation: Retpolines".to_owned())]),
            ..Host::default()
        },
        config: Config {
            seed: 42,
            preset: "default".to_owned(),
            samples: None,
            time_budget_s: 180.0,
            experiments: vec![Experiment::Startup, Experiment::Memory, Experiment::Syscalls, Experiment::Cpu],
            pinned_cpu: Some(1),
            memory_limit_bytes: BTreeMap::from([(Experiment::Startup, 32 << 20)]),
            command: vec!["bench".to_owned(), "all".to_owned()],
            ..Config::default()
        },
        backends: vec![
            backend("process", &[("isolation", "none: fork and exec")]),
            backend(
                "container",
                &[("isolation", "namespaces, cgroup, read-only root, capabilities dropped, seccomp")],
            ),
            backend(
                "microvm",
                &[("isolation", "a KVM virtual machine"), ("kernel", "the embedded unikernel")],
            ),
            backend(
                "microvm-linux",
                &[
                    ("isolation", "a KVM virtual machine"),
                    ("kernel", "6.1.0-56-cloud-amd64"),
                    ("kernel_file", "/root/.cache/bench/kernels/6.1.0-56-cloud-amd64/vmlinux"),
                    ("kernel_is_hosts", "false"),
                ],
            ),
        ],
        measurements,
        evidence: EVIDENCE
            .iter()
            .flat_map(|(key, values)| {
                BACKENDS.iter().zip(*values).map(|((backend, ..), value)| evidence(backend, key, value))
            })
            .collect(),
    }
}

//! A run that climbed the ladder, and one of a user's own program.

use std::collections::BTreeMap;

use results::ladder::RUNGS;
use results::stats::Rng;
use results::{Backend, BackendStatus, Experiment, Measurement, Metric, Run, Status};

/// What each rung adds to a start, in the order of [`RUNGS`]: one saves time.
const ADDS: [f64; 12] = [512e3, 21e3, 96e3, 31e3, 2e3, 6e3, 171e3, 88e3, 64e3, -9e3, 24e3, 73e3];
/// What a container adds up to.
const CONTAINER: f64 = 942e3;

/// Samples in blocks whose disturbances hit all alike.
struct Maker {
    rng: Rng,
    blocks: Vec<f64>,
}

impl Maker {
    fn new(blocks: u32, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let blocks = (0..blocks).map(|_| (rng.next_u64() % 100_000) as f64 / 1e6).collect();
        Maker { rng, blocks }
    }

    fn measured(&mut self, key: (Experiment, &str, &str, Metric), median: f64, spread: f64) -> Measurement {
        let (experiment, workload, backend, metric) = key;
        let samples = self.blocks.iter().map(|disturbed| {
            let noise = (self.rng.next_u64() % 2_000) as f64 / 1e3 - 1.0;
            (median * (1.0 + disturbed * spread * 10.0 + noise * spread)).round()
        });
        let samples: Vec<f64> = samples.collect();
        Measurement {
            experiment,
            workload: workload.to_owned(),
            backend: backend.to_owned(),
            unit: metric.unit(),
            better: metric.better(),
            metric,
            status: Status::Ok,
            reason: None,
            blocks: (0..samples.len() as u32).collect(),
            samples,
            flags: None,
        }
    }
}

fn backend(name: &str, reason: Option<&str>) -> Backend {
    Backend {
        name: name.to_owned(),
        status: if reason.is_some() { BackendStatus::Unavailable } else { BackendStatus::Ok },
        reason: reason.map(str::to_owned),
        details: BTreeMap::new(),
    }
}

/// The usual run, with every rung but the IPC namespace.
pub fn with_ladder(mut run: Run) -> Run {
    let blocks = run.measurements.first().map_or(0, |m| m.samples.len() as u32);
    let mut maker = Maker::new(blocks, 11);
    let startup = |name| (Experiment::Ladder, "noop", name, Metric::StartupTime);
    let mut total = 0.0;
    let mut measured = Vec::new();
    let mut whole = |name: &'static str, start: f64, slow: f64, kib: f64| {
        measured.push(maker.measured(startup(name), start, 0.01));
        measured.push(maker.measured(
            (Experiment::Ladder, "noop", name, Metric::TeardownTime),
            start * 0.4,
            0.03,
        ));
        let phase = Metric::Phase("exec".to_owned());
        measured.push(maker.measured((Experiment::Ladder, "noop", name, phase), start * 0.3, 0.03));
        let memory = (Experiment::Ladder, "noop", name, Metric::MarginalMemory);
        measured.push(maker.measured(memory, kib * 1024.0, 0.01));
        for (call, time) in [("getpid", 98e3), ("openat-close", 1_900e3)] {
            let key = (Experiment::Ladder, call, name, Metric::TimePerOp);
            measured.push(maker.measured(key, time * slow, 0.004));
        }
    };
    for (place, (rung, adds)) in RUNGS.iter().zip(ADDS).enumerate() {
        let missing = rung.backend == "rung-ipc";
        if rung.backend != "process" {
            let reason = missing.then_some("this kernel has no IPC namespaces (CONFIG_IPC_NS)");
            run.backends.push(backend(rung.backend, reason));
        }
        total += adds;
        if !missing {
            let slow = if place >= 10 { 1.12 } else { 1.0 };
            whole(rung.backend, total, slow, 230.0 + 11.0 * place as f64);
        }
    }
    whole("container", CONTAINER, 1.12, 340.0);
    whole("microvm", 2_570e3, 0.4, 2_100.0);
    whole("microvm-linux", 118e6, 1.03, 40_000.0);
    // Times per operation were made a thousand times too large, so that they could be rounded.
    for m in measured.iter_mut().filter(|m| m.metric == Metric::TimePerOp) {
        m.samples.iter_mut().for_each(|sample| *sample /= 1e3);
    }
    run.config.experiments.push(Experiment::Ladder);
    run.measurements.extend(measured);
    run
}

/// The usual run, with a program that needs what the small guest kernel does not have.
pub fn with_program(mut run: Run) -> Run {
    let blocks = run.measurements.first().map_or(0, |m| m.samples.len() as u32);
    let mut maker = Maker::new(blocks, 12);
    for (backend, wall, peak) in [("process", 41e6, 1.1e6), ("container", 42.3e6, 1.4e6)] {
        for (metric, median) in
            [(Metric::WallTime, wall), (Metric::CpuTime, wall * 0.93), (Metric::PeakMemory, peak)]
        {
            run.measurements.push(maker.measured(
                (Experiment::Exec, "busybox", backend, metric),
                median,
                0.01,
            ));
        }
    }
    for backend in ["microvm", "microvm-linux"] {
        let mut none = maker.measured((Experiment::Exec, "busybox", backend, Metric::WallTime), 0.0, 0.0);
        (none.samples, none.blocks) = (Vec::new(), Vec::new());
        (none.status, none.reason) = match backend {
            "microvm" => (Status::NotApplicable, Some("needs fork, futex".to_owned())),
            _ => (Status::Failed, Some("ended with status 127 in block 0".to_owned())),
        };
        run.measurements.push(none);
    }
    run.config.experiments.push(Experiment::Exec);
    run
}

/// Nothing but the program, as `bench exec` makes it.
pub fn program_alone(run: Run) -> Run {
    let mut run = with_program(run);
    run.measurements.retain(|m| m.experiment == Experiment::Exec);
    run.evidence.clear();
    run.config.experiments = vec![Experiment::Exec];
    run.config.command = ["bench", "exec", "--", "./busybox", "sh", "-c", "seq 1 100000 | sort -R | md5sum"]
        .map(str::to_owned)
        .to_vec();
    run
}

//! Runs as this tool measures them, with a truth that is known.

use std::collections::BTreeMap;

use results::stats::Rng;
use results::{
    Backend, BackendStatus, Config, Experiment, Host, Key, Measurement, Metric, Run, RunState,
    SCHEMA_VERSION, Status, Tool,
};

/// Backends of a simulated run.
pub const BACKENDS: [&str; 4] = ["process", "container", "container-noseccomp", "microvm"];

/// What an unchanged machine does to numbers.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Standard deviation (of the logarithm) of trials within a run; workloads have between half and twice of it.
    pub trials: f64,
    /// Of whole runs: all their measurements are slower or faster alike.
    pub runs: f64,
    /// Of one measurement from run to run.
    pub measurements: f64,
    /// Share of trials that take half as long again, as where something else runs now and then.
    pub slow: f64,
}

/// A machine that disturbs nothing, and one like the cloud machines this was written on.
pub const QUIET: Machine = Machine { trials: 0.02, runs: 0.0, measurements: 0.0, slow: 0.0 };
/// As above.
pub const NOISY: Machine = Machine { trials: 0.05, runs: 0.06, measurements: 0.01, slow: 0.08 };

/// A number from the standard normal distribution (Box and Muller 1958).
pub fn normal(rng: &mut Rng) -> f64 {
    let uniform = |rng: &mut Rng| (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let (u, v) = (1.0 - uniform(rng), uniform(rng));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A run of `blocks` blocks: startup and teardown, 12 system calls, 6 computations, on four backends.
pub fn run(machine: Machine, blocks: u32, rng: &mut Rng) -> Run {
    let mut run = empty();
    let drift = machine.runs * normal(rng);
    let plans = [
        (
            Experiment::Startup,
            vec!["noop".to_owned()],
            vec![Metric::StartupTime, Metric::TeardownTime, Metric::CpuTime],
        ),
        (Experiment::Syscalls, (0..12).map(|n| format!("call-{n}")).collect(), vec![Metric::TimePerOp]),
        (Experiment::Cpu, (0..6).map(|n| format!("work-{n}")).collect(), vec![Metric::Bandwidth]),
    ];
    for (experiment, workloads, metrics) in plans {
        for (number, workload) in workloads.iter().enumerate() {
            for metric in &metrics {
                for backend in BACKENDS {
                    let scatter = machine.trials * [0.5, 1.0, 2.0][number % 3];
                    let centre = drift + machine.measurements * normal(rng);
                    let sample = |rng: &mut Rng| {
                        let slow = rng.below(1000) < (1000.0 * machine.slow) as usize;
                        1e6 * (centre + scatter * normal(rng) + if slow { 0.4 } else { 0.0 }).exp()
                    };
                    let samples = (0..blocks).map(|_| sample(rng)).collect();
                    let key = Key::new(experiment, workload.as_str(), backend, metric.clone());
                    run.measurements.push(measurement(key, samples));
                }
            }
        }
    }
    run
}

/// A measurement with these samples, one a block.
pub fn measurement(key: Key, samples: Vec<f64>) -> Measurement {
    Measurement {
        experiment: key.experiment,
        workload: key.workload,
        backend: key.backend,
        metric: key.metric,
        unit: key.unit,
        better: key.better,
        status: Status::Ok,
        reason: None,
        blocks: (0..samples.len() as u32).collect(),
        samples,
        flags: None,
    }
}

/// A run of the four backends without measurements.
pub fn empty() -> Run {
    let backend = |name: &str| Backend {
        name: name.to_owned(),
        status: BackendStatus::Ok,
        reason: None,
        details: BTreeMap::new(),
    };
    Run {
        schema_version: SCHEMA_VERSION,
        run_id: "simulated".into(),
        started_at: "2026-11-24T08:00:00Z".into(),
        state: RunState::Complete,
        tool: Tool { version: "0.1.0".into(), git: None, agent_sha256: "ab".repeat(32) },
        host: Host { kernel: "6.1.0".into(), cpu_model: "A processor".into(), cpus: 2, ..Host::default() },
        config: Config { preset: "default".into(), ..Config::default() },
        backends: BACKENDS.map(backend).to_vec(),
        measurements: Vec::new(),
        evidence: Vec::new(),
    }
}

/// Makes one backend's times longer, and its bandwidths smaller.
pub fn slow_down(run: &mut Run, backend: &str, times: f64) {
    for measurement in run.measurements.iter_mut().filter(|m| m.backend == backend) {
        let factor = if measurement.metric == Metric::Bandwidth { 1.0 / times } else { times };
        measurement.samples.iter_mut().for_each(|sample| *sample *= factor);
    }
}

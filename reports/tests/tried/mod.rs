//! A run in which limits were tried.

use results::evidence::{LIMIT_CPU, LIMIT_HOST, LIMIT_MEMORY, LIMIT_NEIGHBOUR, LIMIT_PIDS};
use results::{Evidence, Experiment, Measurement, Metric, Run, Status};

const MIB: f64 = 1_048_576.0;
/// How a hog ended.
pub const KILLED: &str =
    "stopped by the kernel, charged 32.0 MiB of 32.0 MiB (signal: 9 (SIGKILL), oom_kill 1); in 4 of 4 trials";

fn measured(workload: &str, backend: &str, metric: Metric, samples: &[f64]) -> Measurement {
    Measurement {
        experiment: Experiment::Isolation,
        workload: workload.to_owned(),
        backend: backend.to_owned(),
        unit: metric.unit(),
        better: metric.better(),
        metric,
        status: Status::Ok,
        reason: None,
        samples: samples.to_vec(),
        blocks: (0..samples.len() as u32).collect(),
        flags: None,
    }
}

/// The usual run, with limits tried on three backends.
pub fn with_limits(mut run: Run) -> Run {
    run.config.experiments.push(Experiment::Isolation);
    for (place, backend) in ["process", "container", "microvm"].into_iter().enumerate() {
        let shift = place as f64 * 0.05;
        let slowed = |by: f64| [by + shift, by + 0.02 + shift, by - 0.01 + shift, by + 0.01 + shift];
        let peak = [32.0, 32.0, 26.0][place] * MIB;
        run.measurements.extend([
            measured("hog", backend, Metric::PeakMemory, &[peak; 4]),
            measured("hog", backend, Metric::NeighbourSlowdown, &slowed(1.12)),
            measured("spin", backend, Metric::CpuShare, &[0.5, 0.501, 0.499, 0.502]),
            measured("spin", backend, Metric::NeighbourSlowdown, &slowed(0.99)),
        ]);
        let mut storm = measured("fork-storm", backend, Metric::PeakProcesses, &[64.0; 4]);
        if backend == "microvm" {
            (storm.samples, storm.blocks) = (Vec::new(), Vec::new());
            (storm.status, storm.reason) = (Status::NotApplicable, Some("needs fork".to_owned()));
        } else {
            run.measurements.push(measured("fork-storm", backend, Metric::NeighbourSlowdown, &slowed(1.3)));
        }
        run.measurements.push(storm);
        let pids = if backend == "microvm" { "n/a: needs fork" } else { "held: 64 processes of 64" };
        let cpu = if backend == "container" {
            "not held: 0.560 of 0.500 CPUs"
        } else {
            "held: 0.502 of 0.500 CPUs"
        };
        for (key, value) in [
            (LIMIT_MEMORY, format!("held: {KILLED}").as_str()),
            (LIMIT_PIDS, pids),
            (LIMIT_CPU, cpu),
            (LIMIT_NEIGHBOUR, "on CPU 0; what tried the limits on CPU 1"),
            (LIMIT_HOST, "not disturbed"),
        ] {
            run.evidence.push(Evidence {
                backend: backend.to_owned(),
                key: key.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    run
}

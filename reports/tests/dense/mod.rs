//! A run of many instances at a time.

use results::series::block;
use results::{Experiment, Measurement, Metric, Run, Status};

/// A measurement of `density` with these samples and blocks.
fn measured(workload: &str, backend: &str, metric: Metric, samples: &[(u32, f64)]) -> Measurement {
    let (blocks, samples) = samples.iter().copied().unzip();
    Measurement {
        experiment: Experiment::Density,
        workload: workload.to_owned(),
        backend: backend.to_owned(),
        unit: metric.unit(),
        better: metric.better(),
        metric,
        status: Status::Ok,
        reason: None,
        samples,
        blocks,
        flags: None,
    }
}

/// Three rounds of twelve instances on two backends.
pub fn with_density(mut run: Run) -> Run {
    run.config.experiments.push(Experiment::Density);
    for (backend, start, each) in [("process", 4e5, 6e4), ("microvm", 4e6, 9e5)] {
        let of_instances = |value: &dyn Fn(u32, u32) -> f64| -> Vec<(u32, f64)> {
            (0..3)
                .flat_map(|r| (1..=12).map(move |n| (r, n)))
                .map(|(r, n)| (block(r, n), value(r, n)))
                .collect()
        };
        let of_rounds =
            |value: f64| (0..3).map(|r| (block(r, 0), value * (1.0 + f64::from(r)))).collect::<Vec<_>>();
        for (workload, slower) in [("serial", 1.0), ("parallel-1", 0.9), ("parallel-8", 3.0)] {
            let latency = |r, n| start * slower * (1.0 + f64::from(n * n + r) / 100.0);
            run.measurements.push(measured(workload, backend, Metric::StartupTime, &of_instances(&latency)));
            run.measurements.push(measured(workload, backend, Metric::StopAllTime, &of_rounds(start)));
        }
        run.measurements.push(measured("parallel-8", backend, Metric::StartRate, &of_rounds(8e8 / start)));
        let in_use = |r, n| each * f64::from(n) + 1000.0 * f64::from(r);
        run.measurements.push(measured("serial", backend, Metric::MemoryInUse, &of_instances(&in_use)));
        run.measurements.push(measured("serial", backend, Metric::MarginalMemory, &of_rounds(each)));
        for size in ["size-32m", "size-256m"] {
            run.measurements.push(measured(size, backend, Metric::Uss, &of_rounds(1.2e6)));
        }
    }
    run
}

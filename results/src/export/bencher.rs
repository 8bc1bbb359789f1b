//! Bencher Metric Format (<https://bencher.dev/docs/reference/bencher-metric-format>), for `bencher run --adapter json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Export, estimates, json, path, whole};
use crate::Run;

/// The longest name of a benchmark that Bencher takes, in characters, by that reference.
const LONGEST: usize = 1024;

#[derive(Serialize)]
struct Metric {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

/// Benchmarks are `experiment/workload/backend`, measures are metrics in the form of a slug (`startup-time`), values are in
/// the unit of `run.json`: nanoseconds, bytes, bytes per second. `lower_value` and `upper_value` are the 95 % interval.
///
/// # Errors
/// None is expected: numbers are finite and keys are texts.
pub fn bencher(run: &Run) -> serde_json::Result<Export> {
    let (kept, left_out) = estimates(run, |measurement| {
        whole(measurement)?;
        let length = path(measurement).chars().count();
        if length > LONGEST { Err("have a name that is too long for Bencher") } else { Ok(()) }
    });
    let mut benchmarks: BTreeMap<String, BTreeMap<String, Metric>> = BTreeMap::new();
    for (measurement, estimate) in kept {
        let measure = measurement.metric.to_string().replace('_', "-");
        let metric = Metric { value: estimate.median, lower_value: estimate.low, upper_value: estimate.high };
        benchmarks.entry(path(measurement)).or_default().insert(measure, metric);
    }
    Ok(Export { text: json(&benchmarks)?, left_out })
}

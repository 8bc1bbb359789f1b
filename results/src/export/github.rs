//! The JSON of github-action-benchmark (<https://github.com/benchmark-action/github-action-benchmark>), for its tools
//! `customSmallerIsBetter` and `customBiggerIsBetter`, which a file cannot mix.

use serde::Serialize;

use super::{Export, estimates, json, path, whole};
use crate::{Better, Run};

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: f64,
    /// The action reads `±` and a number.
    range: String,
    extra: String,
}

/// Those measurements of which less, or more, is `better`. The range is the farther end of the 95 % interval.
///
/// # Errors
/// None is expected: numbers are finite.
pub fn github_action_benchmark(run: &Run, better: Better) -> serde_json::Result<Export> {
    let (kept, left_out) = estimates(run, |measurement| {
        whole(measurement)?;
        match (better, measurement.better) {
            (Better::Lower, Better::Higher) => Err("are better when larger (--better higher)"),
            (Better::Higher, Better::Lower) => Err("are better when smaller (--better lower)"),
            _ => Ok(()),
        }
    });
    let entries: Vec<Entry> = kept
        .into_iter()
        .map(|(measurement, estimate)| Entry {
            name: format!("{}/{}", path(measurement), measurement.metric),
            unit: measurement.unit.to_string(),
            value: estimate.median,
            range: format!("± {}", (estimate.high - estimate.median).max(estimate.median - estimate.low)),
            extra: format!(
                "95 % interval {} to {} {}, {} samples, run {}",
                estimate.low, estimate.high, measurement.unit, estimate.n, run.run_id
            ),
        })
        .collect();
    Ok(Export { text: json(&entries)?, left_out })
}

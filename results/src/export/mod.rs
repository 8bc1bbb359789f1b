//! A run in the formats of other tools.
//!
//! Values are medians with their 95 % interval ([`bootstrap_median`] with the run's seed), except in [`csv`], which holds
//! every sample. Invariant: a format that cannot say why a number is missing has no entry for it, and the caller is told
//! what was left out ([`LeftOut`]); nothing is put in its place.

mod bencher;
mod csv;
mod github;
mod open_metrics;

use serde::Serialize;

use crate::stats::{Estimate, bootstrap_median};
use crate::{Measurement, Run};

pub use self::bencher::bencher;
pub use self::csv::csv;
pub use self::github::github_action_benchmark;
pub use self::open_metrics::open_metrics;

/// A run in another format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The content of the file.
    pub text: String,
    /// Measurements that are not in it.
    pub left_out: Vec<LeftOut>,
}

/// Why measurements are not in an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: usize,
    /// Why.
    pub reason: &'static str,
}

/// A measurement and its median.
type Estimated<'r> = (&'r Measurement, Estimate);

/// The measurements with samples that `keep` gives no reason against, and how many are left out for which reason.
fn estimates<'r>(
    run: &'r Run,
    keep: impl Fn(&Measurement) -> Result<(), &'static str>,
) -> (Vec<Estimated<'r>>, Vec<LeftOut>) {
    let (mut kept, mut left_out): (Vec<_>, Vec<LeftOut>) = (Vec::new(), Vec::new());
    for measurement in &run.measurements {
        let estimate = bootstrap_median(&measurement.samples, run.config.seed).ok_or("have no sample");
        match keep(measurement).and(estimate) {
            Ok(estimate) => kept.push((measurement, estimate)),
            Err(reason) => match left_out.iter_mut().find(|known| known.reason == reason) {
                Some(known) => known.count += 1,
                None => left_out.push(LeftOut { count: 1, reason }),
            },
        }
    }
    (kept, left_out)
}

/// What watches single values for regressions would only watch the same change twice.
fn whole(measurement: &Measurement) -> Result<(), &'static str> {
    if measurement.metric.is_part() { Err("are parts of other measurements") } else { Ok(()) }
}

/// A name for tools that know one name only: `startup/noop/container`.
fn path(measurement: &Measurement) -> String {
    format!("{}/{}/{}", measurement.experiment, measurement.workload, measurement.backend)
}

fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

//! How many times a baseline, from trials paired by block.
//!
//! A block holds one trial of every backend, so what disturbs a block disturbs both sides of its ratio and cancels.
//! Invariant: only samples of the same metric, unit and block are ever divided by each other.

use std::collections::HashMap;

use super::{Estimate, bootstrap_median};
use crate::Measurement;

/// The median of `a / baseline` over the blocks that both have, with an interval from resampling blocks.
///
/// `None` if the two measure different things, share no block, or the quotient of a shared block is not a finite
/// number (a baseline of 0). Above 1 means "more than the baseline", whichever direction is better.
pub fn paired_ratio(a: &Measurement, baseline: &Measurement, seed: u64) -> Option<Estimate> {
    if a.metric != baseline.metric || a.unit != baseline.unit {
        return None;
    }
    let base: HashMap<u32, f64> = by_block(baseline).collect();
    let ratios: Vec<f64> =
        by_block(a).filter_map(|(block, value)| base.get(&block).map(|base| value / base)).collect();
    bootstrap_median(&ratios, seed)
}

fn by_block(measurement: &Measurement) -> impl Iterator<Item = (u32, f64)> {
    measurement.blocks.iter().copied().zip(measurement.samples.iter().copied())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop};
    use proptest::{prop_assert_eq, proptest};

    use super::*;
    use crate::{Better, Experiment, Metric, Status, Unit};

    fn measurement(backend: &str, samples: &[(u32, f64)]) -> Measurement {
        Measurement {
            experiment: Experiment::Startup,
            workload: "noop".into(),
            backend: backend.into(),
            metric: Metric::StartupTime,
            unit: Unit::Nanoseconds,
            better: Better::Lower,
            status: Status::Ok,
            reason: None,
            samples: samples.iter().map(|&(_, value)| value).collect(),
            blocks: samples.iter().map(|&(block, _)| block).collect(),
            flags: None,
        }
    }

    #[test]
    fn samples_are_paired_by_block_and_not_by_position() {
        let a = measurement("container", &[(0, 20.0), (1, 400.0), (2, 60.0), (9, 1.0)]);
        let base = measurement("process", &[(2, 30.0), (0, 10.0), (1, 200.0), (7, 5.0)]);
        assert_eq!(paired_ratio(&a, &base, 1), Some(Estimate { median: 2.0, low: 2.0, high: 2.0, n: 3 }));
    }

    #[test]
    fn the_ratio_to_itself_is_exactly_one() {
        let a = measurement("process", &[(0, 3.7), (1, 9.1)]);
        assert_eq!(paired_ratio(&a, &a, 1), Some(Estimate { median: 1.0, low: 1.0, high: 1.0, n: 2 }));
    }

    #[test]
    fn without_a_shared_block_there_is_no_ratio() {
        let (a, b) = (measurement("a", &[(0, 1.0)]), measurement("b", &[(1, 1.0)]));
        assert_eq!(paired_ratio(&a, &b, 1), None);
    }

    #[test]
    fn different_metrics_have_no_ratio() {
        let a = measurement("a", &[(0, 1.0)]);
        assert_eq!(paired_ratio(&a, &Measurement { metric: Metric::CpuTime, ..a.clone() }, 1), None);
        assert_eq!(paired_ratio(&a, &Measurement { unit: Unit::Bytes, ..a.clone() }, 1), None);
    }

    #[test]
    fn a_baseline_of_zero_has_no_ratio() {
        let (a, zero) = (measurement("a", &[(0, 1.0), (1, 1.0)]), measurement("b", &[(0, 0.0), (1, 1.0)]));
        assert_eq!(paired_ratio(&a, &zero, 1), None);
        assert_eq!(paired_ratio(&zero, &zero, 1), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_disturbance_that_hits_whole_blocks_cancels(
            disturbance in prop::collection::vec(1.0_f64..100.0, 1..30),
        ) {
            let side = |factor: f64| -> Vec<(u32, f64)> {
                (0..).zip(&disturbance).map(|(block, slow)| (block, factor * slow)).collect()
            };
            let ratio = paired_ratio(&measurement("a", &side(4.0)), &measurement("b", &side(2.0)), 1).unwrap();
            prop_assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 2.0));
        }
    }
}

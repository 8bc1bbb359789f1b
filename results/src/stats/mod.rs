//! Robust statistics: medians, bootstrap intervals and paired ratios of a run's samples, rank tests, shifts and change
//! points of several runs.
//!
//! Results have the unit of their input. Invariant: nothing here panics, and nothing invents a number: an empty
//! input or one with a non-finite value gives `None` (or an empty curve).

mod bootstrap;
mod changes;
mod combined;
mod discovery;
mod normal;
mod ranks;
mod ratio;
mod rng;
mod shift;
mod slope;
mod tests_of_ranks;

pub use bootstrap::{Estimate, bootstrap_median};
pub use changes::change_points;
pub use combined::{Sign, combined_medians};
pub use discovery::benjamini_hochberg;
pub use normal::{normal_cdf, normal_quantile};
pub use ratio::paired_ratio;
pub use rng::Rng;
pub use shift::{Shift, hodges_lehmann, hodges_lehmann_shift};
pub use slope::slope;
pub use tests_of_ranks::{Test, mann_whitney, wilcoxon_signed_rank};

/// The samples in ascending order, or `None` if there are none or one is not finite.
fn sorted(samples: &[f64]) -> Option<Vec<f64>> {
    if samples.is_empty() || samples.iter().any(|sample| !sample.is_finite()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

/// The value below which the share `q` of ascending, non-empty `sorted` lies.
///
/// Interpolates linearly between order statistics: definition 7 of Hyndman and Fan, "Sample Quantiles in
/// Statistical Packages" (1996), the default of R and NumPy.
fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = q * last as f64;
    let below = (position as usize).min(last);
    let above = (below + 1).min(last);
    midway(sorted[below], sorted[above], position - below as f64)
}

/// The point `share` of the way from `low` to `high`; never outside of them, never an overflow to infinity.
fn midway(low: f64, high: f64, share: f64) -> f64 {
    (low * (1.0 - share) + high * share).clamp(low, high)
}

/// The value below which the share `q` of the samples lies; `None` also if `q` is not within 0 to 1.
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    let sorted = sorted(samples)?;
    (0.0..=1.0).contains(&q).then(|| quantile_of_sorted(&sorted, q))
}

/// The middle sample, or the mean of the middle two.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// Median absolute deviation from the median, as it is: multiply by 1.4826 to compare it with a standard deviation.
pub fn mad(samples: &[f64]) -> Option<f64> {
    let middle = median(samples)?;
    let deviations: Vec<f64> = samples.iter().map(|sample| (sample - middle).abs()).collect();
    median(&deviations)
}

/// The empirical distribution: for each distinct value, ascending, the share of the samples not above it.
pub fn ecdf(samples: &[f64]) -> Vec<(f64, f64)> {
    let sorted = sorted(samples).unwrap_or_default();
    let mut curve: Vec<(f64, f64)> = Vec::with_capacity(sorted.len());
    for (index, &value) in sorted.iter().enumerate() {
        let share = (index + 1) as f64 / sorted.len() as f64;
        match curve.last_mut() {
            Some(point) if point.0 == value => point.1 = share,
            _ => curve.push((value, share)),
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_samples_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn quantiles_agree_with_the_default_of_r() {
        // R: quantile(c(15, 20, 35, 40, 50), c(.05, .3, .4, .5, 1))  =>  16 23 29 35 50
        let samples = [35.0, 15.0, 50.0, 20.0, 40.0];
        let expected = [(0.0, 15.0), (0.05, 16.0), (0.3, 23.0), (0.4, 29.0), (0.5, 35.0), (1.0, 50.0)];
        for (q, value) in expected {
            let got = quantile(&samples, q).unwrap();
            assert!((got - value).abs() < 1e-12, "q={q}: {got} is not {value}");
        }
    }

    #[test]
    fn a_quantile_outside_of_zero_to_one_is_none() {
        for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quantile(&[1.0, 2.0], q), None);
        }
    }

    #[test]
    fn the_median_absolute_deviation_ignores_an_outlier() {
        // Deviations from the median 2: 1 1 0 0 2 4 7, whose median is 1.
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
    }

    #[test]
    fn the_ecdf_steps_once_per_distinct_value() {
        assert_eq!(ecdf(&[2.0, 1.0, 2.0, 4.0]), [(1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]);
    }

    #[test]
    fn huge_samples_do_not_overflow() {
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(median(&[-f64::MAX, f64::MAX]), Some(0.0));
        assert_eq!(mad(&[-f64::MAX, 0.0, f64::MAX]), Some(f64::MAX));
    }

    #[test]
    fn empty_and_non_finite_samples_give_nothing() {
        for samples in [&[][..], &[f64::NAN], &[1.0, f64::INFINITY], &[f64::NEG_INFINITY, 1.0]] {
            assert_eq!(median(samples), None);
            assert_eq!(mad(samples), None);
            assert!(ecdf(samples).is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn quantiles_rise_from_the_least_to_the_greatest_sample(
            samples in prop::collection::vec(-f64::MAX..f64::MAX, 1..40),
        ) {
            let quantiles: Vec<f64> = (0..=20).map(|i| quantile(&samples, f64::from(i) / 20.0).unwrap()).collect();
            prop_assert!(quantiles.is_sorted());
            prop_assert_eq!(quantiles[0], samples.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(quantiles[20], samples.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }

        #[test]
        fn the_ecdf_rises_to_one(samples in prop::collection::vec(-4_i8..4, 1..40)) {
            let curve = ecdf(&samples.into_iter().map(f64::from).collect::<Vec<_>>());
            prop_assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
            prop_assert_eq!(curve.last().unwrap().1, 1.0);
        }
    }
}

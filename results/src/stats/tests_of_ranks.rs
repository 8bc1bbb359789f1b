//! Rank tests: whether two sets of samples differ, without assuming how they are distributed.
//!
//! Both are two-sided. Invariant: a p-value lies within 0 to 1; samples that are all equal have 1.

use super::ranks::{mann_whitney_counts, ranks, share_up_to, signed_rank_counts};
use super::{normal_cdf, sorted};

/// What a test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// The test's own statistic.
    pub statistic: f64,
    /// How probable a statistic at least so extreme is if nothing differs.
    pub p_value: f64,
    /// Whether that was counted out rather than approximated by the normal distribution.
    pub exact: bool,
}

/// Up to this product of sample numbers arrangements are counted out: 14 by 14 samples, or 8 by 25.
pub(super) const EXACT_PAIRS: usize = 200;

/// Up to this number of differences signs are counted out: 2^50 is exact in a double.
pub(super) const EXACT_DIFFERENCES: usize = 50;

/// Whether values in `a` tend to be larger or smaller than those in `b` (H. B. Mann and D. R. Whitney, "On a Test of
/// Whether one of Two Random Variables is Stochastically Larger than the Other", 1947).
///
/// The statistic is U of `a`: in how many pairs `a` is larger, half for each tie. Exact for few samples without ties, else
/// the normal approximation with its corrections for ties and continuity (Lehmann, "Nonparametrics", 1975, section 1.4).
/// `None` for empty or non-finite samples.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<Test> {
    sorted(a)?;
    sorted(b)?;
    let (n, m) = (a.len() as f64, b.len() as f64);
    let ranked = ranks(&[a, b].concat());
    let statistic = ranked.ranks[..a.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let smaller = statistic.min(n * m - statistic);
    if ranked.ties == 0.0 && a.len() * b.len() <= EXACT_PAIRS {
        let below = share_up_to(&mann_whitney_counts(a.len(), b.len()), smaller as usize);
        return Some(Test { statistic, p_value: (2.0 * below).min(1.0), exact: true });
    }
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - ranked.ties / (all * (all - 1.0)));
    Some(Test { statistic, p_value: two_sided(n * m / 2.0 - smaller, variance), exact: false })
}

/// Whether paired differences lie around 0 (F. Wilcoxon, "Individual Comparisons by Ranking Methods", 1945).
///
/// The statistic is the smaller of the rank sums of positive and negative differences; differences of 0 are left out, as
/// Wilcoxon did. Exact for few differences without ties, else the normal approximation with its corrections for ties and
/// continuity. `None` for empty or non-finite differences.
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Option<Test> {
    sorted(differences)?;
    let changed: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let n = changed.len() as f64;
    let ranked = ranks(&changed.iter().map(|difference| difference.abs()).collect::<Vec<_>>());
    let positive = changed.iter().zip(&ranked.ranks).filter(|(difference, _)| **difference > 0.0);
    let positive: f64 = positive.map(|(_, rank)| rank).sum();
    let smaller = positive.min(n * (n + 1.0) / 2.0 - positive);
    if ranked.ties == 0.0 && changed.len() <= EXACT_DIFFERENCES {
        let below = share_up_to(&signed_rank_counts(changed.len()), smaller as usize);
        return Some(Test { statistic: smaller, p_value: (2.0 * below).min(1.0), exact: true });
    }
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ranked.ties / 48.0;
    Some(Test {
        statistic: smaller,
        p_value: two_sided(n * (n + 1.0) / 4.0 - smaller, variance),
        exact: false,
    })
}

/// The probability of being `away` from the mean or further, on either side, less half a step for continuity.
fn two_sided(away: f64, variance: f64) -> f64 {
    // Without variance all values are equal.
    if variance <= 0.0 { 1.0 } else { (2.0 * normal_cdf(-(away - 0.5) / variance.sqrt())).min(1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_published_example_of_two_samples_is_reproduced() {
        // Hollander and Wolfe, table 4.1, example 4.1: P(W >= 30) = 0.1272 for one side; with U = 35 of X here.
        let x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let y = [1.15, 0.88, 0.90, 0.74, 1.21];
        let found = mann_whitney(&x, &y).unwrap();
        assert_eq!((found.statistic, found.exact), (35.0, true));
        assert!((found.p_value - 2.0 * 0.1272).abs() < 1e-4, "{}", found.p_value);
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "a published sample is 3.14")]
    fn the_published_example_of_differences_is_reproduced() {
        // Hollander and Wolfe, table 3.1, example 3.1: the positive ranks sum to 5, P(T <= 5) = 0.020 for one side.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let found = wilcoxon_signed_rank(&differences).unwrap();
        assert_eq!((found.statistic, found.exact), (5.0, true));
        assert!((found.p_value - 2.0 * 0.01953).abs() < 1e-4, "{}", found.p_value);
    }

    #[test]
    fn samples_that_are_all_equal_do_not_differ() {
        assert_eq!(mann_whitney(&[2.0; 9], &[2.0; 30]).unwrap().p_value, 1.0);
        assert_eq!(wilcoxon_signed_rank(&[0.0; 9]).unwrap().p_value, 1.0);
        assert_eq!(mann_whitney(&[2.0], &[2.0]).unwrap().p_value, 1.0);
    }

    #[test]
    fn empty_and_non_finite_samples_give_nothing() {
        for samples in [&[][..], &[f64::NAN], &[1.0, f64::INFINITY]] {
            assert_eq!(mann_whitney(samples, &[1.0]), None);
            assert_eq!(mann_whitney(&[1.0], samples), None);
            assert_eq!(wilcoxon_signed_rank(samples), None);
        }
    }

    proptest! {
        #[test]
        fn the_order_of_sides_and_any_rising_scale_do_not_matter(
            a in prop::collection::vec(1_u32..40, 1..40),
            b in prop::collection::vec(1_u32..40, 1..40),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = (a.into_iter().map(f64::from).collect(), b.into_iter().map(f64::from).collect());
            let (one, other) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
            prop_assert!((one.p_value - other.p_value).abs() < 1e-12 && (0.0..=1.0).contains(&one.p_value));
            prop_assert_eq!(one.statistic + other.statistic, (a.len() * b.len()) as f64);
            let squares = |values: &[f64]| values.iter().map(|value| value * value).collect::<Vec<_>>();
            prop_assert_eq!(one, mann_whitney(&squares(&a), &squares(&b)).unwrap());
        }

        #[test]
        fn the_sign_of_all_differences_does_not_matter(differences in prop::collection::vec(-20_i32..20, 1..80)) {
            let plain: Vec<f64> = differences.iter().copied().map(f64::from).collect();
            let turned: Vec<f64> = plain.iter().map(|value| -value).collect();
            prop_assert_eq!(wilcoxon_signed_rank(&plain), wilcoxon_signed_rank(&turned));
        }
    }
}

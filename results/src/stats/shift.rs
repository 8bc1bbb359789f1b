//! How far samples are shifted, by Hodges and Lehmann: a median of all pairs, with the interval that the rank test of
//! the same pairs does not reject.
//!
//! Invariant: `low <= shift <= high`; no distribution is assumed but that of the rank test.

use super::ranks::{critical, mann_whitney_counts, signed_rank_counts};
use super::tests_of_ranks::{EXACT_DIFFERENCES, EXACT_PAIRS};
use super::{normal_quantile, sorted};

/// Up to as many pairs it is faster to write all differences down than to count them again and again.
const FEW_PAIRS: usize = 4096;

/// A shift and where, with the confidence asked for, it lies; in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The estimate.
    pub shift: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// How much larger `new` is than `base`: the median of all differences new - base (J. L. Hodges and E. L. Lehmann,
/// "Estimates of Location Based on Rank Tests", 1963), with Moses' interval, which inverts the Mann-Whitney test
/// (Hollander and Wolfe, "Nonparametric Statistical Methods", section 4.3).
///
/// `None` for empty or non-finite samples, a difference that is not finite, or a confidence that is not between 0 and 1.
/// Where the samples are too few for the confidence the ends are the extreme differences and promise less.
pub fn hodges_lehmann_shift(base: &[f64], new: &[f64], confidence: f64) -> Option<Shift> {
    let (base, new) = (sorted(base)?, sorted(new)?);
    let (n, m) = (base.len(), new.len());
    let outside = if n * m <= EXACT_PAIRS {
        critical(&mann_whitney_counts(n, m), within(confidence)?)
    } else {
        let (n, m) = (n as f64, m as f64);
        approximate(n * m / 2.0, n * m * (n + m + 1.0) / 12.0, within(confidence)?)
    };
    if n * m > FEW_PAIRS {
        return estimate(n * m, outside, |index| select(index, &|most| shifts_within(&base, &new, most)));
    }
    let mut all: Vec<f64> = new.iter().flat_map(|new| base.iter().map(move |base| new - base)).collect();
    estimate(all.len(), outside, |index| {
        let (_, shift, _) = all.select_nth_unstable_by(index, f64::total_cmp);
        shift.is_finite().then_some(*shift)
    })
}

/// How many differences new - base of ascending samples are not above `most`.
fn shifts_within(base: &[f64], new: &[f64], most: f64) -> usize {
    // The first new value too large for one base value is too large for all before it.
    let (mut count, mut fitting) = (0, 0);
    for &old in base {
        while fitting < new.len() && new[fitting] - old <= most {
            fitting += 1;
        }
        count += fitting;
    }
    count
}

/// Around what paired differences lie: the median of all Walsh averages (d_i + d_j) / 2 for i <= j (Hodges and Lehmann 1963),
/// with Tukey's interval, which inverts the signed-rank test (Hollander and Wolfe, section 3.3).
///
/// `None` and few differences as in [`hodges_lehmann_shift`].
pub fn hodges_lehmann(differences: &[f64], confidence: f64) -> Option<Shift> {
    let sorted = sorted(differences)?;
    let n = sorted.len();
    let averages = n * (n + 1) / 2;
    let outside = if n <= EXACT_DIFFERENCES {
        critical(&signed_rank_counts(n), within(confidence)?)
    } else {
        let n = n as f64;
        approximate(n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0) / 24.0, within(confidence)?)
    };
    let averages_within = |most: f64| {
        let (mut count, mut fitting) = (0, n);
        for (index, &low) in sorted.iter().enumerate() {
            // The halves are added, since a sum may be too large for a double.
            while fitting > 0 && 0.5 * low + 0.5 * sorted[fitting - 1] > most {
                fitting -= 1;
            }
            count += fitting.saturating_sub(index);
        }
        count
    };
    estimate(averages, outside, |index| select(index, &averages_within))
}

/// The share to leave out, for a confidence.
fn within(confidence: f64) -> Option<f64> {
    (confidence > 0.0 && confidence < 1.0).then_some(1.0 - confidence)
}

/// [`critical`] by the normal distribution.
fn approximate(mean: f64, variance: f64, alpha: f64) -> usize {
    (mean - normal_quantile(1.0 - alpha / 2.0) * variance.sqrt()).max(0.0) as usize
}

/// Median and interval of `all` values of which `outside` lie beyond each end; `nth` gives the value with so many below it.
fn estimate(all: usize, outside: usize, mut nth: impl FnMut(usize) -> Option<f64>) -> Option<Shift> {
    let last = all - 1;
    let low = outside.saturating_sub(1).min(last / 2);
    // The mean of the middle two, or of the middle one with itself.
    let shift = 0.5 * nth(last / 2)? + 0.5 * nth(all / 2)?;
    Some(Shift { shift, low: nth(low)?.min(shift), high: nth(last - low)?.max(shift) })
}

/// The value with `index` values below it, by halving the range of all doubles; `None` if it is not finite.
///
/// Counting takes time linear in the samples, of which there are pairs too many to sort. The values are differences as
/// rounded, of which the smallest that enough are not above is one.
fn select(index: usize, count: &impl Fn(f64) -> usize) -> Option<f64> {
    let (mut low, mut high) = (to_ordered(f64::MIN), to_ordered(f64::MAX));
    if count(f64::MAX) <= index {
        return None;
    }
    while low < high {
        // The range is wider than an i64, half of it is not.
        let middle = low.wrapping_add((high.abs_diff(low) / 2) as i64);
        if count(from_ordered(middle)) > index { high = middle } else { low = middle + 1 }
    }
    // A value of minus infinity is below every other.
    (count(f64::NEG_INFINITY) <= index).then(|| from_ordered(low))
}

/// Doubles as integers in the same order: negative ones have their bits reversed.
fn to_ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) & i64::MAX)
}

fn from_ordered(ordered: i64) -> f64 {
    f64::from_bits((ordered ^ ((ordered >> 63) & i64::MAX)) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// The value at `index` of all, sorted.
    fn nth(mut values: Vec<f64>, index: usize) -> f64 {
        values.sort_by(f64::total_cmp);
        values[index]
    }

    #[test]
    fn the_published_example_of_two_samples_is_reproduced() {
        // Hollander and Wolfe, table 4.1 and examples 4.3 and 4.4: permeability of membranes at term (X) and at 12 to 26
        // weeks (Y): the estimate of Y - X is -0.305, the interval at 96 % -0.76 to 0.15.
        let x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let y = [1.15, 0.88, 0.90, 0.74, 1.21];
        let found = hodges_lehmann_shift(&x, &y, 0.96).unwrap();
        for (found, expected) in [(found.shift, -0.305), (found.low, -0.76), (found.high, 0.15)] {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "a published sample is 3.14")]
    fn the_published_example_of_differences_is_reproduced() {
        // Hollander and Wolfe, table 3.1 and examples 3.3 and 3.4: the Hamilton depression scale before and after a
        // tranquilizer; the estimate is -0.46, the interval at 96 % -0.786 to -0.010.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let found = hodges_lehmann(&differences, 0.96).unwrap();
        for (found, expected) in [(found.shift, -0.46), (found.low, -0.786), (found.high, -0.010)] {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn too_few_samples_give_the_extremes() {
        let found = hodges_lehmann_shift(&[1.0, 2.0], &[5.0, 7.0], 0.99).unwrap();
        assert_eq!(found, Shift { shift: 4.5, low: 3.0, high: 6.0 });
        assert_eq!(hodges_lehmann(&[3.0], 0.95), Some(Shift { shift: 3.0, low: 3.0, high: 3.0 }));
    }

    #[test]
    fn what_has_no_finite_difference_has_no_shift() {
        for (base, new) in [(&[][..], &[1.0][..]), (&[1.0], &[f64::NAN]), (&[f64::MAX], &[-f64::MAX])] {
            assert_eq!(hodges_lehmann_shift(base, new, 0.95), None);
        }
        for confidence in [0.0, 1.0, f64::NAN] {
            assert_eq!(hodges_lehmann_shift(&[1.0], &[2.0], confidence), None);
        }
        assert_eq!(hodges_lehmann(&[], 0.95), None);
    }

    proptest! {
        #[test]
        fn the_selection_agrees_with_sorting_all_pairs(
            base in prop::collection::vec(-50_i32..50, 1..25),
            new in prop::collection::vec(-50_i32..50, 1..25),
        ) {
            let floats = |values: &[i32]| values.iter().map(|&value| f64::from(value) / 7.0).collect::<Vec<_>>();
            let (base, new) = (floats(&base), floats(&new));
            let pairs: Vec<f64> = new.iter().flat_map(|new| base.iter().map(move |base| new - base)).collect();
            let found = hodges_lehmann_shift(&base, &new, 0.9).unwrap();
            let middle = 0.5 * nth(pairs.clone(), (pairs.len() - 1) / 2) + 0.5 * nth(pairs.clone(), pairs.len() / 2);
            prop_assert_eq!(found.shift, middle);
            let (base, new) = (sorted(&base).unwrap(), sorted(&new).unwrap());
            for index in [0, pairs.len() / 3, pairs.len() - 1] {
                let counted = select(index, &|most| shifts_within(&base, &new, most));
                prop_assert_eq!(counted, Some(nth(pairs.clone(), index)));
            }
            prop_assert!(pairs.contains(&found.low) && pairs.contains(&found.high) || pairs.len() < 3);
            let walsh: Vec<f64> =
                (0..new.len()).flat_map(|i| (i..new.len()).map(|j| (i, j)).collect::<Vec<_>>())
                    .map(|(i, j)| 0.5 * new[i] + 0.5 * new[j]).collect();
            let found = hodges_lehmann(&new, 0.9).unwrap();
            let middle = 0.5 * nth(walsh.clone(), (walsh.len() - 1) / 2) + 0.5 * nth(walsh.clone(), walsh.len() / 2);
            prop_assert!((found.shift - middle).abs() < 1e-12);
        }

        #[test]
        fn a_shift_of_the_samples_is_the_shift_found(
            samples in prop::collection::vec(-1000_i32..1000, 2..40),
            by in -1000_i32..1000,
        ) {
            let base: Vec<f64> = samples.iter().map(|&value| f64::from(value)).collect();
            let new: Vec<f64> = base.iter().map(|value| value + f64::from(by)).collect();
            let (there, back) = (hodges_lehmann_shift(&base, &new, 0.95).unwrap(), hodges_lehmann_shift(&new, &base, 0.95).unwrap());
            prop_assert_eq!(there.shift, f64::from(by));
            prop_assert!(there.low <= there.shift && there.shift <= there.high);
            prop_assert_eq!((there.low, there.high), (-back.high, -back.low));
        }
    }
}

//! Median with a 95 % interval, by the percentile bootstrap (Efron 1979) with quantiles of the mid-distribution; of many
//! samples by what the bootstrap tends to, which takes no resampling.
//!
//! Invariant: the same samples and seed give the same interval, on every machine; `low <= median <= high`.

use super::{Rng, midway, quantile_of_sorted, sorted};

/// With 2000 resamples the nominal 2.5 % in each tail have a standard error of 0.35 %: less than what the method
/// itself errs by, and cheap enough to repeat after every block.
pub(super) const RESAMPLES: usize = 2000;

/// From so many samples on, the distribution of the bootstrap medians is known better than 2000 of them tell it, and drawing
/// them would take a run of a million samples half a minute.
pub(super) const KNOWN_FROM: usize = 128;

/// 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The share of bootstrap medians to leave out on each side, so that the interval from `n` samples covers 95 %.
///
/// Hesterberg ("What Teachers Should Know About the Bootstrap", arXiv:1411.5279) leaves out less of small samples. How much
/// less is fitted, on normal and bimodal samples of 8 to 50; `tests/coverage.rs` holds it to that.
fn tail(n: usize) -> f64 {
    0.025 - 0.03 / n as f64
}

/// A median and where, with 95 % confidence, it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The middle of what was seen, in the unit of the samples.
    pub median: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Number of samples (for a ratio, of pairs; for a slope, of points).
    pub n: usize,
}

/// The median of the samples and its bootstrap interval; `None` for empty or non-finite samples.
///
/// The percentile interval, not BCa: BCa takes its correction from the jackknife, which does not work for a median
/// (Efron and Tibshirani 1993, section 10.6). Below six samples no interval without a distribution assumed reaches
/// 95 % (the extremes enclose the median with probability 1 - 2^(1-n)), so `low` and `high` are then no wider than
/// the extremes and promise less.
pub fn bootstrap_median(samples: &[f64], seed: u64) -> Option<Estimate> {
    let sorted = sorted(samples)?;
    let n = sorted.len();
    let median = quantile_of_sorted(&sorted, 0.5);
    let (low, high) = if n < KNOWN_FROM { resampled(&sorted, seed) } else { expected(&sorted) };
    Some(Estimate { median, low: low.min(median), high: high.max(median), n })
}

/// The interval's ends from resamples of ascending, non-empty `sorted`.
fn resampled(sorted: &[f64], seed: u64) -> (f64, f64) {
    let n = sorted.len();
    let mut rng = Rng::new(seed);
    // Resamples are drawn as ranks: comparing integers is faster than comparing floats.
    let mut ranks = vec![0_usize; n];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        ranks.fill_with(|| rng.below(n));
        medians.push(median_of_ranks(&mut ranks, sorted));
    }
    medians.sort_by(f64::total_cmp);
    bounds(&medians, n)
}

/// The ends of the interval from `n` samples, given what their resamples gave, ascending and not empty.
pub(super) fn bounds(resamples: &[f64], n: usize) -> (f64, f64) {
    (mid_quantile(resamples, tail(n)), mid_quantile(resamples, 1.0 - tail(n)))
}

/// What the ends of infinitely many resamples tend to.
///
/// A bootstrap median is at most the k-th sample if at least half of n draws are, each with probability k/n (Efron 1979,
/// section 3): for large n its rank is normal about the middle, with a standard deviation of half the root of n.
fn expected(sorted: &[f64]) -> (f64, f64) {
    let middle = 0.5 * (sorted.len() - 1) as f64;
    let reach = Z * 0.5 * (sorted.len() as f64).sqrt();
    let at = |rank: f64| {
        let below = rank as usize;
        midway(sorted[below], sorted[(below + 1).min(sorted.len() - 1)], rank - below as f64)
    };
    (at(middle - reach), at(middle + reach))
}

/// The value below which the share `q` of ascending, non-empty `sorted` lies, where many are equal.
///
/// The bootstrap medians of an odd number of samples are samples themselves, so that an ordinary quantile jumps from one
/// to the next: from 13 of them the interval covers either 97.8 or 90.8 %. The mid-distribution function counts half of
/// those that equal a value as below it, and its quantile interpolates between values (Ma, Genton and Parzen, "Asymptotic
/// properties of sample quantiles of discrete distributions", 2011).
fn mid_quantile(sorted: &[f64], q: f64) -> f64 {
    let wanted = q * sorted.len() as f64;
    let mut below = None;
    let mut counted = 0;
    for equal in sorted.chunk_by(|a, b| a == b) {
        let here = (counted as f64 + 0.5 * equal.len() as f64, equal[0]);
        match below {
            _ if here.0 < wanted => below = Some(here),
            Some((rank, value)) => return midway(value, here.1, (wanted - rank) / (here.0 - rank)),
            None => return here.1,
        }
        counted += equal.len();
    }
    sorted[sorted.len() - 1]
}

/// The median of the samples with these (non-empty, unordered) ranks in `sorted`.
pub(super) fn median_of_ranks(ranks: &mut [usize], sorted: &[f64]) -> f64 {
    let even = ranks.len().is_multiple_of(2);
    let (lower_half, &mut upper, _) = ranks.select_nth_unstable(ranks.len() / 2);
    let lower = if even { lower_half.iter().copied().max().unwrap_or(upper) } else { upper };
    midway(sorted[lower], sorted[upper], 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_interval_agrees_with_the_exact_distribution_of_the_bootstrap_median() {
        // P(bootstrap median <= x_(k)) = P(Binomial(9, k/9) >= 5) (Efron 1979, section 3): .0014, .0304 and .1448 at k = 1,
        // 2 and 3. Half-way through the steps to them lie .0159 and .0876: the tail of .0217 is reached at 2.08. Of 2000
        // resamples the share has a standard error of .0033, which is 0.05 here.
        let samples: Vec<f64> = (1..=9).map(f64::from).collect();
        let estimate = bootstrap_median(&samples, 1).unwrap();
        assert_eq!((estimate.median, estimate.n), (5.0, 9));
        assert!((estimate.low - 2.08).abs() < 0.2, "{}", estimate.low);
        assert!((estimate.high - 7.92).abs() < 0.2, "{}", estimate.high);
    }

    #[test]
    fn what_is_expected_of_many_samples_is_what_resampling_them_gives() {
        for n in [KNOWN_FROM, KNOWN_FROM + 1, 400] {
            let ranks: Vec<f64> = (0..n).map(|rank| rank as f64).collect();
            let (drawn, known) = (resampled(&ranks, 3), expected(&ranks));
            // Of 2000 resamples a tail of 2.5 % has a standard error of .0035, which is 0.06 standard deviations of the rank.
            let most = 3.0 * 0.06 * 0.5 * (n as f64).sqrt();
            assert!(
                (drawn.0 - known.0).abs() < most && (drawn.1 - known.1).abs() < most,
                "{drawn:?} {known:?}"
            );
        }
    }

    #[test]
    fn a_million_samples_are_no_work() {
        let samples: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let estimate = bootstrap_median(&samples, 1).unwrap();
        assert_eq!((estimate.median, estimate.n), (499_999.5, 1_000_000));
        assert!((estimate.low - (499_999.5 - 980.0)).abs() < 1.0, "{}", estimate.low);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let samples = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.3, 5.8];
        assert_eq!(bootstrap_median(&samples, 7), bootstrap_median(&samples, 7));
    }

    #[test]
    fn one_sample_is_its_own_interval() {
        assert_eq!(bootstrap_median(&[5.0], 0), Some(Estimate { median: 5.0, low: 5.0, high: 5.0, n: 1 }));
    }

    #[test]
    fn empty_and_non_finite_samples_give_nothing() {
        assert_eq!(bootstrap_median(&[], 0), None);
        assert_eq!(bootstrap_median(&[1.0, f64::NAN], 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_interval_encloses_the_median_within_the_extremes(
            samples in prop::collection::vec(-f64::MAX..f64::MAX, 1..40),
            seed: u64,
        ) {
            let estimate = bootstrap_median(&samples, seed).unwrap();
            let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let most = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(least <= estimate.low && estimate.low <= estimate.median);
            prop_assert!(estimate.median <= estimate.high && estimate.high <= most);
        }

        #[test]
        fn order_and_unit_of_the_samples_do_not_matter(
            samples in prop::collection::vec(1_u32..1_000_000, 1..30),
            seed: u64,
        ) {
            let ascending: Vec<f64> = { let mut s = samples.clone(); s.sort(); s.into_iter().map(f64::from).collect() };
            let scaled: Vec<f64> = samples.into_iter().map(|sample| f64::from(sample) * 1024.0).collect();
            let (a, b) = (bootstrap_median(&ascending, seed).unwrap(), bootstrap_median(&scaled, seed).unwrap());
            prop_assert_eq!((a.median * 1024.0, a.low * 1024.0, a.high * 1024.0), (b.median, b.low, b.high));
        }
    }
}

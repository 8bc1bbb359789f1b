//! Sums and differences of medians over the same blocks, with a 95 % interval that knows which samples belong together.
//!
//! Of skewed samples, the median of the differences lies below the difference of the medians, and a sum of such differences
//! below what the whole takes. Differences of medians add up: each is where a bar ends less where the one below it ends.

use super::bootstrap::{KNOWN_FROM, RESAMPLES, bounds, median_of_ranks};
use super::{Estimate, Rng, bootstrap_median, sorted};

/// The sum of the medians of `terms`, each times its sign. All have the same length, and what stands at the same place in
/// them was measured in the same block. `None` if there is no block, or a sample is not finite.
///
/// The interval is the percentile bootstrap's over *blocks* (Efron and Tibshirani 1993, section 9.2: resample what is
/// independent, whole), so that what moves a whole block cancels out. Of many blocks it is put together from the intervals of
/// the medians (Zou and Donner, "Construction of confidence limits about effect measures", 2008) as if they were
/// independent, which is too wide rather than too narrow.
pub fn combined_medians(terms: &[(Sign, &[f64])], seed: u64) -> Option<Estimate> {
    let n = terms.first()?.1.len();
    if terms.iter().any(|(_, samples)| samples.len() != n) {
        return None;
    }
    let medians = terms.iter().map(|(sign, samples)| Some((*sign, bootstrap_median(samples, seed)?)));
    let medians: Vec<(Sign, Estimate)> = medians.collect::<Option<_>>()?;
    let median = medians.iter().map(|(sign, of)| sign.times(of.median)).sum::<f64>();
    let (low, high) = if n < KNOWN_FROM { resampled(terms, n, seed)? } else { recovered(median, &medians) };
    Some(Estimate { median, low: low.min(median), high: high.max(median), n })
}

/// Whether a median is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Added.
    Plus,
    /// Taken away.
    Minus,
}

impl Sign {
    fn times(self, value: f64) -> f64 {
        if self == Self::Plus { value } else { -value }
    }
}

fn resampled(terms: &[(Sign, &[f64])], n: usize, seed: u64) -> Option<(f64, f64)> {
    let columns: Vec<Column> = terms.iter().map(|(_, samples)| Column::of(samples)).collect::<Option<_>>()?;
    let mut rng = Rng::new(seed);
    let (mut drawn, mut ranks) = (vec![0; n], vec![0; n]);
    let mut sums = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| rng.below(n));
        let mut sum = 0.0;
        for ((sign, _), column) in terms.iter().zip(&columns) {
            ranks.iter_mut().zip(&drawn).for_each(|(rank, &block)| *rank = column.ranks[block]);
            sum += sign.times(median_of_ranks(&mut ranks, &column.sorted));
        }
        sums.push(sum);
    }
    sums.sort_by(f64::total_cmp);
    Some(bounds(&sums, n))
}

/// The samples of a term in ascending order, and by block the rank of its sample among them.
struct Column {
    sorted: Vec<f64>,
    ranks: Vec<usize>,
}

impl Column {
    fn of(samples: &[f64]) -> Option<Self> {
        let mut blocks: Vec<usize> = (0..samples.len()).collect();
        blocks.sort_by(|&a, &b| samples[a].total_cmp(&samples[b]));
        let mut ranks = vec![0; samples.len()];
        blocks.into_iter().enumerate().for_each(|(rank, block)| ranks[block] = rank);
        Some(Self { sorted: sorted(samples)?, ranks })
    }
}

/// From the reach of each median's interval towards the sum's end.
fn recovered(median: f64, medians: &[(Sign, Estimate)]) -> (f64, f64) {
    let reach = |down: Sign| {
        let squares = medians.iter().map(|(sign, of)| {
            let reach = if *sign == down { of.median - of.low } else { of.high - of.median };
            reach * reach
        });
        squares.sum::<f64>().sqrt()
    };
    (median - reach(Sign::Plus), median + reach(Sign::Minus))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(of: &[f64], to: &[f64]) -> Option<Estimate> {
        combined_medians(&[(Sign::Plus, of), (Sign::Minus, to)], 1)
    }

    /// Skewed samples whose median lies near `scale`.
    fn column(scale: f64, n: usize, rng: &mut Rng) -> Vec<f64> {
        let share = |rng: &mut Rng| (1 + rng.below(1000)) as f64 / 1000.0;
        (0..n).map(|_| scale * (0.7 + 0.2 / share(rng))).collect()
    }

    #[test]
    fn differences_of_medians_add_up_and_medians_of_differences_do_not() {
        let mut rng = Rng::new(5);
        let [a, b, c] = [100.0, 300.0, 900.0].map(|scale| column(scale, 41, &mut rng));
        let median = |of: &[f64]| bootstrap_median(of, 1).unwrap().median;
        let steps = median(&a) + difference(&b, &a).unwrap().median + difference(&c, &b).unwrap().median;
        assert!((steps - median(&c)).abs() < 1e-9, "{steps} {}", median(&c));
        let apart = |of: &[f64], to: &[f64]| of.iter().zip(to).map(|(of, to)| of - to).collect::<Vec<_>>();
        let other = median(&a) + median(&apart(&b, &a)) + median(&apart(&c, &b));
        assert!((other - median(&c)).abs() > 1.0, "{other} {}", median(&c));
    }

    #[test]
    fn what_a_block_has_in_common_cancels_out() {
        let mut rng = Rng::new(2);
        let common = column(1000.0, 40, &mut rng);
        let of: Vec<f64> = common.iter().map(|block| block + 7.0).collect();
        let estimate = difference(&of, &common).unwrap();
        assert!((estimate.low - 7.0).abs() < 1e-9 && (estimate.high - 7.0).abs() < 1e-9, "{estimate:?}");
    }

    #[test]
    fn one_median_alone_is_what_it_is_by_itself() {
        let samples = column(10.0, 300, &mut Rng::new(1));
        let alone = combined_medians(&[(Sign::Plus, &samples)], 1).unwrap();
        let known = bootstrap_median(&samples, 1).unwrap();
        assert!((alone.low - known.low).abs() < 1e-9 && (alone.high - known.high).abs() < 1e-9);
    }

    #[test]
    fn unequal_lengths_and_what_is_no_number_give_nothing() {
        assert_eq!(difference(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(difference(&[1.0, f64::NAN], &[1.0, 2.0]), None);
        assert_eq!(difference(&[], &[]), None);
        assert_eq!(combined_medians(&[], 1), None);
    }
}

//! Ranks, and the exact distributions of sums of ranks when nothing distinguishes the samples.
//!
//! Counts of arrangements are doubles: whole numbers below 2^53, hence exact. Tests fall back to the normal
//! approximation, which is then closer than a per cent of the p-value, before counts would grow beyond.

/// Ranks from 1, equal values sharing their mean rank, and how many values were equal.
pub(super) struct Ranks {
    /// In the order of the values.
    pub ranks: Vec<f64>,
    /// Sum over groups of t equal values of t^3 - t: what ties take from the variance of a rank sum.
    pub ties: f64,
}

/// Ranks of finite values.
pub(super) fn ranks(values: &[f64]) -> Ranks {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut ties, mut below) = (vec![0.0; values.len()], 0.0, 0);
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let count = group.len() as f64;
        ties += count * count * count - count;
        // The mean of the ranks below + 1 to below + count.
        group.iter().for_each(|&index| ranks[index] = below as f64 + (count + 1.0) / 2.0);
        below += group.len();
    }
    Ranks { ranks, ties }
}

/// For n and m samples: how many of the C(n + m, n) arrangements have U = 0, 1, … n·m.
///
/// The generating function is the Gaussian binomial coefficient, the product of (1 - q^(m+i)) / (1 - q^i) for i up to n
/// (Mann and Whitney 1947; Andrews, "The Theory of Partitions", chapter 3).
pub(super) fn mann_whitney_counts(n: usize, m: usize) -> Vec<f64> {
    let most = n * m;
    let mut counts = vec![0.0; most + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for power in (m + i..=most).rev() {
            counts[power] -= counts[power - m - i];
        }
        for power in i..=most {
            counts[power] += counts[power - i];
        }
    }
    counts
}

/// For n differences: how many of the 2^n choices of signs have W = 0, 1, … n(n + 1)/2, the sum of the positive ranks
/// (Wilcoxon 1945): the number of subsets of 1..n with that sum.
pub(super) fn signed_rank_counts(n: usize) -> Vec<f64> {
    let most = n * (n + 1) / 2;
    let mut counts = vec![0.0; most + 1];
    counts[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..=most).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}

/// The share of arrangements with a statistic not above `most`; `counts` is not empty.
pub(super) fn share_up_to(counts: &[f64], most: usize) -> f64 {
    let all: f64 = counts.iter().sum();
    counts[..=most.min(counts.len() - 1)].iter().sum::<f64>() / all
}

/// How many of the smallest values lie outside of an interval on each side, so that both sides together have at most
/// `alpha` of the arrangements; 0 if already the smallest has more.
pub(super) fn critical(counts: &[f64], alpha: f64) -> usize {
    let all: f64 = counts.iter().sum();
    let mut sum = 0.0;
    let beyond = |count: &&f64| {
        sum += **count;
        2.0 * sum <= alpha * all
    };
    counts.iter().take_while(beyond).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        let Ranks { ranks, ties } = ranks(&[3.0, 1.0, 3.0, 0.0, 3.0]);
        assert_eq!((ranks, ties), (vec![4.0, 2.0, 4.0, 1.0, 4.0], 24.0));
    }

    #[test]
    fn counts_are_those_of_the_published_tables() {
        // Mann and Whitney 1947, table I: of the C(7, 3) = 35 arrangements of 3 and 4 samples, P(U <= 0, 1, 2, 3).
        let counts = mann_whitney_counts(3, 4);
        assert_eq!(counts.iter().sum::<f64>(), 35.0);
        let published = [0.028, 0.057, 0.114, 0.200];
        for (u, p) in published.into_iter().enumerate() {
            assert!((share_up_to(&counts, u) - p).abs() < 0.001, "U = {u}");
        }
        // Wilcoxon 1945, table II: for 7 pairs a rank total of 2 has probability 0.047 (two-sided).
        let counts = signed_rank_counts(7);
        assert_eq!(counts.iter().sum::<f64>(), 128.0);
        assert!((2.0 * share_up_to(&counts, 2) - 0.046_875).abs() < 1e-12);
    }

    #[test]
    fn counts_are_whole_and_symmetric_up_to_the_largest_used() {
        for counts in [mann_whitney_counts(14, 14), mann_whitney_counts(1, 200), signed_rank_counts(50)] {
            assert!(counts.iter().all(|count| count.fract() == 0.0 && *count >= 0.0));
            assert!(counts.iter().eq(counts.iter().rev()));
            assert!(counts.iter().sum::<f64>() < 2f64.powi(53));
        }
    }

    #[test]
    fn the_critical_number_leaves_at_most_alpha_outside() {
        // Hollander and Wolfe, "Nonparametric Statistical Methods", table A.4: for 8 pairs and 0.05, W <= 3 (four values).
        assert_eq!(critical(&signed_rank_counts(8), 0.05), 4);
        assert_eq!(critical(&signed_rank_counts(4), 0.05), 0);
    }
}

//! How often the 95 % interval of the median encloses the true median.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy sees only #[test] functions as tests"
)]

#[expect(dead_code, reason = "only its normal numbers are needed here")]
mod simulate;

use results::stats::{Rng, Sign, bootstrap_median, combined_medians, normal_cdf};
use simulate::normal;

const RUNS: u64 = 2000;

/// Where the second mode of the bimodal samples lies, in standard deviations, and the share of samples in the first.
const MODES: (f64, f64) = (6.0, 0.6);

/// A distribution: its name, its median, and how to draw from it.
type Distribution = (&'static str, f64, fn(&mut Rng) -> f64);

fn distributions() -> [Distribution; 3] {
    let (apart, first) = MODES;
    [
        ("normal", 100.0, |rng| 100.0 + 5.0 * normal(rng)),
        ("log-normal", 1.0, |rng| normal(rng).exp()),
        ("bimodal", median_of(|x| first * normal_cdf(x) + (1.0 - first) * normal_cdf(x - apart)), |rng| {
            let (apart, first) = MODES;
            let mode = if rng.below(1000) < (1000.0 * first) as usize { 0.0 } else { apart };
            mode + normal(rng)
        }),
    ]
}

/// The median of a distribution function, by bisection.
fn median_of(distribution: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-10.0, 20.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if distribution(middle) < 0.5 { low = middle } else { high = middle }
    }
    low
}

/// Share of the runs whose interval encloses `truth`.
fn coverage(truth: f64, mut samples: impl FnMut(&mut Rng) -> Vec<f64>, seed: u64) -> f64 {
    let mut rng = Rng::new(seed);
    let covered = (0..RUNS).filter(|&run| {
        let estimate = bootstrap_median(&samples(&mut rng), run).unwrap();
        estimate.low <= truth && truth <= estimate.high
    });
    covered.count() as f64 / RUNS as f64
}

#[test]
fn the_interval_of_the_median_covers_it_in_93_to_97_of_100_runs() {
    for (name, truth, draw) in distributions() {
        for n in [10, 24, 35, 60] {
            let share = coverage(truth, |rng| (0..n).map(|_| draw(rng)).collect(), n);
            println!("{name}, {n} samples: {:.2} %", 100.0 * share);
            assert!((0.93..=0.97).contains(&share), "{name}, {n} samples: {share}");
        }
    }
}

#[test]
fn eight_samples_the_least_that_the_default_takes_cover_it_nearly_as_often() {
    for (name, truth, draw) in distributions() {
        let share = coverage(truth, |rng| (0..8).map(|_| draw(rng)).collect(), 8);
        println!("{name}: {:.2} %", 100.0 * share);
        assert!((0.91..=0.98).contains(&share), "{name}: {share}");
    }
}

#[test]
fn the_interval_of_a_difference_of_medians_covers_it_whatever_its_blocks_have_in_common() {
    // Skewed and apart, or symmetric with most of the scatter in common: of both the medians are known to be 2 apart.
    type Pair = fn(&mut Rng) -> (f64, f64);
    let pairs: [(&str, Pair); 2] = [
        ("independent, log-normal", |rng| (3.0 * (0.5 * normal(rng)).exp(), (0.5 * normal(rng)).exp())),
        ("alike within a block", |rng| {
            let block = 5.0 * normal(rng);
            (block + 2.0 + normal(rng), block + normal(rng))
        }),
    ];
    for (name, pair) in pairs {
        for n in [10, 24, 200] {
            let mut rng = Rng::new(n);
            let covered = (0..RUNS).filter(|&run| {
                let (of, to): (Vec<f64>, Vec<f64>) = (0..n).map(|_| pair(&mut rng)).unzip();
                let estimate = combined_medians(&[(Sign::Plus, &of), (Sign::Minus, &to)], run).unwrap();
                estimate.low <= 2.0 && 2.0 <= estimate.high
            });
            let share = covered.count() as f64 / RUNS as f64;
            println!("{name}, {n} blocks: {:.2} %", 100.0 * share);
            // Too often is no lie: of many blocks what they have in common does not count.
            assert!(share >= 0.93, "{name}, {n} blocks: {share}");
        }
    }
}

//! Randomised complete blocks: a block runs every workload once on every backend. The workloads come
//! in random order, and for each of them the backends, so that the trials that are compared stand
//! close together in time and drift hits all alike. All order comes from the run's seed.

use std::time::Duration;

use results::stats::{Rng, bootstrap_median};

/// When an experiment has samples enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Never fewer blocks than this, unless interrupted.
    pub min_blocks: u32,
    /// Never more.
    pub max_blocks: u32,
    /// Enough when the interval of every backend reached no further than this share of its median a while ago.
    pub relative_width: f64,
}

impl Stopping {
    /// Exactly `blocks`, as asked for by the user.
    pub fn exactly(blocks: u32) -> Self {
        Self { min_blocks: blocks, max_blocks: blocks, relative_width: 0.0 }
    }

    /// Whether another block is to run, with `blocks` done after `spent` of `budget`.
    pub fn goes_on(&self, blocks: u32, spent: Duration, budget: Duration) -> bool {
        blocks < self.min_blocks || (blocks < self.max_blocks && spent < budget)
    }

    /// Whether these samples locate their median closely enough.
    ///
    /// To stop as soon as the interval is narrow is a sequential procedure of fixed width (Chow and Robbins, "On the
    /// Asymptotic Theory of Fixed-Width Sequential Confidence Intervals for the Mean", 1965). It stops when the samples
    /// happen to agree, so that its intervals cover less than they promise: 91 instead of 95 %. A quarter more samples,
    /// taken whatever they say, gives most of that back: the first four fifths must have been narrow.
    pub fn is_narrow(&self, samples: &[f64], seed: u64) -> bool {
        let first = &samples[..samples.len() * 4 / 5];
        first.len() >= self.min_blocks as usize
            && bootstrap_median(first, seed).is_some_and(|estimate| {
                let reach = (estimate.high - estimate.median).max(estimate.median - estimate.low);
                reach <= self.relative_width * estimate.median.abs()
            })
    }
}

/// The order of one block: (workload, backend) by index.
pub fn block(rng: &mut Rng, workloads: &[usize], backends: &[usize]) -> Vec<(usize, usize)> {
    let mut workloads = workloads.to_vec();
    rng.shuffle(&mut workloads);
    let mut order = Vec::with_capacity(workloads.len() * backends.len());
    for workload in workloads {
        let mut backends = backends.to_vec();
        rng.shuffle(&mut backends);
        order.extend(backends.into_iter().map(|backend| (workload, backend)));
    }
    order
}

#[cfg(test)]
mod tests {
    use results::stats::Estimate;

    use super::*;

    #[test]
    fn a_block_runs_every_workload_once_on_every_backend() {
        let mut order = block(&mut Rng::new(1), &[0, 1, 2], &[0, 1, 3]);
        order.sort_unstable();
        assert_eq!(order, [(0, 0), (0, 1), (0, 3), (1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 3)]);
    }

    #[test]
    fn the_backends_of_a_workload_stand_together() {
        let order = block(&mut Rng::new(7), &[0, 1, 2, 3], &[0, 1, 2]);
        for trials in order.chunks(3) {
            assert!(trials.iter().all(|(workload, _)| *workload == trials[0].0), "{order:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_order_and_another_seed_another() {
        let blocks = |seed| {
            let mut rng = Rng::new(seed);
            (0..5).map(|_| block(&mut rng, &[0, 1, 2], &[0, 1, 2])).collect::<Vec<_>>()
        };
        assert_eq!(blocks(42), blocks(42));
        assert_ne!(blocks(42), blocks(43));
    }

    #[test]
    fn every_backend_comes_first_equally_often() {
        let mut rng = Rng::new(3);
        let mut first = [0_u32; 3];
        for _ in 0..3000 {
            first[block(&mut rng, &[0], &[0, 1, 2])[0].1] += 1;
        }
        // 1000 each, standard deviation 26: six of them is as good as never.
        assert!(first.iter().all(|count| count.abs_diff(1000) < 156), "{first:?}");
    }

    #[test]
    fn a_spent_budget_never_stops_before_the_minimum() {
        let stopping = Stopping { min_blocks: 5, max_blocks: 10, relative_width: 0.02 };
        let (budget, spent) = (Duration::from_secs(1), Duration::from_secs(2));
        assert!(stopping.goes_on(4, spent, budget));
        assert!(!stopping.goes_on(5, spent, budget));
        assert!(stopping.goes_on(5, Duration::ZERO, budget));
        assert!(!stopping.goes_on(10, Duration::ZERO, budget));
    }

    #[test]
    fn scattered_samples_are_not_narrow_and_equal_ones_are() {
        let stopping = Stopping { min_blocks: 4, max_blocks: 10, relative_width: 0.02 };
        assert!(stopping.is_narrow(&[5.0; 5], 1));
        assert!(!stopping.is_narrow(&[1.0, 9.0, 2.0, 8.0, 3.0, 7.0], 1));
        assert!(!stopping.is_narrow(&[5.0; 4], 1), "a quarter more than the minimum");
    }

    /// Samples (log-normal, with median 1) until they are narrow, and their interval then.
    fn stopped(stopping: Stopping, scatter: f64, rng: &mut Rng) -> Estimate {
        // The sum of 12 uniform numbers is as good as normal here.
        let normal =
            |rng: &mut Rng| (0..12).map(|_| rng.next_u64() as f64 / u64::MAX as f64 - 0.5).sum::<f64>();
        let mut samples = Vec::new();
        while samples.len() < stopping.max_blocks as usize && !stopping.is_narrow(&samples, 1) {
            samples.push((scatter * normal(rng)).exp());
        }
        bootstrap_median(&samples, 1).unwrap()
    }

    #[test]
    fn stopping_when_narrow_costs_little_of_what_the_interval_covers() {
        let stopping = Stopping { min_blocks: 8, max_blocks: 250, relative_width: 0.02 };
        for (scatter, least) in [(0.02, 10), (0.04, 20)] {
            let mut rng = Rng::new(11);
            let stops: Vec<Estimate> = (0..500).map(|_| stopped(stopping, scatter, &mut rng)).collect();
            let covered = stops.iter().filter(|stop| stop.low <= 1.0 && 1.0 <= stop.high).count();
            let mean = stops.iter().map(|stop| stop.n).sum::<usize>() / stops.len();
            println!("scatter {scatter}: stopped after {mean} samples, covered {covered} of 500");
            assert!(mean > least, "not only the minimum is at work: {mean}");
            // The standard error is 5.
            assert!((460..=490).contains(&covered), "scatter {scatter}: {covered} of 500");
        }
    }
}

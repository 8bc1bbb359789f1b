//! Measurements that hold a series: several samples of one round, told apart by a number that counts up within it.
//!
//! The experiment `density` starts instance after instance; what it measures of the n-th of a round has the block
//! `round * ROUND + n`, what it measures of the round as a whole has n = 0. The samples of a round follow one another on
//! one machine in one state, so the round is what counts as one observation: [`Measurement::condensed`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::stats::median;
use crate::{Experiment, Measurement, Metric, Run};

/// Blocks of a round: more than instances can be started at a time.
pub const ROUND: u32 = 100_000;

/// What the keys of a backend's details begin with that say how many instances `density` started, and what ended it.
pub const DENSITY_DETAIL: &str = "density_";

/// The block of the `number`-th instance (counted from 1) of a round, or with 0 of the round itself.
pub fn block(round: u32, number: u32) -> u32 {
    round.saturating_mul(ROUND).saturating_add(number)
}

impl Measurement {
    /// Whether its blocks are numbered as above.
    pub fn is_series(&self) -> bool {
        self.experiment == Experiment::Density
    }

    /// The samples by round, each with its number.
    pub fn rounds(&self) -> BTreeMap<u32, Vec<(u32, f64)>> {
        let mut rounds: BTreeMap<u32, Vec<(u32, f64)>> = BTreeMap::new();
        for (&block, &sample) in self.blocks.iter().zip(&self.samples) {
            rounds.entry(block / ROUND).or_default().push((block % ROUND, sample));
        }
        rounds
    }

    /// With one sample a round instead of a series: its median, or of memory in use what all instances of the round
    /// took. A measurement without series is returned as it is.
    pub fn condensed(&self) -> Cow<'_, Measurement> {
        if !self.is_series() {
            return Cow::Borrowed(self);
        }
        let value = |of: &[(u32, f64)]| {
            if self.metric == Metric::MemoryInUse {
                return of.iter().max_by_key(|(number, _)| *number).map(|(_, sample)| *sample);
            }
            median(&of.iter().map(|(_, sample)| *sample).collect::<Vec<_>>())
        };
        let values: Vec<(u32, f64)> =
            self.rounds().into_iter().filter_map(|(round, of)| Some((round, value(&of)?))).collect();
        let flags = self.flags.as_ref().map(|flags| {
            let of_round = |round: u32| {
                let own = self.blocks.iter().zip(flags).filter(|(block, _)| *block / ROUND == round);
                let mut marks: Vec<String> = own.flat_map(|(_, flags)| flags.clone()).collect();
                marks.sort_unstable();
                marks.dedup();
                marks
            };
            values.iter().map(|(round, _)| of_round(*round)).collect()
        });
        let (blocks, samples) = values.into_iter().unzip();
        Cow::Owned(Measurement {
            blocks,
            samples,
            flags,
            reason: self.reason.clone(),
            ..self.without_samples()
        })
    }

    fn without_samples(&self) -> Measurement {
        let mut measurement = crate::Key::from(self).measurement();
        measurement.status = self.status;
        measurement
    }
}

impl Run {
    /// The run with every series condensed.
    pub fn condensed(&self) -> Cow<'_, Run> {
        if !self.measurements.iter().any(Measurement::is_series) {
            return Cow::Borrowed(self);
        }
        let measurements = self.measurements.iter().map(|m| m.condensed().into_owned()).collect();
        Cow::Owned(Run { measurements, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn series(metric: Metric, samples: &[(u32, f64)]) -> Measurement {
        let mut measurement = Key::new(Experiment::Density, "serial", "process", metric).measurement();
        (measurement.blocks, measurement.samples) = samples.iter().copied().unzip();
        measurement.flags = Some(samples.iter().map(|_| vec!["load".to_owned()]).collect());
        measurement
    }

    #[test]
    fn a_round_counts_as_one_observation() {
        let samples = [
            (block(0, 1), 5.0),
            (block(0, 2), 7.0),
            (block(0, 3), 6.0),
            (block(4, 1), 9.0),
            (block(4, 2), 11.0),
        ];
        let condensed = series(Metric::StartupTime, &samples).condensed().into_owned();
        assert_eq!((condensed.blocks, condensed.samples), (vec![0, 4], vec![6.0, 10.0]));
        assert_eq!(condensed.flags, Some(vec![vec!["load".to_owned()]; 2]));
    }

    #[test]
    fn of_memory_in_use_the_whole_round_counts() {
        let samples = [(block(0, 1), 5.0), (block(0, 4), 20.0), (block(0, 2), 10.0)];
        let condensed = series(Metric::MemoryInUse, &samples).condensed().into_owned();
        assert_eq!(condensed.samples, [20.0]);
    }

    #[test]
    fn what_is_no_series_stays_as_it_is() {
        let mut plain = series(Metric::StartupTime, &[(0, 1.0), (1, 2.0)]);
        plain.experiment = Experiment::Startup;
        assert_eq!(*plain.condensed(), plain);
    }
}

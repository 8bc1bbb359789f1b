//! The levels between changes.

use serde::Serialize;

use crate::Better;
use crate::stats::{change_points, hodges_lehmann_shift, median};

/// Of the interval of a step.
const CONFIDENCE: f64 = 0.95;

/// Runs between which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Place of its first point within the series.
    pub from: usize,
    /// How many points it has.
    pub points: usize,
    /// Median of them, in the unit of the measurement.
    pub median: f64,
    /// How it differs from the level before; `None` for the first level, and where a value is not positive: nothing is
    /// a multiple of zero.
    pub step: Option<Step>,
}

/// From one level to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    /// New over old, by Hodges and Lehmann over the runs of both levels.
    pub ratio: f64,
    /// Lower end of its 95 % interval; of few runs the extremes, which promise less.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether it goes into the wrong direction.
    pub worse: bool,
}

/// Splits a series at its changes ([`change_points`]).
pub(super) fn levels(medians: &[f64], better: Better) -> Vec<Level> {
    let mut places = vec![0];
    places.extend(change_points(medians));
    places.push(medians.len());
    let mut levels: Vec<Level> = Vec::new();
    for ends in places.windows(2) {
        let values = &medians[ends[0]..ends[1]];
        let Some(centre) = median(values) else { continue };
        let before = levels.last().map(|level| &medians[level.from..ends[0]]);
        let step = before.and_then(|before| step(before, values, better));
        levels.push(Level { from: ends[0], points: values.len(), median: centre, step });
    }
    levels
}

/// A ratio is a shift of logarithms.
fn step(before: &[f64], after: &[f64], better: Better) -> Option<Step> {
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
    let shift = hodges_lehmann_shift(&logs(before), &logs(after), CONFIDENCE)?;
    let worse = match better {
        Better::Lower => shift.shift > 0.0,
        Better::Higher => shift.shift < 0.0,
    };
    Some(Step { ratio: shift.shift.exp(), low: shift.low.exp(), high: shift.high.exp(), worse })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten runs that scatter by 1 % around a value.
    fn around(value: f64) -> impl Iterator<Item = f64> {
        [0.0, 0.4, -0.9, 0.2, 1.0, -0.3, 0.7, -0.6, 0.1, -0.8]
            .into_iter()
            .map(move |per| value * (1.0 + per / 100.0))
    }

    #[test]
    fn a_step_begins_a_level_and_says_how_far() {
        let series: Vec<f64> = around(100.0).chain(around(115.0)).collect();
        let levels = levels(&series, Better::Lower);
        assert_eq!(
            levels.iter().map(|level| (level.from, level.points)).collect::<Vec<_>>(),
            [(0, 10), (10, 10)]
        );
        assert_eq!(levels[0].step, None);
        let step = levels[1].step.unwrap();
        assert!(step.worse && step.low < 1.15 && 1.15 < step.high, "{step:?}");
        assert!((step.ratio - 1.15).abs() < 0.01 && step.high - step.low < 0.03, "{step:?}");
    }

    #[test]
    fn more_bandwidth_is_not_worse() {
        let series: Vec<f64> = around(100.0).chain(around(115.0)).collect();
        assert!(!levels(&series, Better::Higher)[1].step.unwrap().worse);
    }

    #[test]
    fn a_level_of_zero_has_no_ratio() {
        let series: Vec<f64> = [0.0; 10].into_iter().chain(around(5.0)).collect();
        let levels = levels(&series, Better::Lower);
        assert_eq!((levels.len(), levels[1].step), (2, None));
    }

    #[test]
    fn without_a_change_there_is_one_level() {
        for series in [vec![1.0], vec![3.0; 50], around(7.0).collect()] {
            assert_eq!(levels(&series, Better::Lower).len(), 1, "{series:?}");
        }
        assert!(levels(&[], Better::Lower).is_empty());
    }
}

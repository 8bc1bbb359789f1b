//! The raw data: how much there is, and every median with its unit, to be copied.
//!
//! Numbers are in the unit of the measurement, rounded to six digits. Invariant: the table of medians is bounded; a file
//! with more says so.

use results::{Experiment, Run};

use crate::analysis::{Analysis, Cell};
use crate::words;

/// How much of an experiment there is.
pub(super) struct Count {
    pub experiment: Experiment,
    pub measurements: usize,
    pub samples: usize,
    /// Samples of a measurement: the fewest and the most.
    pub each: String,
    pub marked: usize,
    /// Measurements without a number.
    pub without: usize,
}

/// One measurement in full.
pub(super) struct Median {
    pub experiment: Experiment,
    pub what: String,
    pub backend: String,
    pub unit: String,
    /// Median and the ends of its interval.
    pub values: [String; 3],
    pub n: usize,
}

/// More medians than this are better read from the file.
const MOST: usize = 2000;

/// What is listed: a series or a limit is not told by one median.
const LISTED: [Experiment; 6] = [
    Experiment::Startup,
    Experiment::Memory,
    Experiment::Syscalls,
    Experiment::Cpu,
    Experiment::Ladder,
    Experiment::Exec,
];

/// How much of each experiment there is; experiments without a measurement are left out.
pub(super) fn counts(run: &Run) -> Vec<Count> {
    let count = |experiment: Experiment| {
        let own: Vec<_> = run.measurements.iter().filter(|m| m.experiment == experiment).collect();
        let sizes: Vec<usize> = own.iter().map(|m| m.samples.len()).filter(|size| *size > 0).collect();
        let (fewest, most) = (sizes.iter().min().copied(), sizes.iter().max().copied());
        let each = match (fewest, most) {
            (Some(fewest), Some(most)) if fewest == most => most.to_string(),
            (Some(fewest), Some(most)) => format!("{fewest}–{most}"),
            _ => "none".to_owned(),
        };
        let flags = own.iter().flat_map(|m| m.flags.iter().flatten());
        Count {
            experiment,
            measurements: sizes.len(),
            samples: sizes.iter().sum(),
            each,
            marked: flags.filter(|flags| !flags.is_empty()).count(),
            without: own.len() - sizes.len(),
        }
    };
    LISTED.into_iter().map(count).filter(|count| count.measurements + count.without > 0).collect()
}

/// Every median, and how many there was no room for.
pub(super) fn medians(analysis: &Analysis<'_>) -> (Vec<Median>, usize) {
    let cells = LISTED.into_iter().flat_map(|of| analysis.cells(of));
    let mut rows: Vec<Median> = cells.filter_map(median).collect();
    let left_out = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    (rows, left_out)
}

fn median(cell: &Cell<'_>) -> Option<Median> {
    let of = cell.estimate?;
    Some(Median {
        experiment: cell.of.experiment,
        what: words::measurement(cell.of.experiment, &cell.of.workload, &cell.of.metric),
        backend: cell.of.backend.clone(),
        unit: cell.of.unit.to_string(),
        values: [of.median, of.low, of.high].map(plain),
        n: of.n,
    })
}

/// Six significant digits without a power of ten, unless it would be endless.
fn plain(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-6..1e15).contains(&rounded.abs()) {
        return format!("{rounded:e}");
    }
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_plain() {
        let shown: Vec<_> = [0.0, 143_946.51, 21.0, 1.234_567_8, 1e300].map(plain).into();
        assert_eq!(shown, ["0", "143947", "21", "1.23457", "1e300"]);
    }
}

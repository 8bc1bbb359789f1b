//! Made-up runs of one day, for histories.

use results::{Run, Unit};

use crate::support::seeded;

/// Runs of a day, an hour apart; in the last third the container's times are 15 % longer.
pub fn runs(count: u32) -> Vec<Run> {
    let one = |number: u32| {
        let mut run = seeded(9, number.into());
        run.run_id = format!("20261124-{number:02}0000-example");
        run.started_at = format!("2026-11-24T{number:02}:00:00Z");
        let slower =
            run.measurements.iter_mut().filter(|m| m.backend == "container" && m.unit == Unit::Nanoseconds);
        if number >= count - count / 3 {
            slower.flat_map(|m| &mut m.samples).for_each(|sample| *sample *= 1.15);
        }
        run
    };
    (0..count).map(one).collect()
}
